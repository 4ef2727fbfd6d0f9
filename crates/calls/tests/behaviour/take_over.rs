//! A host that was away for longer than the call would have waited.

use centrale_calls::{Fact, Input, MediaReport, Notice, Why};
use centrale_model::EndReason;

use crate::script::*;

#[test]
fn a_call_in_set_up_survives_the_death_of_its_host() {
    let mut script = Script::answered();
    script.nothing(300_000, Input::TakenOver);
    script.awaits(320_000, Why::MediaSetup);
    let report = MediaReport::Connected;
    script.play(301_000, Input::Media(ALICE, report), [record(Fact::Media(ALICE, report))]);
    script.awaits_nothing();
}

#[test]
fn a_leg_that_was_away_can_still_come_back() {
    let mut script = Script::talking();
    script.play(10_000, Input::Lost { leg: BOB, is_leaving: true }, [record(Fact::Presence(BOB, false))]);
    script.nothing(300_000, Input::TakenOver);
    script.awaits(320_000, Why::Leaving(BOB));
    script.play(305_000, Input::Back(BOB), [record(Fact::Presence(BOB, true))]);
    script.awaits_nothing();
}

#[test]
fn a_wait_with_time_left_is_not_changed() {
    let mut script = Script::ringing(1);
    script.play(100, Input::Ringing(BOB), [alerting(BOB), tell(ALICE, Notice::Ringing)]);
    script.nothing(30_000, Input::TakenOver);
    script.awaits(120_000, Why::Ring);
    script.nothing(110_000, Input::TakenOver);
    let reason = EndReason::NOT_ANSWERED;
    let expected = all([vec![told_end(ALICE, reason)], not_answered(BOB, reason).to_vec(), vec![ended(reason)]]);
    script.expire(130_000, Why::Ring, expected);
    script.ends(reason);
}
