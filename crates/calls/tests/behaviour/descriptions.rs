//! Descriptions on their way: renegotiation, glare, and pages that were reloaded.

use centrale_calls::DescriptionKind::{Answer, Offer};
use centrale_calls::{DescriptionKind, Fact, Input, MediaReport, Notice, Output, Why};
use centrale_model::{EndReason, LegId, ParticipantId};

use crate::script::*;

fn passes(from: LegId, from_place: ParticipantId, to: LegId, kind: DescriptionKind, epoch: u32) -> [Output; 2] {
    [record(Fact::Described(from, kind, epoch)), tell(to, Notice::Description(from_place, description(kind, epoch)))]
}

#[test]
fn renegotiation_and_glare_pass_through() {
    let mut script = Script::talking();
    let describe = |leg, kind| Input::Describe(leg, description(kind, 0));
    script.play(3000, describe(ALICE, Offer), passes(ALICE, place(100), BOB, Offer, 0));
    script.play(3001, describe(BOB, Offer), passes(BOB, place(201), ALICE, Offer, 0));
    script.play(3100, describe(BOB, Answer), passes(BOB, place(201), ALICE, Answer, 0));
    script.awaits_nothing();
}

#[test]
fn a_reloaded_page_starts_a_new_peer_connection_and_the_old_one_is_forgotten() {
    let mut script = Script::talking();
    script.play(3000, Input::Lost { leg: BOB, is_leaving: true }, [record(Fact::Presence(BOB, false))]);
    script.play(
        4000,
        Input::Media(ALICE, MediaReport::Interrupted),
        [record(Fact::Media(ALICE, MediaReport::Interrupted))],
    );
    script.awaits(63_000, Why::Leaving(BOB));
    script.play(5000, Input::Back(BOB), [record(Fact::Presence(BOB, true))]);
    script.play(5100, Input::Describe(BOB, description(Offer, 1)), passes(BOB, place(201), ALICE, Offer, 1));
    script.awaits(30_100, Why::MediaSetup);
    script.nothing(5200, Input::Describe(ALICE, description(Offer, 0)));
    script.nothing(5200, Input::Candidates(ALICE, candidates(0, &["stale"])));
    script.play(5300, Input::Describe(ALICE, description(Answer, 1)), passes(ALICE, place(100), BOB, Answer, 1));
    script.play(
        6000,
        Input::Media(ALICE, MediaReport::Connected),
        [record(Fact::Media(ALICE, MediaReport::Connected))],
    );
    script.awaits_nothing();
}

#[test]
fn a_new_peer_connection_without_media_ends_the_call() {
    let mut script = Script::talking();
    script.play(5000, Input::Describe(BOB, description(Offer, 1)), passes(BOB, place(201), ALICE, Offer, 1));
    script.expire(30_000, Why::MediaSetup, both_left(EndReason::NETWORK_LOST, 29_000));
    script.ends(EndReason::NETWORK_LOST);
}

#[test]
fn descriptions_pass_to_a_side_that_is_away() {
    let mut script = Script::talking();
    script.play(3000, Input::Lost { leg: BOB, is_leaving: false }, [record(Fact::Presence(BOB, false))]);
    script.play(3100, Input::Describe(ALICE, description(Offer, 0)), passes(ALICE, place(100), BOB, Offer, 0));
}

#[test]
fn before_the_answer_only_a_new_offer_of_the_caller_counts() {
    let mut script = Script::ringing(1);
    script.nothing(10, Input::Describe(BOB, description(Offer, 1)));
    script.nothing(10, Input::Describe(ALICE, description(Offer, 0)));
    script.nothing(10, Input::Describe(ALICE, description(Answer, 1)));
    script.play(
        20,
        Input::Candidates(ALICE, candidates(0, &["old"])),
        [tell(BOB, Notice::Candidates(place(100), candidates(0, &["old"])))],
    );
    script.play(100, Input::Describe(ALICE, description(Offer, 1)), passes(ALICE, place(100), BOB, Offer, 1));
    let mut incoming = Start::default().incoming();
    if let Notice::Incoming { offer, .. } = &mut incoming {
        *offer = Some(description(Offer, 1));
    }
    script.play(
        200,
        Input::DeviceAppeared { identity: bob(), device: device(2) },
        [rung(BOB_TOO, endpoint(202)), tell(BOB_TOO, incoming)],
    );
    script.awaits(85_000, Why::Establish);
}
