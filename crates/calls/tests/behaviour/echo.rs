//! A call to the echo bot: the media processor is the other side (B-CALL-12).

use centrale_calls::{DescriptionKind, Fact, Forbidden, Form, Input, Notice, Order, Output, SeatFact, Target};
use centrale_model::{CallState, EndReason, Identity, ParticipantState};

use crate::group::{admit_as, answered, order, seat, target, up};
use crate::script::*;

fn bot() -> Identity {
    "8:echo123".parse().expect("a raw id")
}

fn start() -> Input {
    let mut input = Start::default().input();
    if let Input::Start { form, targets, participant_id, .. } = &mut input {
        *form = Form::Echo;
        *targets = vec![Target { identity: bot(), devices: Vec::new(), absence: EndReason::NO_ENDPOINT }];
        *participant_id = place(1);
    }
    input
}

#[test]
fn the_bot_answers_as_soon_as_the_media_processor_does() {
    let mut script = Script::fresh();
    let mut admission = admit_as(1, 0, Some("Alice".to_owned()));
    if let Output::Order(Order::Admit { is_echo, .. }) = &mut admission {
        *is_echo = true;
    }
    script.play(
        0,
        start(),
        [
            record(Fact::Started { caller: alice(), targets: vec![bot()] }),
            record(Fact::Described(ALICE, DescriptionKind::Offer, 0)),
            admission,
        ],
    );
    script.play(
        100,
        answered(1, 0),
        [
            seat(ALICE, SeatFact::Answered(0)),
            record(Fact::Connected(ALICE, alice(), place(1))),
            state(ALICE, CallState::Connected),
            tell(ALICE, Notice::Participant(nobody(bot(), ParticipantState::Connected))),
        ],
    );
    script.play(200, up(1, 0), [seat(ALICE, SeatFact::Up(0))]);
    let view = script.call().view_for(ALICE).expect("live");
    assert_eq!((view.is_group, view.is_conference, view.others.len()), (false, true, 1));
    let add = Input::Add { leg: ALICE, target: target(3) };
    assert_eq!(script.call().permits(&add), Err(Forbidden::HereAndNow));
    script.nothing(300, add);
    let fact = Fact::Left {
        leg: ALICE,
        identity: alice(),
        participant_id: place(1),
        reason: EndReason::HUNG_UP,
        connected_ms: 10_000,
    };
    script.play(
        10_100,
        Input::HangUp { leg: ALICE, for_everyone: false },
        [told_end(ALICE, EndReason::HUNG_UP), record(fact), order(Order::Close), ended(EndReason::HUNG_UP)],
    );
    script.ends(EndReason::HUNG_UP);
}
