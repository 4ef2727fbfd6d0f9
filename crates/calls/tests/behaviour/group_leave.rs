//! Leaving a group call, by hanging up, by being taken out, by being gone; and what time it was in (B-USE-7).

use centrale_calls::{Fact, Forbidden, Heard, Input, MediaReport, Order, Output, SeatFact, Who, Why};
use centrale_model::{EndReason, ParticipantRole};

use crate::group::*;
use crate::script::*;

fn hang_up(number: u32) -> Input {
    Input::HangUp { leg: leg(number), for_everyone: false }
}

#[test]
fn three_are_in_for_60_60_and_43_minutes_and_the_last_one_ends_the_call() {
    let minutes = |minutes: u64| minutes * 60_000;
    let mut script = Script::group(2);
    script.joins(minutes(17), 3);
    let gone = |number, reason| out(number, reason);
    script.play(
        minutes(60),
        hang_up(1),
        all([left_group(leg(1), 1, EndReason::HUNG_UP, minutes(60)), seen_by([2, 3], &gone(1, EndReason::HUNG_UP))]),
    );
    script.play(
        minutes(60),
        hang_up(3),
        all([left_group(leg(3), 3, EndReason::HUNG_UP, minutes(43)), seen_by([2], &gone(3, EndReason::HUNG_UP))]),
    );
    script.play(
        minutes(60),
        hang_up(2),
        all([
            left_group(leg(2), 2, EndReason::HUNG_UP, minutes(60)),
            vec![order(Order::Close), ended(EndReason::HUNG_UP)],
        ]),
    );
    script.ends(EndReason::HUNG_UP);
}

#[test]
fn a_presenter_takes_somebody_out() {
    let mut script = Script::group(3);
    script.play(
        1000,
        Input::Remove { leg: leg(1), who: Who::Place(place(2)) },
        all([
            vec![record(Fact::Removed(leg(1), person(2)))],
            left_group(leg(2), 2, EndReason::REMOVED, 1000),
            seen_by([1, 3], &out(2, EndReason::REMOVED)),
        ]),
    );
    script.nothing(1100, Input::Remove { leg: leg(1), who: Who::Place(place(2)) });
    let oneself = Input::Remove { leg: leg(1), who: Who::Place(place(1)) };
    assert_eq!(script.call().permits(&oneself), Err(Forbidden::HereAndNow));
    script.nothing(1200, oneself);
}

#[test]
fn an_attendee_takes_nobody_out_and_ends_the_call_for_itself_only() {
    let mut script = Script::group(2);
    let role = Input::Role { identity: person(2), role: ParticipantRole::Attendee };
    let mut call = script.call().clone();
    call.handle(role, centrale_model::Time::from_millis(10));
    for input in [
        Input::Remove { leg: leg(2), who: Who::Place(place(1)) },
        Input::HangUp { leg: leg(2), for_everyone: true },
        Input::Add { leg: leg(2), target: target(5) },
        Input::MuteOthers { leg: leg(2), whom: None },
    ] {
        assert_eq!(call.permits(&input), Err(Forbidden::ByRole), "{input:?}");
    }
    assert_eq!(call.permits(&hang_up(2)), Ok(()));
    script.nothing(0, Input::Tick);
}

#[test]
fn who_vanishes_leaves_the_others_alone() {
    let mut script = Script::group(2);
    script.play(1000, Input::Lost { leg: leg(2), is_leaving: true }, [record(Fact::Presence(leg(2), false))]);
    script.expire(
        61_000,
        Why::Leaving(leg(2)),
        all([left_group(leg(2), 2, EndReason::VANISHED, 61_000), seen_by([1], &out(2, EndReason::VANISHED))]),
    );
    script.awaits_nothing();
}

#[test]
fn the_call_waits_for_the_last_one_while_it_may_come_back() {
    let mut script = Script::group(1);
    script.play(1000, Input::Lost { leg: leg(1), is_leaving: false }, [record(Fact::Presence(leg(1), false))]);
    let expected = all([
        left_group(leg(1), 1, EndReason::NETWORK_LOST, 121_000),
        vec![order(Order::Close), ended(EndReason::VANISHED)],
    ]);
    script.expire(121_000, Why::Reconnect(leg(1)), expected);
    script.ends(EndReason::VANISHED);
}

#[test]
fn a_token_that_is_over_takes_out_its_device_only() {
    let mut script = Script::group(2);
    script.play(
        1000,
        Input::TokenOver(leg(1)),
        all([left_group(leg(1), 1, EndReason::TOKEN_INVALID, 1000), seen_by([2], &out(1, EndReason::VANISHED))]),
    );
    script.awaits_nothing();
}

#[test]
fn who_never_gets_media_is_out_after_25_s() {
    for (is_relay_allowed, reason) in [(true, EndReason::NO_PATH_AT_SETUP), (false, EndReason::NETWORK_MISCONFIGURED)] {
        let mut script = Script::fresh();
        let mut input = join(1, 0);
        if let Input::Join { is_relay_allowed: allowed, .. } = &mut input {
            *allowed = is_relay_allowed;
        }
        script.play(0, input, all([vec![opened(1)], joining(1, leg(1), 0)]));
        script.play(
            0,
            answered(1, 0),
            [seat(leg(1), SeatFact::Answered(0)), record(Fact::Connected(leg(1), person(1), place(1)))],
        );
        let expected = all([left_group(leg(1), 1, reason, 25_000), vec![order(Order::Close), ended(reason)]]);
        script.expire(25_000, Why::Seat(leg(1)), expected);
        script.ends(reason);
    }
}

#[test]
fn who_loses_media_is_out_after_two_minutes_unless_it_comes_back() {
    let interrupted = |number| Input::Heard(Heard::Interrupted(place(number)));
    let mut script = Script::group(2);
    script.play(1000, interrupted(1), [seat(leg(1), SeatFact::Interrupted)]);
    script.nothing(2000, interrupted(1));
    script.play(50_000, up(1, 0), [seat(leg(1), SeatFact::Up(0))]);
    script.awaits_nothing();
    script.play(60_000, interrupted(2), [seat(leg(2), SeatFact::Interrupted)]);
    script.expire(
        180_000,
        Why::MediaLost(leg(2)),
        all([left_group(leg(2), 2, EndReason::NETWORK_LOST, 180_000), seen_by([1], &out(2, EndReason::NETWORK_LOST))]),
    );
}

#[test]
fn a_client_that_says_its_path_is_broken_has_its_window_too() {
    let mut script = Script::group(2);
    let says = |report| Input::Media(leg(1), report);
    let fact = |report| record(Fact::Media(leg(1), report));
    script.play(1000, says(MediaReport::Interrupted), [fact(MediaReport::Interrupted)]);
    script.awaits(121_000, Why::MediaLost(leg(1)));
    script.play(2000, says(MediaReport::Connected), [fact(MediaReport::Connected)]);
    script.awaits_nothing();
    script.play(3000, says(MediaReport::Failed), [fact(MediaReport::Failed)]);
    script.awaits(123_000, Why::MediaLost(leg(1)));
}

#[test]
fn legs_that_are_over_are_forgotten_in_time() {
    let mut call = centrale_calls::Call::new(centrale_model::CallId::from_u128(1), Default::default());
    call.handle(join(1, 0), centrale_model::Time::ZERO);
    call.handle(answered(1, 0), centrale_model::Time::ZERO);
    for round in 2..500 {
        call.handle(join(round, 0), centrale_model::Time::ZERO);
        call.handle(answered(round, 0), centrale_model::Time::ZERO);
        call.handle(hang_up(round), centrale_model::Time::ZERO);
        let outputs: Vec<Output> = core::iter::from_fn(|| call.poll()).collect();
        assert!(outputs.len() < 40);
    }
    assert!(call.legs().count() <= centrale_calls::Call::KEPT_LEGS + 1);
    assert_eq!(call.participants().count(), 1);
}
