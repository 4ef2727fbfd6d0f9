//! The caller gives up before anybody answered.

use centrale_calls::Input;
use centrale_model::EndReason;

use crate::script::*;

#[test]
fn every_device_stops_ringing_when_the_caller_gives_up() {
    for for_everyone in [false, true] {
        let mut script = Script::ringing(2);
        let expected = all([
            vec![told_end(ALICE, EndReason::HUNG_UP)],
            not_answered(BOB, EndReason::CANCELLED).to_vec(),
            not_answered(BOB_TOO, EndReason::CANCELLED).to_vec(),
            vec![ended(EndReason::CANCELLED)],
        ]);
        script.play(5000, Input::HangUp { leg: ALICE, for_everyone }, expected);
        script.ends(EndReason::CANCELLED);
    }
}

#[test]
fn a_device_that_declined_is_not_told_again() {
    let mut script = Script::ringing(2);
    script.play(100, Input::Decline { leg: BOB, is_busy: false }, declined(BOB, EndReason::DECLINED));
    let expected = all([
        vec![told_end(ALICE, EndReason::HUNG_UP)],
        not_answered(BOB_TOO, EndReason::CANCELLED).to_vec(),
        vec![ended(EndReason::CANCELLED)],
    ]);
    script.play(5000, Input::HangUp { leg: ALICE, for_everyone: false }, expected);
    script.ends(EndReason::CANCELLED);
}
