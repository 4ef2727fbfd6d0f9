//! What a call does about its conference: renegotiation, losses, and the picture that is compared.

use centrale_calls::{DescriptionKind, Fact, Heard, Input, Notice, Order, Output, Refusal, Rights, SeatFact, Why};
use centrale_model::{EndReason, LegId, ParticipantRole, ReceiveMode};

use crate::group::*;
use crate::script::*;

fn convene(leg: LegId, epoch: u32) -> [Output; 2] {
    [seat(leg, SeatFact::Convene(epoch)), tell(leg, Notice::Convene { epoch, is_group: true })]
}

#[test]
fn the_same_peer_connection_is_described_again_and_the_answer_is_brought() {
    let mut script = Script::group(1);
    script.play(
        1000,
        Input::Describe(leg(1), description(DescriptionKind::Offer, 0)),
        [
            record(Fact::Described(leg(1), DescriptionKind::Offer, 0)),
            order(Order::Describe { place: place(1), epoch: 0, offer: offer_of(0) }),
        ],
    );
    script.awaits(21_000, Why::Admit(leg(1)));
    script.play(1100, answered(1, 0), [seat(leg(1), SeatFact::Answered(0)), conference(leg(1), 0)]);
    script.nothing(1200, answered(1, 0));
    script.nothing(1300, Input::Describe(leg(1), description(DescriptionKind::Answer, 0)));
    script.nothing(1300, Input::Candidates(leg(1), candidates(0, &["none is needed"])));
    script.awaits_nothing();
}

#[test]
fn a_conference_that_is_lost_is_convened_anew_and_hearing_it_twice_changes_nothing() {
    let mut script = Script::group(2);
    script.play(
        1000,
        Input::Heard(Heard::Lost),
        all([vec![record(Fact::ConferenceLost)], convene(leg(1), 1).to_vec(), convene(leg(2), 1).to_vec()]),
    );
    script.play(1100, Input::Heard(Heard::Lost), [record(Fact::ConferenceLost)]);
    script.nothing(1100, Input::Heard(Heard::Summary(None)));
    script.awaits(121_000, Why::MediaLost(leg(1)));
    for number in [1, 2] {
        let offer = description(DescriptionKind::Offer, 1);
        let fact = record(Fact::Described(leg(number), DescriptionKind::Offer, 1));
        script.play(1200, Input::Describe(leg(number), offer), [fact, admit(number, 1)]);
    }
    for number in [1, 2] {
        script.play(1300, answered(number, 1), [seat(leg(number), SeatFact::Answered(1)), conference(leg(number), 1)]);
        script.play(1300, up(number, 1), [seat(leg(number), SeatFact::Up(1))]);
    }
    script.awaits_nothing();
}

#[test]
fn an_offer_that_was_on_its_way_to_a_lost_conference_goes_again() {
    let mut script = Script::group(1);
    script.play(500, join(2, 0), joining(2, leg(2), 0));
    script.play(
        1000,
        Input::Heard(Heard::Lost),
        all([vec![record(Fact::ConferenceLost)], convene(leg(1), 1).to_vec(), vec![admit(2, 0)]]),
    );
}

#[test]
fn who_does_not_come_back_after_a_loss_is_out() {
    let mut script = Script::group(1);
    script.play(
        1000,
        Input::Heard(Heard::Gone { place: place(1), epoch: 0 }),
        all([vec![seat(leg(1), SeatFact::Gone(0))], convene(leg(1), 1).to_vec()]),
    );
    script.nothing(1000, Input::Heard(Heard::Gone { place: place(1), epoch: 0 }));
    script.play(
        100_000,
        Input::Describe(leg(1), description(DescriptionKind::Offer, 1)),
        [record(Fact::Described(leg(1), DescriptionKind::Offer, 1)), admit(1, 1)],
    );
    script.play(100_100, answered(1, 1), [seat(leg(1), SeatFact::Answered(1)), conference(leg(1), 1)]);
    let reason = EndReason::NETWORK_LOST;
    let expected = all([left_group(leg(1), 1, reason, 121_000), vec![order(Order::Close), ended(reason)]]);
    script.expire(121_000, Why::MediaLost(leg(1)), expected);
    script.ends(reason);
}

#[test]
fn a_picture_of_the_conference_makes_good_what_was_lost() {
    let mut script = Script::group(3);
    script.play(500, join(4, 0), joining(4, leg(4), 0));
    let picture = Heard::Summary(Some(vec![
        (place(1), 0, true),
        // Its interruption was not heard.
        (place(2), 0, false),
        // 3 is missing, and somebody is there who left long ago.
        (place(9), 4, true),
    ]));
    script.play(
        1000,
        Input::Heard(picture),
        all([
            vec![seat(leg(2), SeatFact::Interrupted), order(Order::Expel(place(9))), seat(leg(3), SeatFact::Gone(0))],
            convene(leg(3), 1).to_vec(),
        ]),
    );
    let picture = Heard::Summary(Some(vec![(place(1), 0, true), (place(2), 0, true), (place(4), 0, true)]));
    script.play(2000, Input::Heard(picture), [seat(leg(2), SeatFact::Up(0))]);
}

#[test]
fn a_peer_connection_that_the_media_processor_does_not_know_is_built_anew() {
    let mut script = Script::group(1);
    script.play(
        1000,
        Input::Describe(leg(1), description(DescriptionKind::Offer, 0)),
        [
            record(Fact::Described(leg(1), DescriptionKind::Offer, 0)),
            order(Order::Describe { place: place(1), epoch: 0, offer: offer_of(0) }),
        ],
    );
    script.play(
        1100,
        Input::Heard(Heard::Refused { place: place(1), epoch: 0, because: Refusal::Unknown }),
        all([vec![seat(leg(1), SeatFact::Refused(0, Refusal::Unknown))], convene(leg(1), 1).to_vec()]),
    );
}

#[test]
fn a_new_host_repeats_the_orders_that_may_not_have_been_carried() {
    let mut script = Script::group(1);
    script.play(500, join(2, 0), joining(2, leg(2), 0));
    script.play(
        1000,
        Input::TakenOver,
        [
            order(Order::Allow(place(1), Rights::of(ParticipantRole::Presenter))),
            order(Order::Receive(place(1), ReceiveMode::Auto)),
            order(Order::Hold(place(1), false)),
            admit(2, 0),
            order(Order::Spotlight(Vec::new())),
        ],
    );
    script.awaits(21_000, Why::Admit(leg(2)));
}

#[test]
fn what_is_said_of_nobody_is_not_heard() {
    let mut script = Script::group(1);
    for heard in [
        Heard::Connected { place: place(7), epoch: 0 },
        Heard::Connected { place: place(1), epoch: 7 },
        Heard::Interrupted(place(7)),
        Heard::Gone { place: place(7), epoch: 0 },
        Heard::Receives(place(7), ReceiveMode::Mixed),
        Heard::Refused { place: place(1), epoch: 0, because: Refusal::Full },
    ] {
        script.nothing(1000, Input::Heard(heard));
    }
    let mut pair = Script::talking();
    pair.nothing(3000, Input::Heard(Heard::Lost));
}
