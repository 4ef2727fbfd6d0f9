//! Candidates on their way: before the answer, after it, and of peer connections that are gone.

use centrale_calls::{Candidates, Device, Input, Notice, Sealed};

use crate::script::*;

#[test]
fn the_callers_candidates_go_to_every_device_that_rings() {
    let mut script = Script::ringing(2);
    let batch = candidates(0, &["host", "srflx"]);
    script.play(
        10,
        Input::Candidates(ALICE, batch.clone()),
        [
            tell(BOB, Notice::Candidates(place(100), batch.clone())),
            tell(BOB_TOO, Notice::Candidates(place(100), batch)),
        ],
    );
    script.nothing(20, Input::Candidates(ALICE, candidates(0, &[])));
}

#[test]
fn the_callees_candidates_wait_for_its_answer() {
    let mut script = Script::ringing(2);
    script.nothing(10, Input::Candidates(BOB, candidates(0, &["bob one"])));
    script.nothing(20, Input::Candidates(BOB_TOO, candidates(0, &["not this"])));
    script.nothing(30, Input::Candidates(BOB, candidates(0, &["bob two", "bob three"])));
    let expected = all([
        answered_on(BOB),
        vec![
            tell(ALICE, Notice::Candidates(place(201), candidates(0, &["bob one"]))),
            tell(ALICE, Notice::Candidates(place(201), candidates(0, &["bob two", "bob three"]))),
        ],
        not_answered(BOB_TOO, centrale_model::EndReason::ACCEPTED_ELSEWHERE).to_vec(),
    ]);
    script.play(1000, accept(BOB), expected);
}

#[test]
fn after_the_answer_candidates_pass_between_the_two_sides() {
    let mut script = Script::answered();
    for (from, to, from_place) in [(ALICE, BOB, place(100)), (BOB, ALICE, place(201))] {
        let batch = candidates(0, &["late"]);
        script.play(1100, Input::Candidates(from, batch.clone()), [tell(to, Notice::Candidates(from_place, batch))]);
    }
}

#[test]
fn candidates_pass_to_a_side_that_is_away() {
    let mut script = Script::talking();
    script.play(
        3000,
        Input::Lost { leg: BOB, is_leaving: false },
        [record(centrale_calls::Fact::Presence(BOB, false))],
    );
    let batch = candidates(0, &["late"]);
    script.play(3100, Input::Candidates(ALICE, batch.clone()), [tell(BOB, Notice::Candidates(place(100), batch))]);
}

#[test]
fn what_is_kept_for_later_devices_has_a_bound() {
    let mut script = Script::ringing(1);
    let batch = |from: usize, count: usize| Candidates {
        epoch: 0,
        list: (from..from + count).map(|number| Sealed(number.to_string())).collect(),
    };
    for from in [0, 100, 200, 300] {
        script.play(
            10,
            Input::Candidates(ALICE, batch(from, 100)),
            [tell(BOB, Notice::Candidates(place(100), batch(from, 100)))],
        );
    }
    let mut incoming = Start::default().incoming();
    if let Notice::Incoming { candidates, .. } = &mut incoming {
        *candidates = vec![batch(0, 100), batch(100, 100), batch(200, 56)];
    }
    let device: Device = device(2);
    script.play(
        20,
        Input::DeviceAppeared { identity: bob(), device },
        [rung(BOB_TOO, endpoint(202)), tell(BOB_TOO, incoming)],
    );
}

#[test]
fn candidates_of_a_callees_page_that_was_reloaded_before_it_answered_are_forgotten() {
    let mut script = Script::ringing(1);
    script.nothing(10, Input::Candidates(BOB, candidates(0, &["of the old page"])));
    script.nothing(20, Input::Candidates(BOB, candidates(1, &["of the new page"])));
    let mut answered = accept(BOB);
    if let Input::Accept { answer, .. } = &mut answered {
        answer.epoch = 1;
    }
    let mut expected = answered_on(BOB);
    if let Some(centrale_calls::Output::Tell(ALICE, Notice::Accepted { answer, .. })) = expected.last_mut() {
        answer.epoch = 1;
    }
    expected.push(tell(ALICE, Notice::Candidates(place(201), candidates(1, &["of the new page"]))));
    script.play(1000, answered, expected);
}
