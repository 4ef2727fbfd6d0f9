//! Hanging up a call that was answered, and the time each side was in it.

use centrale_calls::Input;
use centrale_model::{EndReason, LegId};

use crate::script::*;

#[test]
fn either_side_hangs_up_for_both() {
    for leg in [ALICE, BOB] {
        let mut script = Script::talking();
        script.play(61_234, Input::HangUp { leg, for_everyone: false }, both_left(EndReason::HUNG_UP, 60_234));
        script.ends(EndReason::HUNG_UP);
    }
}

#[test]
fn the_organiser_ends_the_call_for_everyone() {
    let mut script = Script::talking();
    let expected = all([
        left(ALICE, EndReason::HUNG_UP, 2000).to_vec(),
        left(BOB, EndReason::ENDED_FOR_ALL, 2000).to_vec(),
        vec![ended(EndReason::ENDED_FOR_ALL)],
    ]);
    script.play(3000, Input::HangUp { leg: ALICE, for_everyone: true }, expected);
    script.ends(EndReason::ENDED_FOR_ALL);
}

#[test]
fn time_in_the_call_counts_from_the_answer_even_without_media() {
    let mut script = Script::answered();
    script.play(1001, Input::HangUp { leg: BOB, for_everyone: false }, both_left(EndReason::HUNG_UP, 1));
    script.ends(EndReason::HUNG_UP);
}

#[test]
fn a_moment_before_the_last_one_counts_as_the_last_one() {
    let mut call = centrale_calls::Call::new(centrale_model::CallId::from_u128(1), Default::default());
    let at = centrale_model::Time::from_millis;
    call.handle(Start::default().input(), at(1000));
    call.handle(accept(BOB), at(2000));
    call.handle(Input::Tick, at(5000));
    call.handle(Input::HangUp { leg: BOB, for_everyone: false }, at(10));
    let outputs: Vec<_> = core::iter::from_fn(|| call.poll()).collect();
    assert!(outputs.ends_with(&both_left(EndReason::HUNG_UP, 3000)));
}

#[test]
fn a_leg_that_is_not_there_cannot_hang_up() {
    let mut script = Script::talking();
    script.nothing(3000, Input::HangUp { leg: LegId(2), for_everyone: true });
    script.nothing(3000, Input::HangUp { leg: LegId(u32::MAX), for_everyone: true });
    script.awaits_nothing();
}
