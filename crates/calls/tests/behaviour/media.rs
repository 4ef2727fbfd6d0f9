//! Media that does not come, breaks, or is given up.

use centrale_calls::MediaReport::{Connected, Failed, Interrupted};
use centrale_calls::{Fact, Input, MediaReport, Output, Why};
use centrale_model::{EndReason, LegId};

use crate::script::*;

fn report(leg: LegId, report: MediaReport) -> Input {
    Input::Media(leg, report)
}

fn reported(leg: LegId, report: MediaReport) -> Output {
    record(Fact::Media(leg, report))
}

#[test]
fn no_leg_finds_a_path() {
    let mut script = Script::answered();
    script.expire(26_000, Why::MediaSetup, both_left(EndReason::NO_PATH_AT_SETUP, 25_000));
    script.ends(EndReason::NO_PATH_AT_SETUP);
}

#[test]
fn no_path_without_relays_is_a_misconfiguration() {
    let mut script = Script::answered_from(Start { is_relay_allowed: false, ..Start::default() });
    script.expire(26_000, Why::MediaSetup, both_left(EndReason::NETWORK_MISCONFIGURED, 25_000));
    script.ends(EndReason::NETWORK_MISCONFIGURED);
}

#[test]
fn both_give_up_before_the_deadline() {
    let mut script = Script::answered();
    script.play(11_000, report(ALICE, Failed), [reported(ALICE, Failed)]);
    let expected = all([vec![reported(BOB, Failed)], both_left(EndReason::NO_PATH_AT_SETUP, 11_000)]);
    script.play(12_000, report(BOB, Failed), expected);
    script.ends(EndReason::NO_PATH_AT_SETUP);
}

#[test]
fn a_callee_that_is_away_did_not_finish_the_set_up() {
    let mut script = Script::answered();
    script.play(2000, Input::Lost { leg: BOB, is_leaving: false }, [record(Fact::Presence(BOB, false))]);
    script.expire(26_000, Why::MediaSetup, both_left(EndReason::SETUP_UNFINISHED, 25_000));
    script.ends(EndReason::SETUP_UNFINISHED);
}

#[test]
fn a_caller_that_is_away_has_vanished() {
    let mut script = Script::answered();
    script.play(2000, Input::Lost { leg: ALICE, is_leaving: false }, [record(Fact::Presence(ALICE, false))]);
    script.expire(26_000, Why::MediaSetup, both_left(EndReason::VANISHED, 25_000));
    script.ends(EndReason::VANISHED);
}

#[test]
fn one_leg_with_media_is_enough_for_the_set_up() {
    let mut script = Script::answered();
    script.play(2000, report(BOB, Connected), [reported(BOB, Connected)]);
    script.nothing(2100, report(BOB, Connected));
    script.awaits_nothing();
}

#[test]
fn an_interrupted_path_is_mended() {
    let mut script = Script::talking();
    script.play(10_000, report(ALICE, Interrupted), [reported(ALICE, Interrupted)]);
    script.awaits(130_000, Why::MediaLost(ALICE));
    script.nothing(11_000, report(ALICE, Interrupted));
    script.play(40_000, report(ALICE, Connected), [reported(ALICE, Connected)]);
    script.awaits_nothing();
}

#[test]
fn an_interrupted_path_is_not_mended_in_time() {
    let mut script = Script::talking();
    script.play(10_000, report(ALICE, Interrupted), [reported(ALICE, Interrupted)]);
    script.expire(130_000, Why::MediaLost(ALICE), both_left(EndReason::NETWORK_LOST, 129_000));
    script.ends(EndReason::NETWORK_LOST);
}

#[test]
fn a_path_that_is_given_up_ends_the_call() {
    let mut script = Script::talking();
    let expected = all([vec![reported(BOB, Failed)], both_left(EndReason::NETWORK_LOST, 9000)]);
    script.play(10_000, report(BOB, Failed), expected);
    script.ends(EndReason::NETWORK_LOST);
}

#[test]
fn a_leg_that_never_had_media_gives_up_though_the_other_has() {
    let mut script = Script::answered();
    script.play(2000, report(ALICE, Connected), [reported(ALICE, Connected)]);
    let expected = all([vec![reported(BOB, Failed)], both_left(EndReason::NO_PATH_AT_SETUP, 14_000)]);
    script.play(15_000, report(BOB, Failed), expected);
    script.ends(EndReason::NO_PATH_AT_SETUP);
}

#[test]
fn a_leg_without_a_path_is_given_time_once_the_other_has_one() {
    let mut script = Script::answered();
    script.play(2000, report(ALICE, Interrupted), [reported(ALICE, Interrupted)]);
    script.awaits(26_000, Why::MediaSetup);
    script.play(3000, report(BOB, Connected), [reported(BOB, Connected)]);
    script.awaits(123_000, Why::MediaLost(ALICE));
}

#[test]
fn while_the_other_side_is_away_a_given_up_path_waits_for_it() {
    let mut script = Script::talking();
    script.play(10_000, Input::Lost { leg: BOB, is_leaving: true }, [record(Fact::Presence(BOB, false))]);
    script.play(20_000, report(ALICE, Failed), [reported(ALICE, Failed)]);
    script.awaits(70_000, Why::Leaving(BOB));
    script.play(69_000, Input::Back(BOB), [record(Fact::Presence(BOB, true))]);
    script.awaits(140_000, Why::MediaLost(ALICE));
    script.play(70_000, report(ALICE, Connected), [reported(ALICE, Connected)]);
    script.awaits_nothing();
}

#[test]
fn a_side_that_comes_back_late_leaves_time_to_mend_the_path() {
    let mut script = Script::talking();
    script.play(10_000, report(ALICE, Interrupted), [reported(ALICE, Interrupted)]);
    script.play(12_000, Input::Lost { leg: BOB, is_leaving: false }, [record(Fact::Presence(BOB, false))]);
    script.awaits(130_000, Why::MediaLost(ALICE));
    script.play(120_000, Input::Back(BOB), [record(Fact::Presence(BOB, true))]);
    script.awaits(145_000, Why::MediaLost(ALICE));
}

#[test]
fn while_a_side_is_away_its_own_window_decides() {
    let mut script = Script::talking();
    script.play(10_000, report(ALICE, Interrupted), [reported(ALICE, Interrupted)]);
    script.play(12_000, Input::Lost { leg: BOB, is_leaving: false }, [record(Fact::Presence(BOB, false))]);
    script.expire(130_000, Why::MediaLost(ALICE), []);
    let expected = all([
        left(ALICE, EndReason::VANISHED, 131_000).to_vec(),
        left(BOB, EndReason::NETWORK_LOST, 131_000).to_vec(),
        vec![ended(EndReason::VANISHED)],
    ]);
    script.expire(132_000, Why::Reconnect(BOB), expected);
    script.ends(EndReason::VANISHED);
}

#[test]
fn reports_before_the_answer_mean_nothing() {
    let mut script = Script::ringing(1);
    for leg in [ALICE, BOB] {
        script.nothing(100, report(leg, Failed));
        script.nothing(100, report(leg, Connected));
    }
}

#[test]
fn a_new_peer_connection_that_both_give_up_waits_for_a_side_that_is_away() {
    let mut script = Script::talking();
    let offer = description(centrale_calls::DescriptionKind::Offer, 1);
    let described = record(Fact::Described(BOB, offer.kind, 1));
    let told = tell(ALICE, centrale_calls::Notice::Description(place(201), offer.clone()));
    script.play(10_000, Input::Describe(BOB, offer), [described, told]);
    script.play(11_000, report(BOB, Failed), [reported(BOB, Failed)]);
    script.play(12_000, Input::Lost { leg: BOB, is_leaving: true }, [record(Fact::Presence(BOB, false))]);
    script.play(13_000, report(ALICE, Failed), [reported(ALICE, Failed)]);
    script.expire(35_000, Why::MediaSetup, []);
    script.expire(60_000, Why::MediaSetup, []);
    script.play(70_000, Input::Back(BOB), [record(Fact::Presence(BOB, true))]);
    script.expire(85_000, Why::MediaSetup, both_left(EndReason::NETWORK_LOST, 84_000));
    script.ends(EndReason::NETWORK_LOST);
}
