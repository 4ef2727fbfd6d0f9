//! What a client sees that comes back and remembers nothing.

use centrale_calls::{CallView, DescriptionKind, Input, LegState, Notice, ParticipantView, Sending, TransferTarget};
use centrale_model::{CallId, CallState, Direction, LegId, ParticipantState, TransferState};

use crate::script::*;

fn alices(state: CallState, bob: ParticipantView) -> CallView {
    let own = match state {
        CallState::Connecting | CallState::Ringing => ParticipantState::Connecting,
        CallState::LocalHold => ParticipantState::Hold,
        _ => ParticipantState::Connected,
    };
    CallView {
        is_group: false,
        group: None,
        is_conference: false,
        own: alice_view(own),
        call: CallId::from_u128(1),
        direction: Direction::Outgoing,
        state,
        participant_id: place(100),
        display_name: Some("Alice".to_owned()),
        sending: alice_sends(),
        others: vec![bob],
        epoch: 0,
        incoming: None,
        transfer: None,
    }
}

fn bobs(state: CallState, alice: ParticipantView) -> CallView {
    CallView {
        is_group: false,
        group: None,
        is_conference: false,
        own: bob_view(BOB, ParticipantState::Connected),
        call: CallId::from_u128(1),
        direction: Direction::Incoming,
        state,
        participant_id: place(201),
        display_name: Some("Bob".to_owned()),
        sending: Sending::default(),
        others: vec![alice],
        epoch: 0,
        incoming: None,
        transfer: None,
    }
}

fn bob_not_in_yet(state: ParticipantState) -> ParticipantView {
    ParticipantView { participant_id: None, display_name: None, ..bob_view(BOB, state) }
}

#[test]
fn while_it_rings() {
    let mut script = Script::ringing(1);
    let connecting = alices(CallState::Connecting, bob_not_in_yet(ParticipantState::Connecting));
    assert_eq!(script.call().view_for(ALICE), Some(connecting));
    script.play(100, Input::Ringing(BOB), [alerting(BOB), tell(ALICE, Notice::Ringing)]);
    let ringing = alices(CallState::Ringing, bob_not_in_yet(ParticipantState::Ringing));
    assert_eq!(script.call().view_for(ALICE), Some(ringing));
    let at_bobs = CallView {
        display_name: None,
        own: bob_not_in_yet(ParticipantState::Ringing),
        incoming: Some(Start::default().incoming()),
        ..bobs(CallState::Ringing, alice_view(ParticipantState::Connecting))
    };
    assert_eq!(script.call().view_for(BOB), Some(at_bobs));
    assert_eq!(script.call().view_for(LegId(5)), None);
}

#[test]
fn in_the_call_with_one_side_holding() {
    let mut script = Script::talking();
    let alice_sees = alices(CallState::Connected, bob_view(BOB, ParticipantState::Connected));
    assert_eq!(script.call().view_for(ALICE), Some(alice_sees));
    let hold = [
        record(centrale_calls::Fact::Hold(ALICE, true)),
        state(ALICE, CallState::LocalHold),
        tell(BOB, Notice::Participant(alice_view(ParticipantState::Hold))),
        state(BOB, CallState::RemoteHold),
    ];
    script.play(3000, Input::Hold(ALICE), hold);
    let alice_sees = alices(CallState::LocalHold, bob_view(BOB, ParticipantState::Connected));
    assert_eq!(script.call().view_for(ALICE), Some(alice_sees));
    let bob_sees = bobs(CallState::RemoteHold, alice_view(ParticipantState::Hold));
    assert_eq!(script.call().view_for(BOB), Some(bob_sees));
}

#[test]
fn after_a_peer_connection_was_made_anew() {
    let mut script = Script::talking();
    let offer = description(DescriptionKind::Offer, 4);
    script.play(
        3000,
        Input::Describe(BOB, offer.clone()),
        [
            record(centrale_calls::Fact::Described(BOB, DescriptionKind::Offer, 4)),
            tell(ALICE, Notice::Description(place(201), offer)),
        ],
    );
    assert_eq!(script.call().view_for(ALICE).map(|view| view.epoch), Some(4));
}

#[test]
fn in_a_transfer() {
    let mut script = Script::talking();
    let target = TransferTarget::Identity(carol());
    let told = Notice::Transfer { transfer: 0, state: TransferState::Transferring, error: None };
    let request = Notice::TransferRequested { transfer: 0, transferor: alice(), target: target.clone() };
    script.play(
        3000,
        Input::Transfer(ALICE, target),
        [
            record(centrale_calls::Fact::Transfer(0, TransferState::Transferring)),
            tell(ALICE, told.clone()),
            tell(BOB, request.clone()),
        ],
    );
    let transfer_seen_by = |leg| script.call().view_for(leg).and_then(|view| view.transfer);
    assert_eq!(transfer_seen_by(ALICE), Some(told));
    assert_eq!(transfer_seen_by(BOB), Some(request));
}

#[test]
fn legs_say_whose_they_are_and_how_they_stand() {
    let mut script = Script::ringing(2);
    script.play(100, Input::Decline { leg: BOB, is_busy: false }, declined(BOB, centrale_model::EndReason::DECLINED));
    let legs: Vec<_> = script
        .call()
        .legs()
        .map(|leg| (leg.id(), leg.endpoint(), leg.identity().clone(), leg.participant_id(), leg.state()))
        .collect();
    let over = LegState::Over(centrale_model::EndReason::DECLINED);
    assert_eq!(
        legs,
        [
            (ALICE, endpoint(100), alice(), place(100), LegState::Calling),
            (BOB, endpoint(201), bob(), place(201), over),
            (BOB_TOO, endpoint(202), bob(), place(202), LegState::Ringing),
        ]
    );
}
