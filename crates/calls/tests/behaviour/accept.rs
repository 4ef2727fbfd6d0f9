//! Answering: the first device wins (B-CALL-9), and media has to follow.

use centrale_calls::{Input, Why};
use centrale_model::{EndReason, LegId};

use crate::script::*;

#[test]
fn an_answer_connects_both_sides() {
    let script = Script::answered();
    assert!(script.call().is_connected());
    script.awaits(26_000, Why::MediaSetup);
}

#[test]
fn the_first_answer_wins_and_the_others_stop_ringing() {
    let mut script = Script::ringing(3);
    let elsewhere = EndReason::ACCEPTED_ELSEWHERE;
    let expected =
        all([answered_on(BOB_TOO), not_answered(BOB, elsewhere).to_vec(), not_answered(LegId(3), elsewhere).to_vec()]);
    script.play(1000, accept(BOB_TOO), expected);
    script.nothing(1001, accept(BOB));
    script.nothing(1002, accept(BOB_TOO));
    script.nothing(1003, Input::Ringing(BOB));
    script.nothing(1004, Input::Decline { leg: BOB, is_busy: false });
    script.nothing(1005, Input::HangUp { leg: BOB, for_everyone: true });
    script.awaits(26_000, Why::MediaSetup);
    assert_eq!(script.call().leg_of(endpoint(201)), None);
    assert_eq!(script.call().leg_of(endpoint(202)), Some(BOB_TOO));
}

#[test]
fn an_answer_needs_no_ringing_before() {
    let mut script = Script::ringing(1);
    script.play(1000, accept(BOB), answered_on(BOB));
    script.nothing(1001, Input::Ringing(BOB));
}

#[test]
fn the_caller_cannot_answer_its_own_call() {
    let mut script = Script::ringing(1);
    script.nothing(1000, accept(ALICE));
    script.nothing(1000, accept(LegId(7)));
    script.awaits(85_000, Why::Establish);
}
