//! Declining: the caller hears of it when the last device turned the call down.

use centrale_calls::{Fact, Input};
use centrale_model::EndReason;

use crate::script::*;

fn decline(leg: centrale_model::LegId) -> Input {
    Input::Decline { leg, is_busy: false }
}

fn over(reason: EndReason) -> Vec<centrale_calls::Output> {
    vec![told_end(ALICE, reason), ended(reason)]
}

#[test]
fn the_only_device_declines() {
    let mut script = Script::ringing(1);
    let expected = all([declined(BOB, EndReason::DECLINED).to_vec(), over(EndReason::DECLINED)]);
    script.play(100, decline(BOB), expected);
    script.ends(EndReason::DECLINED);
}

#[test]
fn the_caller_hears_only_when_the_last_device_declines() {
    let mut script = Script::ringing(2);
    script.play(100, decline(BOB), declined(BOB, EndReason::DECLINED));
    script.nothing(110, decline(BOB));
    let expected = all([declined(BOB_TOO, EndReason::DECLINED).to_vec(), over(EndReason::DECLINED_BY_ALL)]);
    script.play(200, decline(BOB_TOO), expected);
    script.ends(EndReason::DECLINED_BY_ALL);
}

#[test]
fn after_one_device_declined_another_can_answer() {
    let mut script = Script::ringing(2);
    script.play(100, decline(BOB), declined(BOB, EndReason::DECLINED));
    script.play(200, accept(BOB_TOO), answered_on(BOB_TOO));
}

#[test]
fn a_device_that_is_busy_by_its_own_decision_makes_the_call_busy() {
    let mut script = Script::ringing(1);
    let expected = all([declined(BOB, EndReason::BUSY).to_vec(), over(EndReason::BUSY)]);
    script.play(100, Input::Decline { leg: BOB, is_busy: true }, expected);
    script.ends(EndReason::BUSY);
}

#[test]
fn one_device_declines_and_the_other_was_busy_from_the_start() {
    let mut script = Script::fresh();
    script.play(
        0,
        Start { devices: vec![busy_device(1), device(2)], ..Start::default() }.input(),
        [
            started(),
            record(Fact::NotAnswered(BOB, EndReason::BUSY)),
            rung(BOB_TOO, endpoint(202)),
            tell(BOB_TOO, Start::default().incoming()),
        ],
    );
    let expected = all([declined(BOB_TOO, EndReason::DECLINED).to_vec(), over(EndReason::DECLINED)]);
    script.play(100, decline(BOB_TOO), expected);
    script.ends(EndReason::DECLINED);
}

#[test]
fn hanging_up_a_device_that_rings_declines() {
    let mut script = Script::ringing(1);
    let expected = all([declined(BOB, EndReason::DECLINED).to_vec(), over(EndReason::DECLINED)]);
    script.play(100, Input::HangUp { leg: BOB, for_everyone: true }, expected);
    script.ends(EndReason::DECLINED);
}

#[test]
fn nobody_declines_a_call_he_is_in() {
    let mut script = Script::answered();
    script.nothing(1100, decline(BOB));
    script.nothing(1100, decline(ALICE));
}
