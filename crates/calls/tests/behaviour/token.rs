//! Tokens that run out in a call.

use centrale_calls::Input;
use centrale_model::EndReason;

use crate::script::*;

#[test]
fn a_leg_without_a_token_leaves_and_the_other_side_sees_it_vanish() {
    let mut script = Script::talking();
    let expected = all([
        left(ALICE, EndReason::VANISHED, 4000).to_vec(),
        left(BOB, EndReason::TOKEN_INVALID, 4000).to_vec(),
        vec![ended(EndReason::TOKEN_INVALID)],
    ]);
    script.play(5000, Input::TokenOver(BOB), expected);
    script.ends(EndReason::TOKEN_INVALID);
}

#[test]
fn a_caller_without_a_token_stops_calling() {
    let mut script = Script::ringing(1);
    let expected = all([
        vec![told_end(ALICE, EndReason::TOKEN_INVALID)],
        not_answered(BOB, EndReason::VANISHED).to_vec(),
        vec![ended(EndReason::TOKEN_INVALID)],
    ]);
    script.play(5000, Input::TokenOver(ALICE), expected);
    script.ends(EndReason::TOKEN_INVALID);
}

#[test]
fn a_device_without_a_token_stops_ringing() {
    let mut script = Script::ringing(2);
    script.play(100, Input::TokenOver(BOB), not_answered(BOB, EndReason::TOKEN_INVALID));
    script.nothing(200, Input::TokenOver(BOB));
    let over = vec![told_end(ALICE, EndReason::OFFLINE), ended(EndReason::OFFLINE)];
    let expected = all([not_answered(BOB_TOO, EndReason::TOKEN_INVALID).to_vec(), over]);
    script.play(300, Input::TokenOver(BOB_TOO), expected);
    script.ends(EndReason::OFFLINE);
}
