//! Hold and resume on either side and on both (B-CALL-5).

use centrale_calls::{Fact, Input, Notice};
use centrale_model::{CallState, LegId, ParticipantState};

use crate::script::*;

fn seen(by: LegId, of: LegId, how: ParticipantState) -> centrale_calls::Output {
    let view = if of == ALICE { alice_view(how) } else { bob_view(of, how) };
    tell(by, Notice::Participant(view))
}

#[test]
fn one_side_holds_and_resumes() {
    for (leg, other) in [(ALICE, BOB), (BOB, ALICE)] {
        let mut script = Script::talking();
        let sorted = |own: centrale_calls::Output, others: Vec<centrale_calls::Output>| {
            if leg == ALICE { all([vec![own], others]) } else { all([others, vec![own]]) }
        };
        let expected = sorted(
            state(leg, CallState::LocalHold),
            vec![seen(other, leg, ParticipantState::Hold), state(other, CallState::RemoteHold)],
        );
        script.play(3000, Input::Hold(leg), all([vec![record(Fact::Hold(leg, true))], expected]));
        script.nothing(3100, Input::Hold(leg));
        let expected = sorted(
            state(leg, CallState::Connected),
            vec![seen(other, leg, ParticipantState::Connected), state(other, CallState::Connected)],
        );
        script.play(4000, Input::Resume(leg), all([vec![record(Fact::Hold(leg, false))], expected]));
        script.nothing(4100, Input::Resume(leg));
        script.awaits_nothing();
    }
}

#[test]
fn both_hold_and_both_must_resume() {
    let mut script = Script::talking();
    script.play(
        3000,
        Input::Hold(ALICE),
        [
            record(Fact::Hold(ALICE, true)),
            state(ALICE, CallState::LocalHold),
            seen(BOB, ALICE, ParticipantState::Hold),
            state(BOB, CallState::RemoteHold),
        ],
    );
    script.play(
        4000,
        Input::Hold(BOB),
        [record(Fact::Hold(BOB, true)), seen(ALICE, BOB, ParticipantState::Hold), state(BOB, CallState::LocalHold)],
    );
    script.play(
        5000,
        Input::Resume(ALICE),
        [
            record(Fact::Hold(ALICE, false)),
            state(ALICE, CallState::RemoteHold),
            seen(BOB, ALICE, ParticipantState::Connected),
        ],
    );
    script.play(
        6000,
        Input::Resume(BOB),
        [
            record(Fact::Hold(BOB, false)),
            seen(ALICE, BOB, ParticipantState::Connected),
            state(ALICE, CallState::Connected),
            state(BOB, CallState::Connected),
        ],
    );
    script.awaits_nothing();
}

#[test]
fn nobody_holds_a_call_that_only_rings() {
    let mut script = Script::ringing(1);
    for leg in [ALICE, BOB] {
        script.nothing(100, Input::Hold(leg));
        script.nothing(100, Input::Resume(leg));
    }
}
