//! Group calls with several targets: each rings, some come, the call goes on without the others (B-TYPE-4).

use centrale_calls::{DescriptionKind, Fact, Input, Notice, Order, Output, ParticipantView, SeatFact, Sending, Why};
use centrale_model::{CallState, EndReason, ParticipantState};

use crate::group::*;
use crate::script::*;

fn waiting(number: u32, state: ParticipantState) -> ParticipantView {
    nobody(person(number), state)
}

fn incoming(number: u32) -> Vec<Output> {
    let notice = Notice::Incoming {
        caller: view(1, ParticipantState::Connecting),
        offer: None,
        candidates: Vec::new(),
        transferor: None,
        replaces: None,
        context: Some(centrale_calls::Sealed("context".to_owned())),
    };
    vec![record(Fact::Rung(leg(number), person(number), endpoint(number))), tell(leg(number), notice)]
}

/// Person 1 has called 2 and 3; the media processor has answered 1.
fn dialled() -> Script {
    let mut script = Script::fresh();
    let both = [2, 3].map(|number| waiting(number, ParticipantState::Connecting)).to_vec();
    script.play(
        0,
        dial(3),
        all([
            vec![record(Fact::Started { caller: person(1), targets: vec![person(2), person(3)] })],
            incoming(2),
            incoming(3),
            vec![
                tell(leg(1), Notice::Participants(both)),
                record(Fact::Described(leg(1), DescriptionKind::Offer, 0)),
                admit(1, 0),
            ],
        ]),
    );
    script.play(100, answered(1, 0), [seat(leg(1), SeatFact::Answered(0))]);
    script.play(200, up(1, 0), [seat(leg(1), SeatFact::Up(0))]);
    script
}

fn accept_with_offer(number: u32) -> Input {
    Input::Accept {
        leg: leg(number),
        display_name: Some(format!("Person {number}")),
        answer: description(DescriptionKind::Offer, 0),
        sending: Sending::default(),
    }
}

/// Person 2 has answered at 1 s: the two are in, 3 still rings.
fn answered_by_two() -> Script {
    let mut script = dialled();
    script.play(1000, accept_with_offer(2), joining(2, leg(2), 0));
    let others = vec![in_call(1), waiting(3, ParticipantState::Connecting)];
    script.play(
        1000,
        answered(2, 0),
        all([
            vec![
                seat(leg(2), SeatFact::Answered(0)),
                record(Fact::Connected(leg(1), person(1), place(1))),
                state(leg(1), CallState::Connected),
                record(Fact::Connected(leg(2), person(2), place(2))),
                tell(leg(2), Notice::Joined),
                tell(leg(2), Notice::Participants(others)),
            ],
            seen_by([1], &in_call(2)),
            vec![conference(leg(2), 0)],
        ]),
    );
    script.play(1100, up(2, 0), [seat(leg(2), SeatFact::Up(0))]);
    script
}

#[test]
fn everybody_rings_and_the_caller_hears_it_once() {
    let mut script = dialled();
    script.awaits(85_000, Why::Alert(1));
    let ringing = waiting(3, ParticipantState::Ringing);
    script.play(
        500,
        Input::Ringing(leg(3)),
        all([vec![alerting(leg(3))], seen_by([1], &ringing), vec![tell(leg(1), Notice::Ringing)]]),
    );
    assert_eq!(script.call().view_for(leg(1)).map(|view| view.state), Some(CallState::Ringing));
    let ringing = waiting(2, ParticipantState::Ringing);
    script.play(600, Input::Ringing(leg(2)), all([vec![alerting(leg(2))], seen_by([1], &ringing)]));
    script.awaits(120_000, Why::Answer(1));
}

#[test]
fn the_time_of_the_caller_counts_from_the_first_who_is_in() {
    let mut script = answered_by_two();
    script.play(
        61_000,
        Input::HangUp { leg: leg(1), for_everyone: true },
        all([
            vec![told_end(leg(1), EndReason::HUNG_UP)],
            vec![record(Fact::Left {
                leg: leg(1),
                identity: person(1),
                participant_id: place(1),
                reason: EndReason::HUNG_UP,
                connected_ms: 60_000,
            })],
            vec![told_end(leg(2), EndReason::ENDED_FOR_ALL)],
            vec![record(Fact::Left {
                leg: leg(2),
                identity: person(2),
                participant_id: place(2),
                reason: EndReason::ENDED_FOR_ALL,
                connected_ms: 60_000,
            })],
            not_answered(leg(3), EndReason::ENDED_FOR_ALL).to_vec(),
            vec![order(Order::Close), ended(EndReason::ENDED_FOR_ALL)],
        ]),
    );
    script.ends(EndReason::ENDED_FOR_ALL);
}

#[test]
fn the_call_goes_on_when_one_declines() {
    let mut script = answered_by_two();
    let gone = ParticipantView { end_reason: Some(EndReason::DECLINED), ..waiting(3, ParticipantState::Disconnected) };
    script.play(
        2000,
        Input::Decline { leg: leg(3), is_busy: false },
        all([declined(leg(3), EndReason::DECLINED).to_vec(), seen_by([1, 2], &gone)]),
    );
    script.awaits_nothing();
    assert_eq!(script.call().view_for(leg(1)).expect("live").others, [in_call(2)]);
}

#[test]
fn the_call_goes_on_when_one_does_not_answer_in_time() {
    let mut script = answered_by_two();
    let gone = ParticipantView {
        end_reason: Some(centrale_calls::Call::UNREACHABLE),
        ..waiting(3, ParticipantState::Disconnected)
    };
    let expected = all([not_answered(leg(3), centrale_calls::Call::UNREACHABLE).to_vec(), seen_by([1, 2], &gone)]);
    script.expire(85_000, Why::Alert(2), expected);
    script.awaits_nothing();
}

#[test]
fn when_nobody_comes_the_call_is_over_as_it_would_be_between_two() {
    let mut script = dialled();
    let gone = ParticipantView { end_reason: Some(EndReason::DECLINED), ..waiting(2, ParticipantState::Disconnected) };
    script.play(
        500,
        Input::Decline { leg: leg(2), is_busy: false },
        all([declined(leg(2), EndReason::DECLINED).to_vec(), seen_by([1], &gone)]),
    );
    let gone = ParticipantView { end_reason: Some(EndReason::BUSY), ..waiting(3, ParticipantState::Disconnected) };
    script.play(
        600,
        Input::Decline { leg: leg(3), is_busy: true },
        all([
            declined(leg(3), EndReason::BUSY).to_vec(),
            seen_by([1], &gone),
            vec![told_end(leg(1), EndReason::DECLINED_BY_ALL), order(Order::Close), ended(EndReason::DECLINED_BY_ALL)],
        ]),
    );
    script.ends(EndReason::DECLINED_BY_ALL);
}

#[test]
fn who_has_no_device_is_told_at_once_and_the_others_ring() {
    let mut script = Script::fresh();
    let mut input = dial(3);
    if let Input::Start { targets, .. } = &mut input {
        targets[0].devices.clear();
    }
    let gone =
        ParticipantView { end_reason: Some(EndReason::NO_ENDPOINT), ..waiting(2, ParticipantState::Disconnected) };
    let mut call = script.call().clone();
    call.handle(input, centrale_model::Time::ZERO);
    let outputs: Vec<Output> = core::iter::from_fn(|| call.poll()).collect();
    assert!(outputs.contains(&tell(leg(1), Notice::Participant(gone))), "{outputs:?}");
    assert!(outputs.contains(&admit(1, 0)));
    assert_eq!(call.is_over(), None);
    script.nothing(0, Input::Tick);
}

#[test]
fn the_caller_gives_up() {
    let mut script = dialled();
    script.play(
        700,
        Input::HangUp { leg: leg(1), for_everyone: false },
        all([
            vec![told_end(leg(1), EndReason::HUNG_UP)],
            not_answered(leg(2), EndReason::CANCELLED).to_vec(),
            not_answered(leg(3), EndReason::CANCELLED).to_vec(),
            vec![order(Order::Close), ended(EndReason::CANCELLED)],
        ]),
    );
    script.ends(EndReason::CANCELLED);
}

#[test]
fn an_answer_between_two_is_no_way_into_a_conference() {
    let mut script = dialled();
    let mut input = accept_with_offer(2);
    if let Input::Accept { answer, .. } = &mut input {
        answer.kind = DescriptionKind::Answer;
    }
    script.nothing(800, input);
}

#[test]
fn a_device_that_comes_online_later_rings_too() {
    let mut script = answered_by_two();
    let device = centrale_calls::Device { endpoint: endpoint(33), participant_id: place(33), is_busy: false };
    let notice = Notice::Incoming {
        caller: in_call(1),
        offer: None,
        candidates: Vec::new(),
        transferor: None,
        replaces: None,
        context: Some(centrale_calls::Sealed("context".to_owned())),
    };
    script.play(
        2000,
        Input::DeviceAppeared { identity: person(3), device },
        [record(Fact::Rung(leg(4), person(3), endpoint(33))), tell(leg(4), notice)],
    );
    // Person 2 is in, and does not ring.
    let device = centrale_calls::Device { endpoint: endpoint(22), participant_id: place(22), is_busy: false };
    script.nothing(2000, Input::DeviceAppeared { identity: person(2), device });
}
