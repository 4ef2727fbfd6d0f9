//! Muting others, hands, the stage, hold, roles and ways to receive (B-CALL-5, B-CALL-6, B-ROOM-3).

use centrale_calls::{Fact, Forbidden, Heard, Input, Notice, Order, ParticipantView, Rights, Sending};
use centrale_model::{CallState, ParticipantRole, ParticipantState, ReceiveMode};

use crate::group::*;
use crate::script::*;

fn muted(number: u32) -> ParticipantView {
    ParticipantView {
        sending: Sending { muted: true, ..Sending::default() },
        is_muted_by_others: true,
        ..in_call(number)
    }
}

fn may(number: u32, role: ParticipantRole, is_voice_taken: bool) -> centrale_calls::Output {
    order(Order::Allow(place(number), Rights { audio: is_voice_taken, ..Rights::of(role) }))
}

#[test]
fn one_is_muted_and_unmutes_itself_once_its_client_knows() {
    let mut script = Script::group(3);
    script.play(
        1000,
        Input::MuteOthers { leg: leg(1), whom: Some(vec![place(2)]) },
        all([
            vec![
                may(2, ParticipantRole::Presenter, false),
                tell(leg(2), Notice::MutedByOthers(place(1))),
                record(Fact::Muted(leg(1), vec![leg(2)])),
            ],
            seen_by([1, 2, 3], &muted(2)),
        ]),
    );
    // It was said before the client knew.
    let open = Sending { video: true, ..Sending::default() };
    let dropped = Sending { muted: true, video: true, screen: false };
    let view = ParticipantView { sending: dropped, ..muted(2) };
    script.play(
        1050,
        Input::Sending(leg(2), open),
        all([vec![record(Fact::Sending(leg(2), dropped))], seen_by([1, 3], &view)]),
    );
    script.nothing(1100, Input::Sending(leg(2), dropped));
    let view = ParticipantView { sending: open, ..in_call(2) };
    script.play(
        2000,
        Input::Sending(leg(2), open),
        all([
            vec![record(Fact::Sending(leg(2), open)), may(2, ParticipantRole::Presenter, true)],
            seen_by([1, 3], &view),
        ]),
    );
}

#[test]
fn all_others_are_muted_with_one_event_for_each_device() {
    let mut script = Script::group(3);
    script.play(
        1000,
        Input::MuteOthers { leg: leg(2), whom: None },
        all([
            vec![
                may(1, ParticipantRole::Presenter, false),
                tell(leg(1), Notice::MutedByOthers(place(2))),
                may(3, ParticipantRole::Presenter, false),
                tell(leg(3), Notice::MutedByOthers(place(2))),
                record(Fact::Muted(leg(2), vec![leg(1), leg(3)])),
            ],
            (1..=3).map(|number| tell(leg(number), Notice::Participants(vec![muted(1), muted(3)]))).collect(),
        ]),
    );
    script.nothing(1100, Input::MuteOthers { leg: leg(2), whom: None });
}

#[test]
fn nobody_is_muted_by_others_between_two() {
    let mut script = Script::talking();
    let input = Input::MuteOthers { leg: ALICE, whom: None };
    assert_eq!(script.call().permits(&input), Err(Forbidden::HereAndNow));
    script.nothing(3000, input);
}

#[test]
fn hands_are_numbered_in_the_order_of_going_up() {
    let mut script = Script::group(2);
    let up = |number, order| ParticipantView { hand_raised: Some(order), ..in_call(number) };
    let raise = |number, is_up| Input::RaiseHand(leg(number), is_up);
    let fact = |number, is_up| vec![record(Fact::Hand(leg(number), is_up))];
    script.play(1000, raise(2, true), all([fact(2, true), seen_by([1, 2], &up(2, 1))]));
    script.nothing(1100, raise(2, true));
    script.play(1200, raise(1, true), all([fact(1, true), seen_by([1, 2], &up(1, 2))]));
    script.play(1300, raise(2, false), all([fact(2, false), seen_by([1, 2], &in_call(2))]));
    script.play(1400, raise(2, true), all([fact(2, true), seen_by([1, 2], &up(2, 3))]));
    script.play(
        1500,
        Input::LowerHands { leg: leg(1), whose: None },
        all([
            fact(1, false),
            fact(2, false),
            (1..=2).map(|number| tell(leg(number), Notice::Participants(vec![in_call(1), in_call(2)]))).collect(),
        ]),
    );
}

#[test]
fn the_stage_has_an_order_and_seven_places() {
    let mut script = Script::group(2);
    let lit = |number| ParticipantView { is_spotlighted: true, ..in_call(number) };
    let spotlight = |who: Option<Vec<u32>>, is_on| Input::Spotlight {
        leg: leg(1),
        who: who.map(|who| who.into_iter().map(place).collect()),
        is_on,
    };
    let fact = |number, is_on| record(Fact::Spotlight(leg(number), is_on));
    script.play(
        1000,
        spotlight(Some(vec![2]), true),
        all([vec![fact(2, true), order(Order::Spotlight(vec![place(2)]))], seen_by([1, 2], &lit(2))]),
    );
    script.nothing(1050, spotlight(Some(vec![2, 9]), true));
    script.play(
        1100,
        spotlight(Some(vec![1]), true),
        all([vec![fact(1, true), order(Order::Spotlight(vec![place(2), place(1)]))], seen_by([1, 2], &lit(1))]),
    );
    script.play(
        1200,
        spotlight(None, false),
        all([
            vec![fact(1, false), fact(2, false), order(Order::Spotlight(Vec::new()))],
            (1..=2).map(|number| tell(leg(number), Notice::Participants(vec![in_call(1), in_call(2)]))).collect(),
        ]),
    );
}

#[test]
fn who_leaves_the_call_leaves_the_stage_and_who_has_no_role_leaves_it_by_itself() {
    let mut script = Script::group(2);
    let on = Input::Spotlight { leg: leg(1), who: Some(vec![place(2)]), is_on: true };
    let lit = ParticipantView { is_spotlighted: true, ..in_call(2) };
    script.play(
        1000,
        on.clone(),
        all([
            vec![record(Fact::Spotlight(leg(2), true)), order(Order::Spotlight(vec![place(2)]))],
            seen_by([1, 2], &lit),
        ]),
    );
    let attendee = ParticipantView { role: ParticipantRole::Attendee, ..lit };
    script.play(
        1100,
        Input::Role { identity: person(2), role: ParticipantRole::Attendee },
        all([
            vec![record(Fact::Role(leg(2), ParticipantRole::Attendee)), may(2, ParticipantRole::Attendee, true)],
            seen_by([1, 2], &attendee),
        ]),
    );
    let off = |who| Input::Spotlight { leg: leg(2), who, is_on: false };
    assert_eq!(script.call().permits(&off(Some(vec![place(2)]))), Ok(()));
    assert_eq!(script.call().permits(&off(None)), Err(Forbidden::ByRole));
    let reason = centrale_model::EndReason::HUNG_UP;
    let gone = ParticipantView { role: ParticipantRole::Attendee, ..out(2, reason) };
    script.play(
        1200,
        Input::HangUp { leg: leg(2), for_everyone: false },
        all([left_group(leg(2), 2, reason, 1200), vec![order(Order::Spotlight(Vec::new()))], seen_by([1], &gone)]),
    );
}

#[test]
fn a_consumer_sends_nothing_whatever_it_says() {
    let mut script = Script::fresh();
    script.joins(0, 1);
    let consumer = join_as(2, 0, ParticipantRole::Consumer);
    let silent = Sending { muted: true, ..Sending::default() };
    let mut call = script.call().clone();
    call.handle(consumer, centrale_model::Time::ZERO);
    call.handle(answered(2, 0), centrale_model::Time::ZERO);
    while call.poll().is_some() {}
    call.handle(
        Input::Sending(leg(2), Sending { muted: false, video: true, screen: true }),
        centrale_model::Time::ZERO,
    );
    assert_eq!(call.poll(), None);
    let view = call.view_for(leg(2)).expect("live");
    assert_eq!((view.own.role, view.sending), (ParticipantRole::Consumer, silent));
    script.awaits_nothing();
}

#[test]
fn hold_in_a_group_concerns_the_own_device_alone() {
    let mut script = Script::group(2);
    let held = view(1, ParticipantState::Hold);
    script.play(
        1000,
        Input::Hold(leg(1)),
        all([
            vec![
                record(Fact::Hold(leg(1), true)),
                order(Order::Hold(place(1), true)),
                state(leg(1), CallState::LocalHold),
            ],
            seen_by([2], &held),
        ]),
    );
    assert_eq!(script.call().view_for(leg(2)).map(|view| view.state), Some(CallState::Connected));
    script.play(
        2000,
        Input::Resume(leg(1)),
        all([
            vec![
                record(Fact::Hold(leg(1), false)),
                order(Order::Hold(place(1), false)),
                state(leg(1), CallState::Connected),
            ],
            seen_by([2], &in_call(1)),
        ]),
    );
}

#[test]
fn ways_to_receive_are_ordered_and_seen() {
    let mut script = Script::group(2);
    let view = |mode| ParticipantView { receives: Some(mode), ..in_call(1) };
    let fact = |mode| record(Fact::Receives(leg(1), mode));
    script.play(
        1000,
        Input::Receive(leg(1), ReceiveMode::Mixed),
        all([
            vec![order(Order::Receive(place(1), ReceiveMode::Mixed)), fact(ReceiveMode::Mixed)],
            seen_by([1, 2], &view(ReceiveMode::Mixed)),
        ]),
    );
    script.nothing(1100, Input::Receive(leg(1), ReceiveMode::Mixed));
    script.play(1200, Input::Receive(leg(1), ReceiveMode::Auto), [order(Order::Receive(place(1), ReceiveMode::Auto))]);
    script.play(
        1300,
        Input::Heard(Heard::Receives(place(1), ReceiveMode::Forwarded)),
        all([vec![fact(ReceiveMode::Forwarded)], seen_by([1, 2], &view(ReceiveMode::Forwarded))]),
    );
}

#[test]
fn there_is_no_transfer_out_of_a_group() {
    let mut script = Script::group(2);
    let input = Input::Transfer(leg(1), centrale_calls::TransferTarget::Identity(carol()));
    assert_eq!(script.call().permits(&input), Err(Forbidden::HereAndNow));
    script.nothing(1000, input);
}
