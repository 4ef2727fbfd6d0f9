//! Joining a group call: the first begins it, others see who comes, a page that was reloaded keeps its place (B-CALL-7, 10, 11).

use centrale_calls::{DescriptionKind, Fact, Forbidden, Heard, Input, LegState, Notice, Order, Refusal, SeatFact, Why};
use centrale_model::{CallState, Direction, EndReason, ParticipantState, ReceiveMode};

use crate::group::*;
use crate::script::*;

#[test]
fn the_first_who_joins_begins_the_call_and_waits_for_others() {
    let mut script = Script::fresh();
    script.play(0, join(1, 0), all([vec![opened(1)], joining(1, leg(1), 0)]));
    script.awaits(20_000, Why::Admit(leg(1)));
    assert_eq!(script.call().view_for(leg(1)).map(|view| view.state), Some(CallState::Connecting));
    script.play(
        100,
        answered(1, 0),
        [seat(leg(1), SeatFact::Answered(0)), record(Fact::Connected(leg(1), person(1), place(1)))],
    );
    script.awaits(25_100, Why::Seat(leg(1)));
    script.play(300, up(1, 0), [seat(leg(1), SeatFact::Up(0))]);
    script.awaits_nothing();
    let view = script.call().view_for(leg(1)).expect("a live leg");
    assert_eq!((view.state, view.direction, view.group), (CallState::Connected, Direction::Outgoing, Some(GROUP)));
    assert!(view.is_group && view.is_conference && view.others.is_empty());
}

#[test]
fn who_comes_later_is_seen_by_all_and_sees_all() {
    let mut script = Script::group(2);
    script.joins(1000, 3);
    let view = script.call().view_for(leg(3)).expect("a live leg");
    assert_eq!(view.others, [in_call(1), in_call(2)]);
    assert_eq!(view.own, in_call(3));
    script.awaits_nothing();
}

#[test]
fn nobody_is_seen_before_the_media_processor_took_it_in() {
    let mut script = Script::group(1);
    script.play(1000, join(2, 0), joining(2, leg(2), 0));
    assert_eq!(script.call().leg(leg(2)).map(|leg| leg.state()), Some(LegState::Joining));
    let refused = Input::Heard(Heard::Refused { place: place(2), epoch: 0, because: Refusal::BadOffer });
    let expected = all([
        vec![seat(leg(2), SeatFact::Refused(0, Refusal::BadOffer))],
        not_answered(leg(2), EndReason::OFFER_REFUSED).to_vec(),
        vec![order(Order::Expel(place(2)))],
        seen_by([1], &out(2, EndReason::OFFER_REFUSED)),
    ]);
    script.play(1100, refused.clone(), expected);
    script.nothing(1200, refused);
    script.awaits_nothing();
}

#[test]
fn an_offer_that_nobody_answers_is_given_up_after_20_s() {
    let mut script = Script::fresh();
    script.play(0, join(1, 0), all([vec![opened(1)], joining(1, leg(1), 0)]));
    let expected = all([
        not_answered(leg(1), EndReason::NO_MEDIA_PATH).to_vec(),
        vec![order(Order::Expel(place(1))), order(Order::Close), ended(EndReason::NO_MEDIA_PATH)],
    ]);
    script.expire(20_000, Why::Admit(leg(1)), expected);
    script.ends(EndReason::NO_MEDIA_PATH);
}

#[test]
fn a_reloaded_page_keeps_its_place_with_the_next_epoch() {
    let mut script = Script::group(2);
    script.play(1000, Input::Lost { leg: leg(2), is_leaving: true }, [record(Fact::Presence(leg(2), false))]);
    script.play(2000, Input::Back(leg(2)), [record(Fact::Presence(leg(2), true))]);
    script.play(2100, join(2, 1), [record(Fact::Described(leg(2), DescriptionKind::Offer, 1)), admit(2, 1)]);
    script.play(2200, answered(2, 1), [seat(leg(2), SeatFact::Answered(1))]);
    script.awaits(122_200, Why::MediaLost(leg(2)));
    script.play(2300, up(2, 1), [seat(leg(2), SeatFact::Up(1))]);
    script.awaits_nothing();
    // What is said of the peer connection before is late.
    script.nothing(2400, Input::Heard(Heard::Gone { place: place(2), epoch: 0 }));
    assert_eq!(script.call().permits(&join(2, 0)), Err(Forbidden::Stale(1)));
    script.nothing(2500, join(2, 0));
}

#[test]
fn a_request_whose_answer_was_lost_is_sent_to_the_media_processor_again() {
    let mut script = Script::group(1);
    script.play(500, join(1, 0), [admit(1, 0)]);
    script.play(600, answered(1, 0), [seat(leg(1), SeatFact::Answered(0))]);
    script.awaits_nothing();
}

#[test]
fn one_identity_on_two_devices_has_two_places() {
    let script = Script::group(1);
    let (tablet, its_place) = other_device(1, 2);
    let mut input = join(1, 0);
    if let Input::Join { endpoint, participant_id, .. } = &mut input {
        (*endpoint, *participant_id) = (tablet, its_place);
    }
    let outputs = 3;
    let mut call = script.call().clone();
    call.handle(input.clone(), centrale_model::Time::from_millis(10));
    assert_eq!(core::iter::from_fn(|| call.poll()).count(), outputs);
    let places: Vec<_> = call.legs().map(|leg| (leg.identity().clone(), leg.participant_id())).collect();
    assert_eq!(places, [(person(1), place(1)), (person(1), its_place)]);
    script.awaits_nothing();
}

#[test]
fn a_call_that_is_full_takes_nobody_else_until_somebody_leaves() {
    let mut script = Script::small_group(2);
    script.joins(0, 1);
    script.joins(0, 2);
    assert_eq!(script.call().permits(&join(3, 0)), Err(Forbidden::Full));
    script.nothing(100, join(3, 0));
    let add = Input::Add { leg: leg(1), target: target(3) };
    assert_eq!(script.call().permits(&add), Err(Forbidden::Full));
    assert_eq!(script.call().permits(&join(2, 1)), Ok(()));
    let gone = all([left_group(leg(2), 2, EndReason::HUNG_UP, 200), seen_by([1], &out(2, EndReason::HUNG_UP))]);
    script.play(200, Input::HangUp { leg: leg(2), for_everyone: false }, gone);
    assert_eq!(script.call().permits(&join(3, 0)), Ok(()));
}

#[test]
fn who_is_being_called_may_join_instead() {
    let mut script = Script::group(1);
    let rung = tell(
        leg(2),
        Notice::Incoming {
            caller: in_call(1),
            offer: None,
            candidates: Vec::new(),
            transferor: None,
            replaces: None,
            context: None,
        },
    );
    let called = nobody(person(2), ParticipantState::Connecting);
    script.play(
        0,
        Input::Add { leg: leg(1), target: target(2) },
        all([
            vec![record(Fact::Added(leg(1), person(2))), record(Fact::Rung(leg(2), person(2), endpoint(2))), rung],
            seen_by([1], &called),
        ]),
    );
    // From another device than the one that rings.
    let mut input = join(2, 0);
    if let Input::Join { endpoint: at, participant_id, .. } = &mut input {
        (*at, *participant_id) = (endpoint(52), place(52));
    }
    let third = leg(3);
    script.play(
        1000,
        input,
        all([
            vec![record(Fact::Joining(third, person(2), endpoint(52)))],
            not_answered(leg(2), EndReason::ACCEPTED_ELSEWHERE).to_vec(),
            vec![
                record(Fact::Described(third, DescriptionKind::Offer, 0)),
                admit_as(52, 0, Some("Person 2".to_owned())),
            ],
        ]),
    );
    let view = centrale_calls::ParticipantView { participant_id: Some(place(52)), ..in_call(2) };
    script.play(
        1100,
        answered(52, 0),
        all([
            vec![seat(third, SeatFact::Answered(0)), record(Fact::Connected(third, person(2), place(52)))],
            seen_by([1], &view),
        ]),
    );
}

#[test]
fn a_call_between_two_cannot_be_joined() {
    let mut script = Script::talking();
    assert_eq!(script.call().permits(&join(3, 0)), Err(Forbidden::HereAndNow));
    script.nothing(3000, join(3, 0));
}

#[test]
fn how_a_joiner_wants_to_receive_is_said_with_its_offer() {
    let mut script = Script::fresh();
    let mut input = join(1, 0);
    if let Input::Join { mode, .. } = &mut input {
        *mode = ReceiveMode::Mixed;
    }
    let mut admission = admit(1, 0);
    if let centrale_calls::Output::Order(Order::Admit { mode, .. }) = &mut admission {
        *mode = ReceiveMode::Mixed;
    }
    let mut expected = all([vec![opened(1)], joining(1, leg(1), 0)]);
    expected.pop();
    expected.push(admission);
    script.play(0, input, expected);
}
