//! Ringing: what the caller hears, devices that appear late, and how long it lasts.

use centrale_calls::{Call, Fact, Input, Notice, Why};
use centrale_model::{EndReason, LegId};

use crate::script::*;

#[test]
fn the_caller_hears_ringing_once() {
    let mut script = Script::ringing(2);
    script.play(100, Input::Ringing(BOB), [alerting(BOB), tell(ALICE, Notice::Ringing)]);
    script.nothing(110, Input::Ringing(BOB));
    script.play(120, Input::Ringing(BOB_TOO), [alerting(BOB_TOO)]);
    script.nothing(130, Input::Ringing(ALICE));
    script.nothing(140, Input::Ringing(LegId(9)));
    script.awaits(120_000, Why::Ring);
}

#[test]
fn nobody_answers_in_time() {
    let mut script = Script::ringing(2);
    script.play(100, Input::Ringing(BOB), [alerting(BOB), tell(ALICE, Notice::Ringing)]);
    let reason = EndReason::NOT_ANSWERED;
    let expected = all([
        vec![told_end(ALICE, reason)],
        not_answered(BOB, reason).to_vec(),
        not_answered(BOB_TOO, reason).to_vec(),
        vec![ended(reason)],
    ]);
    script.expire(120_000, Why::Ring, expected);
    script.ends(reason);
}

#[test]
fn no_device_alerts_in_time() {
    let mut script = Script::ringing(1);
    let reason = Call::UNREACHABLE;
    let expected = all([vec![told_end(ALICE, reason)], not_answered(BOB, reason).to_vec(), vec![ended(reason)]]);
    script.expire(85_000, Why::Establish, expected);
    script.ends(reason);
}

#[test]
fn an_answer_that_comes_with_the_deadline_is_too_late() {
    let mut script = Script::ringing(1);
    script.play(100, Input::Ringing(BOB), [alerting(BOB), tell(ALICE, Notice::Ringing)]);
    let reason = EndReason::NOT_ANSWERED;
    let expected = all([vec![told_end(ALICE, reason)], not_answered(BOB, reason).to_vec(), vec![ended(reason)]]);
    script.play(120_000, accept(BOB), expected);
    script.ends(reason);
}

#[test]
fn a_device_that_appears_rings_too_with_the_candidates_so_far() {
    let mut script = Script::ringing(1);
    script.play(
        50,
        Input::Candidates(ALICE, candidates(0, &["one", "two"])),
        [tell(BOB, Notice::Candidates(place(100), candidates(0, &["one", "two"])))],
    );
    let mut incoming = Start::default().incoming();
    if let Notice::Incoming { candidates: so_far, .. } = &mut incoming {
        so_far.push(candidates(0, &["one", "two"]));
    }
    let appeared = Input::DeviceAppeared { identity: bob(), device: device(2) };
    script.play(60, appeared.clone(), [rung(BOB_TOO, endpoint(202)), tell(BOB_TOO, incoming)]);
    script.nothing(70, appeared);
    script.nothing(80, Input::DeviceAppeared { identity: carol(), device: device(3) });
    script.nothing(90, Input::DeviceAppeared { identity: alice(), device: device(4) });
    script.awaits(85_000, Why::Establish);
}

#[test]
fn a_device_that_declined_does_not_ring_again() {
    let mut script = Script::ringing(2);
    script.play(100, Input::Decline { leg: BOB, is_busy: false }, declined(BOB, EndReason::DECLINED));
    script.nothing(200, Input::DeviceAppeared { identity: bob(), device: device(1) });
}

#[test]
fn a_device_that_was_busy_rings_once_it_is_free() {
    let mut script = Script::ringing(1);
    let appeared = |device| Input::DeviceAppeared { identity: bob(), device };
    script.play(100, appeared(busy_device(2)), [record(Fact::NotAnswered(BOB_TOO, EndReason::BUSY))]);
    script.nothing(200, appeared(busy_device(2)));
    script.play(300, appeared(device(2)), [rung(LegId(3), endpoint(202)), tell(LegId(3), Start::default().incoming())]);
    assert_eq!(script.call().leg_of(endpoint(202)), Some(LegId(3)));
}

#[test]
fn a_device_that_appears_after_the_answer_does_not_ring() {
    let mut script = Script::answered();
    script.nothing(1100, Input::DeviceAppeared { identity: bob(), device: device(2) });
}
