//! A call between two moves to the media processor: because somebody is added, or because a side asks (B-TYPE-5, B-TOPO-2).

use centrale_calls::{
    DescriptionKind, Fact, Forbidden, Heard, Input, MediaReport, Notice, Order, Output, ParticipantView, Refusal,
    Sealed, SeatFact, Sending, Why,
};
use centrale_model::{CallState, EndReason, LegId, ParticipantState, ReceiveMode};

use crate::group::{admit_as, conference, order, seat, target};
use crate::script::*;

const THIRD: LegId = LegId(2);

/// Alice's place and Bob's.
const A: u32 = 100;
const B: u32 = 201;

fn third_waits(state: ParticipantState) -> ParticipantView {
    nobody(crate::group::person(3), state)
}

fn add() -> Input {
    Input::Add { leg: ALICE, target: target(3) }
}

fn convene(leg: LegId, epoch: u32, is_group: bool) -> Output {
    tell(leg, Notice::Convene { epoch, is_group })
}

/// Alice has added a third at 3 s.
fn adding() -> Script {
    let mut script = Script::talking();
    let incoming = Notice::Incoming {
        caller: alice_view(ParticipantState::Connected),
        offer: None,
        candidates: Vec::new(),
        transferor: None,
        replaces: None,
        context: None,
    };
    let waits = third_waits(ParticipantState::Connecting);
    script.play(
        3000,
        add(),
        [
            record(Fact::Added(ALICE, crate::group::person(3))),
            record(Fact::Rung(THIRD, crate::group::person(3), endpoint(3))),
            tell(THIRD, incoming),
            tell(ALICE, Notice::Participant(waits.clone())),
            tell(BOB, Notice::Participant(waits)),
            record(Fact::Convening),
            convene(ALICE, 1, true),
            convene(BOB, 1, true),
        ],
    );
    script
}

fn offers(script: &mut Script, millis: u64, leg: LegId, place: u32, epoch: u32) {
    let name = if leg == ALICE { "Alice" } else { "Bob" };
    let mut admission = admit_as(place, epoch, Some(name.to_owned()));
    if let Output::Order(Order::Admit { mode, .. }) = &mut admission {
        *mode = ReceiveMode::Auto;
    }
    script.play(
        millis,
        Input::Describe(leg, description(DescriptionKind::Offer, epoch)),
        [record(Fact::Described(leg, DescriptionKind::Offer, epoch)), admission],
    );
    let answer = Input::Heard(Heard::Answered {
        place: crate::script::place(place),
        epoch,
        answer: Sealed(format!("Answer {epoch}")),
    });
    script.play(millis, answer, [seat(leg, SeatFact::Answered(epoch)), conference(leg, epoch)]);
}

fn up(place: u32, epoch: u32) -> Input {
    Input::Heard(Heard::Connected { place: crate::script::place(place), epoch })
}

/// Both have moved at 4 s.
fn moved() -> Script {
    let mut script = adding();
    offers(&mut script, 3100, ALICE, A, 1);
    offers(&mut script, 3200, BOB, B, 1);
    script.play(3300, up(A, 1), [seat(ALICE, SeatFact::Up(1))]);
    script.play(
        4000,
        up(B, 1),
        [
            seat(BOB, SeatFact::Up(1)),
            record(Fact::Convened),
            tell(ALICE, Notice::Convened { epoch: 1 }),
            tell(BOB, Notice::Convened { epoch: 1 }),
        ],
    );
    script
}

#[test]
fn both_build_a_peer_connection_to_the_media_processor_before_the_old_one_goes() {
    let mut script = adding();
    script.awaits(88_000, Why::Alert(2));
    // The peer connection between them lives on.
    let offer = description(DescriptionKind::Offer, 0);
    script.play(
        3050,
        Input::Describe(BOB, offer.clone()),
        [record(Fact::Described(BOB, DescriptionKind::Offer, 0)), tell(ALICE, Notice::Description(place(B), offer))],
    );
    script.play(
        3060,
        Input::Candidates(ALICE, candidates(0, &["c"])),
        [tell(BOB, Notice::Candidates(place(A), candidates(0, &["c"])))],
    );
    script.nothing(3070, Input::Candidates(ALICE, candidates(1, &["c"])));
    let view = script.call().view_for(ALICE).expect("live");
    assert_eq!((view.epoch, view.is_conference, view.is_group), (1, true, true));

    let mut script = moved();
    script.nothing(4100, Input::Describe(BOB, description(DescriptionKind::Offer, 0)));
    script.nothing(4100, Input::Candidates(BOB, candidates(0, &["c"])));
    script.awaits(88_000, Why::Alert(2));
}

#[test]
fn the_third_comes_in_and_sees_both() {
    let mut script = moved();
    let accept = Input::Accept {
        leg: THIRD,
        display_name: Some("Person 3".to_owned()),
        answer: description(DescriptionKind::Offer, 0),
        sending: Sending::default(),
    };
    script.play(5000, accept, crate::group::joining(3, THIRD, 0));
    let bob = bob_view(BOB, ParticipantState::Connected);
    let view = crate::group::in_call(3);
    script.play(
        5100,
        crate::group::answered(3, 0),
        [
            seat(THIRD, SeatFact::Answered(0)),
            record(Fact::Connected(THIRD, crate::group::person(3), place(3))),
            tell(THIRD, Notice::Joined),
            tell(THIRD, Notice::Participants(vec![alice_view(ParticipantState::Connected), bob])),
            tell(ALICE, Notice::Participant(view.clone())),
            tell(BOB, Notice::Participant(view)),
            conference(THIRD, 0),
        ],
    );
    script.play(5200, crate::group::up(3, 0), [seat(THIRD, SeatFact::Up(0))]);
    script.awaits_nothing();
    // From now on each leaves for itself.
    let reason = EndReason::HUNG_UP;
    let gone = ParticipantView { end_reason: Some(reason), ..alice_view(ParticipantState::Disconnected) };
    script.play(
        6000,
        Input::HangUp { leg: ALICE, for_everyone: false },
        all([
            left(ALICE, reason, 5000).to_vec(),
            vec![
                order(Order::Expel(place(A))),
                tell(BOB, Notice::Participant(gone.clone())),
                tell(THIRD, Notice::Participant(gone)),
            ],
        ]),
    );
}

#[test]
fn nobody_to_ring_leaves_the_call_as_it_is() {
    let mut script = Script::talking();
    let mut input = add();
    if let Input::Add { target, .. } = &mut input {
        target.devices.clear();
    }
    let gone =
        ParticipantView { end_reason: Some(EndReason::NO_ENDPOINT), ..third_waits(ParticipantState::Disconnected) };
    script.play(
        3000,
        input,
        [
            record(Fact::Added(ALICE, crate::group::person(3))),
            tell(ALICE, Notice::Participant(gone.clone())),
            tell(BOB, Notice::Participant(gone)),
        ],
    );
    assert!(!script.call().is_group() && !script.call().is_conference());
    script.awaits_nothing();
}

#[test]
fn after_115_s_without_the_media_processor_the_two_go_on_directly() {
    let mut script = adding();
    offers(&mut script, 3100, ALICE, A, 1);
    let gone = |reason| ParticipantView { end_reason: Some(reason), ..third_waits(ParticipantState::Disconnected) };
    let unreachable = centrale_calls::Call::UNREACHABLE;
    script.expire(
        88_000,
        Why::Alert(2),
        all([
            not_answered(THIRD, unreachable).to_vec(),
            vec![
                tell(ALICE, Notice::Participant(gone(unreachable))),
                tell(BOB, Notice::Participant(gone(unreachable))),
            ],
        ]),
    );
    script.expire(
        118_000,
        Why::Convene,
        [
            record(Fact::Adjourned),
            order(Order::Close),
            tell(ALICE, Notice::Adjourned { epoch: 0 }),
            tell(BOB, Notice::Adjourned { epoch: 0 }),
        ],
    );
    script.awaits_nothing();
    let offer = description(DescriptionKind::Offer, 0);
    script.play(
        119_000,
        Input::Describe(BOB, offer.clone()),
        [record(Fact::Described(BOB, DescriptionKind::Offer, 0)), tell(ALICE, Notice::Description(place(B), offer))],
    );
    // The next attempt has an epoch of its own.
    script.play(
        120_000,
        Input::Convene(BOB),
        [record(Fact::Convening), convene(ALICE, 2, false), convene(BOB, 2, false)],
    );
}

#[test]
fn a_move_that_is_refused_is_given_up_at_once_and_who_rings_stops() {
    let mut script = adding();
    let offer = Input::Describe(BOB, description(DescriptionKind::Offer, 1));
    script.play(
        3100,
        offer,
        [record(Fact::Described(BOB, DescriptionKind::Offer, 1)), admit_as(B, 1, Some("Bob".to_owned()))],
    );
    let refused = Input::Heard(Heard::Refused { place: place(B), epoch: 1, because: Refusal::Unreachable });
    let gone =
        ParticipantView { end_reason: Some(EndReason::CANCELLED), ..third_waits(ParticipantState::Disconnected) };
    script.play(
        3200,
        refused,
        all([
            vec![seat(BOB, SeatFact::Refused(1, Refusal::Unreachable)), record(Fact::Adjourned)],
            not_answered(THIRD, EndReason::CANCELLED).to_vec(),
            vec![
                tell(ALICE, Notice::Participant(gone.clone())),
                tell(BOB, Notice::Participant(gone)),
                order(Order::Close),
                tell(ALICE, Notice::Adjourned { epoch: 0 }),
                tell(BOB, Notice::Adjourned { epoch: 0 }),
            ],
        ]),
    );
    script.awaits_nothing();
}

#[test]
fn without_a_direct_path_to_go_back_to_the_call_is_over() {
    let mut script = Script::talking();
    script.play(
        2500,
        Input::Media(BOB, MediaReport::Interrupted),
        [record(Fact::Media(BOB, MediaReport::Interrupted))],
    );
    script.play(
        3000,
        Input::Convene(ALICE),
        [record(Fact::Convening), convene(ALICE, 1, false), convene(BOB, 1, false)],
    );
    script.play(4000, Input::Media(BOB, MediaReport::Failed), [record(Fact::Media(BOB, MediaReport::Failed))]);
    let reason = EndReason::NO_MEDIA_PATH;
    let expected = all([
        vec![record(Fact::Adjourned)],
        left(ALICE, reason, 117_000).to_vec(),
        left(BOB, reason, 117_000).to_vec(),
        vec![order(Order::Close), ended(reason)],
    ]);
    script.expire(118_000, Why::Convene, expected);
    script.ends(reason);
}

#[test]
fn who_is_missing_is_out_when_a_third_is_in() {
    let mut script = adding();
    offers(&mut script, 3100, ALICE, A, 1);
    script.play(3200, up(A, 1), [seat(ALICE, SeatFact::Up(1))]);
    let accept = Input::Accept {
        leg: THIRD,
        display_name: Some("Person 3".to_owned()),
        answer: description(DescriptionKind::Offer, 0),
        sending: Sending::default(),
    };
    script.play(5000, accept, crate::group::joining(3, THIRD, 0));
    let bob = bob_view(BOB, ParticipantState::Connected);
    let view = crate::group::in_call(3);
    script.play(
        5100,
        crate::group::answered(3, 0),
        [
            seat(THIRD, SeatFact::Answered(0)),
            record(Fact::Connected(THIRD, crate::group::person(3), place(3))),
            tell(THIRD, Notice::Joined),
            tell(THIRD, Notice::Participants(vec![alice_view(ParticipantState::Connected), bob])),
            tell(ALICE, Notice::Participant(view.clone())),
            tell(BOB, Notice::Participant(view)),
            conference(THIRD, 0),
        ],
    );
    script.play(5200, crate::group::up(3, 0), [seat(THIRD, SeatFact::Up(0))]);
    let reason = EndReason::NO_MEDIA_PATH;
    let gone = ParticipantView { end_reason: Some(reason), ..bob_view(BOB, ParticipantState::Disconnected) };
    script.expire(
        118_000,
        Why::Convene,
        all([
            vec![record(Fact::Convened), tell(ALICE, Notice::Convened { epoch: 1 })],
            left(BOB, reason, 117_000).to_vec(),
            vec![
                order(Order::Expel(place(B))),
                tell(ALICE, Notice::Participant(gone.clone())),
                tell(THIRD, Notice::Participant(gone)),
            ],
        ]),
    );
    script.awaits_nothing();
}

#[test]
fn a_call_moved_for_its_media_stays_a_call_between_two() {
    let mut script = Script::talking();
    script.play(
        3000,
        Input::Convene(ALICE),
        [record(Fact::Convening), convene(ALICE, 1, false), convene(BOB, 1, false)],
    );
    assert_eq!(script.call().permits(&Input::Convene(BOB)), Err(Forbidden::HereAndNow));
    offers(&mut script, 3100, ALICE, A, 1);
    offers(&mut script, 3100, BOB, B, 1);
    script.play(3200, up(A, 1), [seat(ALICE, SeatFact::Up(1))]);
    script.play(
        3300,
        up(B, 1),
        [
            seat(BOB, SeatFact::Up(1)),
            record(Fact::Convened),
            tell(ALICE, Notice::Convened { epoch: 1 }),
            tell(BOB, Notice::Convened { epoch: 1 }),
        ],
    );
    script.play(
        4000,
        Input::Hold(ALICE),
        [
            record(Fact::Hold(ALICE, true)),
            order(Order::Hold(place(A), true)),
            state(ALICE, CallState::LocalHold),
            tell(BOB, Notice::Participant(alice_view(ParticipantState::Hold))),
            state(BOB, CallState::RemoteHold),
        ],
    );
    let reason = EndReason::HUNG_UP;
    script.play(
        5000,
        Input::HangUp { leg: BOB, for_everyone: false },
        all([
            left(ALICE, reason, 4000).to_vec(),
            left(BOB, reason, 4000).to_vec(),
            vec![order(Order::Close), ended(reason)],
        ]),
    );
    script.ends(reason);
}

#[test]
fn who_was_held_by_the_other_side_no_longer_is_in_a_group() {
    let mut script = Script::talking();
    script.play(
        2500,
        Input::Hold(ALICE),
        [
            record(Fact::Hold(ALICE, true)),
            state(ALICE, CallState::LocalHold),
            tell(BOB, Notice::Participant(alice_view(ParticipantState::Hold))),
            state(BOB, CallState::RemoteHold),
        ],
    );
    let mut call = script.call().clone();
    call.handle(add(), centrale_model::Time::from_millis(3000));
    let outputs: Vec<Output> = core::iter::from_fn(|| call.poll()).collect();
    assert!(outputs.contains(&state(BOB, CallState::Connected)), "{outputs:?}");
    assert_eq!(call.view_for(ALICE).map(|view| view.state), Some(CallState::LocalHold));
    script.nothing(2600, Input::Tick);
}

#[test]
fn a_call_that_only_rings_is_not_moved() {
    let mut script = Script::ringing(1);
    for input in [add(), Input::Convene(ALICE)] {
        assert_eq!(script.call().permits(&input), Err(Forbidden::HereAndNow));
        script.nothing(100, input);
    }
}
