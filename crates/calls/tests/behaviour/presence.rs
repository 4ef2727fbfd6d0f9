//! Event connections that go and come back (B-CALL-2, B-CALL-11).

use centrale_calls::{Fact, Input, Notice, Output, Why};
use centrale_model::{EndReason, LegId};

use crate::script::*;

fn lost(leg: LegId) -> Input {
    Input::Lost { leg, is_leaving: false }
}

fn leaving(leg: LegId) -> Input {
    Input::Lost { leg, is_leaving: true }
}

fn away(leg: LegId) -> [Output; 1] {
    [record(Fact::Presence(leg, false))]
}

fn here(leg: LegId) -> [Output; 1] {
    [record(Fact::Presence(leg, true))]
}

#[test]
fn a_leg_that_comes_back_in_time_goes_on() {
    let mut script = Script::talking();
    script.play(10_000, lost(BOB), away(BOB));
    script.nothing(20_000, lost(BOB));
    script.awaits(130_000, Why::Reconnect(BOB));
    script.play(129_999, Input::Back(BOB), here(BOB));
    script.nothing(130_000, Input::Back(BOB));
    script.awaits_nothing();
}

#[test]
fn a_leg_that_stays_away_ends_the_call() {
    let mut script = Script::talking();
    script.play(10_000, lost(ALICE), away(ALICE));
    let expected = all([
        left(ALICE, EndReason::NETWORK_LOST, 129_000).to_vec(),
        left(BOB, EndReason::VANISHED, 129_000).to_vec(),
        vec![ended(EndReason::VANISHED)],
    ]);
    script.expire(130_000, Why::Reconnect(ALICE), expected);
    script.ends(EndReason::VANISHED);
}

#[test]
fn a_page_that_left_has_a_shorter_window() {
    let mut script = Script::talking();
    script.play(10_000, leaving(BOB), away(BOB));
    script.nothing(15_000, lost(BOB));
    script.nothing(20_000, leaving(BOB));
    script.expire(70_000, Why::Leaving(BOB), both_left(EndReason::VANISHED, 69_000));
    script.ends(EndReason::VANISHED);
}

#[test]
fn a_goodbye_after_the_loss_shortens_the_window() {
    let mut script = Script::talking();
    script.play(10_000, lost(BOB), away(BOB));
    script.nothing(20_000, leaving(BOB));
    script.awaits(80_000, Why::Leaving(BOB));

    let mut script = Script::talking();
    script.play(10_000, lost(BOB), away(BOB));
    script.nothing(100_000, leaving(BOB));
    script.awaits(130_000, Why::Reconnect(BOB));
}

#[test]
fn both_are_away_and_the_first_window_ends_the_call() {
    let mut script = Script::talking();
    script.play(10_000, lost(ALICE), away(ALICE));
    script.play(11_000, lost(BOB), away(BOB));
    let expected = all([
        left(ALICE, EndReason::NETWORK_LOST, 129_000).to_vec(),
        left(BOB, EndReason::VANISHED, 129_000).to_vec(),
        vec![ended(EndReason::VANISHED)],
    ]);
    script.expire(130_000, Why::Reconnect(ALICE), expected);
    script.ends(EndReason::VANISHED);
}

#[test]
fn a_caller_that_stays_away_while_it_rings_has_vanished() {
    let mut script = Script::ringing(2);
    script.play(1000, leaving(ALICE), away(ALICE));
    let expected = all([
        vec![told_end(ALICE, EndReason::VANISHED)],
        not_answered(BOB, EndReason::VANISHED).to_vec(),
        not_answered(BOB_TOO, EndReason::VANISHED).to_vec(),
        vec![ended(EndReason::VANISHED)],
    ]);
    script.expire(61_000, Why::Leaving(ALICE), expected);
    script.ends(EndReason::VANISHED);
}

#[test]
fn a_device_that_stays_away_stops_ringing_and_the_last_one_ends_the_call() {
    let mut script = Script::ringing(2);
    script.play(500, Input::Ringing(BOB), [alerting(BOB), tell(ALICE, Notice::Ringing)]);
    script.play(1000, leaving(BOB), away(BOB));
    script.play(2000, leaving(BOB_TOO), away(BOB_TOO));
    script.expire(61_000, Why::Leaving(BOB), not_answered(BOB, EndReason::OFFLINE));
    script.play(
        61_500,
        Input::DeviceAppeared { identity: bob(), device: device(1) },
        [rung(LegId(3), endpoint(201)), tell(LegId(3), Start::default().incoming())],
    );
    script.play(61_600, Input::Decline { leg: LegId(3), is_busy: false }, declined(LegId(3), EndReason::DECLINED));
    let over = vec![told_end(ALICE, EndReason::DECLINED_BY_ALL), ended(EndReason::DECLINED_BY_ALL)];
    let expected = all([not_answered(BOB_TOO, EndReason::OFFLINE).to_vec(), over]);
    script.expire(62_000, Why::Leaving(BOB_TOO), expected);
    script.ends(EndReason::DECLINED_BY_ALL);
}

#[test]
fn all_devices_stay_away_and_the_callee_is_offline() {
    let mut script = Script::ringing(1);
    script.play(1000, leaving(BOB), away(BOB));
    let over = vec![told_end(ALICE, EndReason::OFFLINE), ended(EndReason::OFFLINE)];
    let expected = all([not_answered(BOB, EndReason::OFFLINE).to_vec(), over]);
    script.expire(61_000, Why::Leaving(BOB), expected);
    script.ends(EndReason::OFFLINE);
}

#[test]
fn a_device_that_answers_while_its_connection_is_gone_still_has_to_come_back() {
    let mut script = Script::ringing(1);
    script.play(1000, lost(BOB), away(BOB));
    script.play(2000, accept(BOB), answered_on(BOB));
    script.play(
        3000,
        Input::Media(BOB, centrale_calls::MediaReport::Connected),
        [record(Fact::Media(BOB, centrale_calls::MediaReport::Connected))],
    );
    script.awaits(121_000, Why::Reconnect(BOB));
}

#[test]
fn a_device_that_is_away_and_stops_ringing_is_awaited_no_more() {
    let mut script = Script::ringing(2);
    script.play(1000, leaving(BOB_TOO), away(BOB_TOO));
    let elsewhere = not_answered(BOB_TOO, EndReason::ACCEPTED_ELSEWHERE).to_vec();
    script.play(2000, accept(BOB), all([answered_on(BOB), elsewhere]));
    let report = centrale_calls::MediaReport::Connected;
    script.play(3000, Input::Media(BOB, report), [record(Fact::Media(BOB, report))]);
    script.awaits_nothing();
    script.nothing(4000, Input::Back(BOB_TOO));
}
