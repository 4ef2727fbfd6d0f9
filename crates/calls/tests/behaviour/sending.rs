//! Mute, camera and screen: the other side sees what changes.

use centrale_calls::{Fact, Input, Notice, Sending};
use centrale_model::ParticipantState;

use crate::script::*;

const MUTED: Sending = Sending { muted: true, video: false, screen: false };
const SCREEN: Sending = Sending { muted: false, video: false, screen: true };

#[test]
fn the_other_side_sees_what_a_side_sends() {
    let mut script = Script::talking();
    let mut view = alice_view(ParticipantState::Connected);
    view.sending = MUTED;
    script.play(
        3000,
        Input::Sending(ALICE, MUTED),
        [record(Fact::Sending(ALICE, MUTED)), tell(BOB, Notice::Participant(view))],
    );
    script.nothing(3100, Input::Sending(ALICE, MUTED));
    let mut view = bob_view(BOB, ParticipantState::Connected);
    view.sending = SCREEN;
    script.play(
        4000,
        Input::Sending(BOB, SCREEN),
        [record(Fact::Sending(BOB, SCREEN)), tell(ALICE, Notice::Participant(view))],
    );
    script.awaits_nothing();
}

#[test]
fn who_answers_sees_what_the_caller_changed_while_it_rang() {
    let mut script = Script::ringing(1);
    script.play(100, Input::Sending(ALICE, MUTED), [record(Fact::Sending(ALICE, MUTED))]);
    script.nothing(200, Input::Sending(BOB, SCREEN));
    let mut expected = answered_on(BOB);
    let mut view = alice_view(ParticipantState::Connected);
    view.sending = MUTED;
    expected[3] = tell(BOB, Notice::Participant(view));
    script.play(1000, accept(BOB), expected);
}
