//! Placing a call: whom it rings, and when there is nobody to ring.

use centrale_calls::{Call, Fact, Input, Target, Why};
use centrale_model::{EndReason, LegId};

use crate::script::*;

fn start(devices: Vec<centrale_calls::Device>, is_registered: bool) -> Input {
    Start { devices, is_registered, ..Start::default() }.input()
}

fn over_at_once(reason: EndReason) -> Vec<centrale_calls::Output> {
    vec![started(), told_end(ALICE, reason), ended(reason)]
}

#[test]
fn every_device_of_the_callee_rings() {
    let script = Script::ringing(3);
    script.awaits(85_000, Why::Establish);
    assert_eq!(script.call().legs().count(), 4);
    assert_eq!(script.call().leg_of(endpoint(203)), Some(LegId(3)));
}

#[test]
fn nobody_registered_ends_the_call() {
    let mut script = Script::fresh();
    script.play(0, start(vec![], false), over_at_once(EndReason::NO_ENDPOINT));
    script.ends(EndReason::NO_ENDPOINT);
}

#[test]
fn nobody_online_ends_the_call() {
    let mut script = Script::fresh();
    script.play(0, start(vec![], true), over_at_once(EndReason::OFFLINE));
    script.ends(EndReason::OFFLINE);
}

#[test]
fn everybody_busy_ends_the_call() {
    let mut script = Script::fresh();
    script.play(
        0,
        start(vec![busy_device(1), busy_device(2)], true),
        [
            started(),
            record(Fact::NotAnswered(BOB, EndReason::BUSY)),
            record(Fact::NotAnswered(BOB_TOO, EndReason::BUSY)),
            told_end(ALICE, EndReason::BUSY),
            ended(EndReason::BUSY),
        ],
    );
    script.ends(EndReason::BUSY);
}

#[test]
fn a_busy_device_does_not_ring_and_the_others_do() {
    let mut script = Script::fresh();
    script.play(
        0,
        start(vec![busy_device(1), device(2)], true),
        [
            started(),
            record(Fact::NotAnswered(BOB, EndReason::BUSY)),
            rung(BOB_TOO, endpoint(202)),
            tell(BOB_TOO, Start::default().incoming()),
        ],
    );
    script.awaits(85_000, Why::Establish);
}

#[test]
fn the_callers_own_device_and_repeated_devices_do_not_ring() {
    let own = centrale_calls::Device { endpoint: endpoint(100), ..device(9) };
    let mut script = Script::fresh();
    script.play(
        0,
        start(vec![own, device(1), device(1)], true),
        [started(), rung(BOB, endpoint(201)), tell(BOB, Start::default().incoming())],
    );
    assert_eq!(script.call().legs().count(), 2);
}

#[test]
fn a_call_to_none_or_to_several_is_refused() {
    let target = |identity| Target { identity, devices: vec![device(1)], absence: EndReason::OFFLINE };
    for targets in [vec![], vec![target(bob()), target(carol())]] {
        let mut input = Start::default().input();
        if let Input::Start { targets: of_input, .. } = &mut input {
            of_input.clone_from(&targets);
        }
        let identities = targets.into_iter().map(|target| target.identity).collect();
        let mut script = Script::fresh();
        script.play(
            0,
            input,
            [
                record(Fact::Started { caller: alice(), targets: identities }),
                told_end(ALICE, Call::NOT_ONE_TO_ONE),
                ended(Call::NOT_ONE_TO_ONE),
            ],
        );
        script.ends(Call::NOT_ONE_TO_ONE);
    }
}

#[test]
fn nothing_happens_before_the_start_nor_at_a_second_one() {
    let mut script = Script::fresh();
    let begins = |input: &Input| matches!(input, Input::Start { .. } | Input::Join { .. });
    for input in every_input(ALICE).into_iter().filter(|input| !begins(input)) {
        script.nothing(0, input);
    }
    assert_eq!(script.call().timeout(), None);

    let mut script = Script::ringing(1);
    script.nothing(1, Start::default().input());
    let mut script = Script::answered();
    script.nothing(1001, Start::default().input());
}

#[test]
fn a_call_rings_no_more_devices_than_it_has_legs() {
    let script = Script::placed(Start { devices: (1..=63).map(device).collect(), ..Start::default() });
    let mut script = script;
    script.nothing(10, Input::DeviceAppeared { identity: bob(), device: device(64) });
    assert_eq!(script.call().legs().count(), Call::MAX_LEGS);
}
