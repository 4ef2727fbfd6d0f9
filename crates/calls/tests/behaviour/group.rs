//! The stage of group calls: people with numbers, each with one device; person `n` who joined is at place `n` and leg `n - 1`.

use centrale_calls::{
    Call, Description, DescriptionKind, Device, Fact, Form, Heard, Input, Notice, Order, Origin, Output,
    ParticipantView, Rights, Sealed, SeatFact, Sending, Target, Timers,
};
use centrale_model::{
    CallId, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, ParticipantRole, ParticipantState,
    ReceiveMode,
};

use crate::script::*;

pub(crate) const GROUP: GroupId = GroupId::from_u128(77);

pub(crate) fn person(number: u32) -> Identity {
    format!("8:person{number}").parse().expect("a raw id")
}

pub(crate) fn leg(number: u32) -> LegId {
    LegId(number - 1)
}

pub(crate) fn device_of(number: u32) -> Device {
    Device { endpoint: endpoint(number), participant_id: place(number), is_busy: false }
}

/// Somebody who is called, with one device.
pub(crate) fn target(number: u32) -> Target {
    Target { identity: person(number), devices: vec![device_of(number)], absence: EndReason::NO_ENDPOINT }
}

pub(crate) fn join(number: u32, epoch: u32) -> Input {
    join_as(number, epoch, ParticipantRole::Presenter)
}

pub(crate) fn join_as(number: u32, epoch: u32, role: ParticipantRole) -> Input {
    Input::Join {
        identity: person(number),
        endpoint: endpoint(number),
        participant_id: place(number),
        display_name: Some(format!("Person {number}")),
        group: Some(GROUP),
        offer: description(DescriptionKind::Offer, epoch),
        sending: Sending::default(),
        mode: ReceiveMode::Auto,
        role,
        is_relay_allowed: true,
    }
}

pub(crate) fn order(order: Order) -> Output {
    Output::Order(order)
}

pub(crate) fn offer_of(epoch: u32) -> Sealed {
    Sealed(format!("Offer {epoch}"))
}

pub(crate) fn admit(number: u32, epoch: u32) -> Output {
    admit_as(number, epoch, Some(format!("Person {number}")))
}

pub(crate) fn admit_as(number: u32, epoch: u32, display_name: Option<String>) -> Output {
    order(Order::Admit {
        place: place(number),
        epoch,
        display_name,
        offer: offer_of(epoch),
        rights: Rights::of(ParticipantRole::Presenter),
        mode: ReceiveMode::Auto,
        is_echo: false,
    })
}

pub(crate) fn answered(number: u32, epoch: u32) -> Input {
    Input::Heard(Heard::Answered { place: place(number), epoch, answer: Sealed(format!("Answer {epoch}")) })
}

pub(crate) fn up(number: u32, epoch: u32) -> Input {
    Input::Heard(Heard::Connected { place: place(number), epoch })
}

pub(crate) fn conference(leg: LegId, epoch: u32) -> Output {
    tell(
        leg,
        Notice::Conference(Description {
            kind: DescriptionKind::Answer,
            epoch,
            sdp: Sealed(format!("Answer {epoch}")),
        }),
    )
}

pub(crate) fn seat(leg: LegId, fact: SeatFact) -> Output {
    record(Fact::Seat(leg, fact))
}

/// Somebody who joined, as the others see it.
pub(crate) fn view(number: u32, state: ParticipantState) -> ParticipantView {
    ParticipantView {
        participant_id: Some(place(number)),
        display_name: Some(format!("Person {number}")),
        ..nobody(person(number), state)
    }
}

pub(crate) fn in_call(number: u32) -> ParticipantView {
    view(number, ParticipantState::Connected)
}

pub(crate) fn out(number: u32, reason: EndReason) -> ParticipantView {
    ParticipantView { end_reason: Some(reason), ..view(number, ParticipantState::Disconnected) }
}

/// These legs are told of a participant.
pub(crate) fn seen_by(legs: impl IntoIterator<Item = u32>, view: &ParticipantView) -> Vec<Output> {
    legs.into_iter().map(|number| tell(leg(number), Notice::Participant(view.clone()))).collect()
}

pub(crate) fn joining(number: u32, leg: LegId, epoch: u32) -> Vec<Output> {
    vec![
        record(Fact::Joining(leg, person(number), endpoint(number))),
        record(Fact::Described(leg, DescriptionKind::Offer, epoch)),
        admit(number, epoch),
    ]
}

pub(crate) fn opened(number: u32) -> Output {
    record(Fact::Opened { identity: person(number), group: Some(GROUP) })
}

/// A connected leg is over, and the conference hears of it.
pub(crate) fn left_group(leg: LegId, number: u32, reason: EndReason, connected_ms: u64) -> Vec<Output> {
    let fact = Fact::Left { leg, identity: person(number), participant_id: place(number), reason, connected_ms };
    vec![told_end(leg, reason), record(fact), order(Order::Expel(place(number)))]
}

impl Script {
    /// At 0 s people 1 to `size` have joined, and media flows for each.
    pub(crate) fn group(size: u32) -> Script {
        let mut script = Script::fresh();
        for number in 1..=size {
            script.joins(0, number);
        }
        script
    }

    /// A group call for at most so many.
    pub(crate) fn small_group(limit: usize) -> Script {
        Script::of(Call::new(CallId::from_u128(1), Timers::default()).limited_to(limit))
    }

    /// Person `number`, the next in order, joins, and media flows.
    pub(crate) fn joins(&mut self, millis: u64, number: u32) {
        let id = leg(number);
        let first = if number == 1 { vec![opened(1)] } else { Vec::new() };
        self.play(millis, join(number, 0), all([first, joining(number, id, 0)]));
        self.play(
            millis,
            answered(number, 0),
            all([
                vec![seat(id, SeatFact::Answered(0)), record(Fact::Connected(id, person(number), place(number)))],
                seen_by(1..number, &in_call(number)),
            ]),
        );
        self.play(millis, up(number, 0), [seat(id, SeatFact::Up(0))]);
    }
}

/// Person 1 calls people 2 to `last`, in one group call.
pub(crate) fn dial(last: u32) -> Input {
    Input::Start {
        caller: person(1),
        endpoint: endpoint(1),
        participant_id: place(1),
        display_name: Some("Person 1".to_owned()),
        form: Form::Group,
        targets: (2..=last).map(target).collect(),
        offer: description(DescriptionKind::Offer, 0),
        sending: Sending::default(),
        origin: Origin::Dialled,
        context: Some(Sealed("context".to_owned())),
        is_relay_allowed: true,
    }
}

/// The same device of the same person, once more.
pub(crate) fn other_device(number: u32, device: u32) -> (EndpointId, ParticipantId) {
    (endpoint(number * 100 + device), place(number * 100 + device))
}
