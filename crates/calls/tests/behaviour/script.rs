//! The stage on which the scripts play: two copies of one call, a handful of people, and short words for outputs.

use centrale_calls::{
    Call, Candidates, Change, Description, DescriptionKind, Device, Fact, Form, Input, MediaReport, Notice, Origin,
    Output, ParticipantView, Sealed, Sending, Target, Timers, Why,
};
use centrale_model::{
    CallId, CallState, EndReason, EndpointId, Identity, LegId, ParticipantId, ParticipantRole, ParticipantState, Time,
};

/// The caller's leg.
pub(crate) const ALICE: LegId = LegId(0);
/// The first device of the callee.
pub(crate) const BOB: LegId = LegId(1);
/// The second device of the callee.
pub(crate) const BOB_TOO: LegId = LegId(2);

/// A call under test and its double, which is stored and restored before each input.
pub(crate) struct Script {
    call: Call,
    double: Call,
    now: Time,
}

impl Script {
    /// A call that was not placed yet.
    pub(crate) fn fresh() -> Script {
        Script::of(Call::new(CallId::from_u128(1), Timers::default()))
    }

    pub(crate) fn of(call: Call) -> Script {
        Script { double: call.clone(), call, now: Time::ZERO }
    }

    /// At 0 s Alice has called Bob, `devices` of his ring, none alerts.
    pub(crate) fn ringing(devices: u32) -> Script {
        Script::placed(Start { devices: (1..=devices).map(device).collect(), ..Start::default() })
    }

    /// At 0 s the call was placed, and every device rings.
    pub(crate) fn placed(start: Start) -> Script {
        let mut script = Script::fresh();
        let mut expected = vec![started()];
        for (index, device) in (1..).zip(&start.devices) {
            expected.push(rung(LegId(index), device.endpoint));
            expected.push(tell(LegId(index), start.incoming()));
        }
        script.play(0, start.input(), expected);
        script
    }

    /// The call was answered on Bob's only device at 1 s.
    pub(crate) fn answered() -> Script {
        Script::answered_from(Start::default())
    }

    /// The same, for a call that was placed in this way.
    pub(crate) fn answered_from(start: Start) -> Script {
        let mut script = Script::placed(start);
        script.play(500, Input::Ringing(BOB), [alerting(BOB), tell(ALICE, Notice::Ringing)]);
        script.play(1000, accept(BOB), answered_on(BOB));
        script
    }

    /// The same, and at 2 s media flows on both sides.
    pub(crate) fn talking() -> Script {
        let mut script = Script::answered();
        for leg in [ALICE, BOB] {
            script.play(
                2000,
                Input::Media(leg, MediaReport::Connected),
                [record(Fact::Media(leg, MediaReport::Connected))],
            );
        }
        script
    }

    /// One input at `millis` after the start: exactly these outputs, from the call and from its double.
    #[track_caller]
    pub(crate) fn play(&mut self, millis: u64, input: Input, expected: impl IntoIterator<Item = Output>) {
        let now = Time::from_millis(millis);
        assert!(self.now <= now, "a script goes forward");
        self.now = now;
        let expected: Vec<Output> = expected.into_iter().collect();
        let snapshot = serde_json::to_string(&self.double).expect("a call is plain data");
        self.double = serde_json::from_str(&snapshot).expect("its own snapshot");
        self.call.handle(input.clone(), now);
        self.double.handle(input, now);
        let outputs: Vec<Output> = core::iter::from_fn(|| self.call.poll()).collect();
        let doubled: Vec<Output> = core::iter::from_fn(|| self.double.poll()).collect();
        assert_eq!(outputs, expected, "at {now}");
        assert_eq!(doubled, expected, "after a restart, at {now}");
        assert_eq!(self.call, self.double, "after a restart, at {now}");
        if let Some((at, why)) = self.call.timeout() {
            assert!(at > now, "{why:?} at {at} is past, at {now}");
        }
    }

    /// Nothing happens at `millis`.
    #[track_caller]
    pub(crate) fn nothing(&mut self, millis: u64, input: Input) {
        self.play(millis, input, []);
    }

    /// The next deadline is `why` at `millis`; nothing happens a nanosecond before, and then exactly this.
    #[track_caller]
    pub(crate) fn expire(&mut self, millis: u64, why: Why, expected: impl IntoIterator<Item = Output>) {
        let at = Time::from_millis(millis);
        assert_eq!(self.call.timeout(), Some((at, why)));
        let mut early = self.call.clone();
        early.handle(Input::Tick, Time::from_nanos(at.as_nanos() - 1));
        assert_eq!(early.poll(), None, "before {at}");
        self.play(millis, Input::Tick, expected);
    }

    /// The call waits for this and nothing sooner.
    #[track_caller]
    pub(crate) fn awaits(&self, millis: u64, why: Why) {
        assert_eq!(self.call.timeout(), Some((Time::from_millis(millis), why)));
    }

    /// The call goes on and waits for nothing.
    #[track_caller]
    pub(crate) fn awaits_nothing(&self) {
        assert_eq!(self.call.is_over(), None);
        assert_eq!(self.call.timeout(), None);
    }

    /// The call is over for this reason, waits for nothing, and nothing can wake it.
    #[track_caller]
    pub(crate) fn ends(mut self, reason: EndReason) {
        assert_eq!(self.call.is_over(), Some(reason));
        assert_eq!(self.call.timeout(), None);
        let now = self.now.as_millis();
        for leg in self.call.legs().map(|leg| leg.id()).collect::<Vec<_>>() {
            assert_eq!(self.call.view_for(leg), None);
            for input in every_input(leg) {
                self.nothing(now + 1_000_000, input);
            }
        }
    }

    /// The call, to look at.
    pub(crate) fn call(&self) -> &Call {
        &self.call
    }
}

/// Every input there is, of one leg.
pub(crate) fn every_input(leg: LegId) -> Vec<Input> {
    vec![
        crate::group::join(9, 0),
        Input::Add { leg, target: crate::group::target(9) },
        Input::Remove { leg, who: centrale_calls::Who::Place(place(1)) },
        Input::MuteOthers { leg, whom: None },
        Input::RaiseHand(leg, true),
        Input::LowerHands { leg, whose: None },
        Input::Spotlight { leg, who: Some(vec![place(1)]), is_on: true },
        Input::Receive(leg, centrale_model::ReceiveMode::Mixed),
        Input::Convene(leg),
        Input::Role { identity: alice(), role: ParticipantRole::Consumer },
        crate::group::answered(1, 0),
        crate::group::up(1, 0),
        Input::Heard(centrale_calls::Heard::Lost),
        Input::Heard(centrale_calls::Heard::Summary(Some(vec![(place(1), 0, true)]))),
        Start::default().input(),
        Input::DeviceAppeared { identity: bob(), device: device(7) },
        Input::Ringing(leg),
        accept(leg),
        Input::Decline { leg, is_busy: false },
        Input::HangUp { leg, for_everyone: true },
        Input::Describe(leg, description(DescriptionKind::Offer, 9)),
        Input::Candidates(leg, candidates(9, &["late"])),
        Input::Sending(leg, Sending { muted: true, video: true, screen: true }),
        Input::Hold(leg),
        Input::Resume(leg),
        Input::Transfer(leg, centrale_calls::TransferTarget::Identity(carol())),
        Input::TransferProgress { transfer: 0, outcome: Ok(()) },
        Input::Replaced,
        Input::Media(leg, MediaReport::Connected),
        Input::Media(leg, MediaReport::Failed),
        Input::Lost { leg, is_leaving: true },
        Input::Back(leg),
        Input::TokenOver(leg),
        Input::TakenOver,
        Input::Tick,
    ]
}

/// How a call is placed: Alice calls Bob, who has one device, unless a script says otherwise.
pub(crate) struct Start {
    pub(crate) devices: Vec<Device>,
    pub(crate) is_registered: bool,
    pub(crate) origin: Origin,
    pub(crate) is_relay_allowed: bool,
}

impl Default for Start {
    fn default() -> Start {
        Start { devices: vec![device(1)], is_registered: true, origin: Origin::Dialled, is_relay_allowed: true }
    }
}

impl Start {
    pub(crate) fn input(&self) -> Input {
        Input::Start {
            caller: alice(),
            endpoint: endpoint(100),
            participant_id: place(100),
            display_name: Some("Alice".to_owned()),
            form: Form::Pair,
            targets: vec![Target {
                identity: bob(),
                devices: self.devices.clone(),
                absence: absence(self.is_registered),
            }],
            offer: description(DescriptionKind::Offer, 0),
            sending: alice_sends(),
            origin: self.origin.clone(),
            context: Some(Sealed("context".to_owned())),
            is_relay_allowed: self.is_relay_allowed,
        }
    }

    pub(crate) fn incoming(&self) -> Notice {
        let (transferor, replaces) = match &self.origin {
            Origin::Dialled => (None, None),
            Origin::TransferOf { transferor, replaces, .. } => (Some(transferor.clone()), *replaces),
        };
        Notice::Incoming {
            caller: alice_view(ParticipantState::Connecting),
            offer: Some(description(DescriptionKind::Offer, 0)),
            candidates: Vec::new(),
            transferor,
            replaces,
            context: Some(Sealed("context".to_owned())),
        }
    }
}

// People and their things.

pub(crate) fn alice() -> Identity {
    "8:alice".parse().expect("a raw id")
}

pub(crate) fn bob() -> Identity {
    "8:bob".parse().expect("a raw id")
}

pub(crate) fn carol() -> Identity {
    "8:carol".parse().expect("a raw id")
}

pub(crate) fn endpoint(number: u32) -> EndpointId {
    EndpointId::from_u128(u128::from(number))
}

pub(crate) fn place(number: u32) -> ParticipantId {
    ParticipantId::from_u128(u128::from(number))
}

/// A device of Bob's.
pub(crate) fn device(number: u32) -> Device {
    Device { endpoint: endpoint(200 + number), participant_id: place(200 + number), is_busy: false }
}

/// A device of Bob's that is in another call.
pub(crate) fn busy_device(number: u32) -> Device {
    Device { is_busy: true, ..device(number) }
}

pub(crate) fn description(kind: DescriptionKind, epoch: u32) -> Description {
    Description { kind, epoch, sdp: Sealed(format!("{kind:?} {epoch}")) }
}

pub(crate) fn candidates(epoch: u32, list: &[&str]) -> Candidates {
    Candidates { epoch, list: list.iter().map(|text| Sealed((*text).to_owned())).collect() }
}

pub(crate) fn alice_sends() -> Sending {
    Sending { video: true, ..Sending::default() }
}

pub(crate) fn alice_view(state: ParticipantState) -> ParticipantView {
    ParticipantView {
        identity: alice(),
        participant_id: Some(place(100)),
        display_name: Some("Alice".to_owned()),
        sending: alice_sends(),
        ..nobody(alice(), state)
    }
}

/// Somebody of whom nothing is known but where it stands.
pub(crate) fn nobody(identity: Identity, state: ParticipantState) -> ParticipantView {
    ParticipantView {
        identity,
        participant_id: None,
        display_name: None,
        state,
        sending: Sending::default(),
        role: ParticipantRole::Presenter,
        hand_raised: None,
        is_spotlighted: false,
        is_muted_by_others: false,
        receives: None,
        end_reason: None,
    }
}

/// Bob as he is seen once he answered on this leg.
pub(crate) fn bob_view(leg: LegId, state: ParticipantState) -> ParticipantView {
    ParticipantView {
        identity: bob(),
        participant_id: Some(place(200 + leg.0)),
        display_name: Some("Bob".to_owned()),
        ..nobody(bob(), state)
    }
}

pub(crate) fn accept(leg: LegId) -> Input {
    Input::Accept {
        leg,
        display_name: Some("Bob".to_owned()),
        answer: description(DescriptionKind::Answer, 0),
        sending: Sending::default(),
    }
}

// Short words for outputs.

pub(crate) fn tell(leg: LegId, notice: Notice) -> Output {
    Output::Tell(leg, notice)
}

pub(crate) fn record(fact: Fact) -> Output {
    Output::Record(fact)
}

pub(crate) fn change(change: Change) -> Output {
    Output::Change(change)
}

pub(crate) fn started() -> Output {
    record(Fact::Started { caller: alice(), targets: vec![bob()] })
}

pub(crate) fn rung(leg: LegId, endpoint: EndpointId) -> Output {
    record(Fact::Rung(leg, bob(), endpoint))
}

pub(crate) fn alerting(leg: LegId) -> Output {
    record(Fact::Alerting(leg))
}

pub(crate) fn state(leg: LegId, state: CallState) -> Output {
    tell(leg, Notice::State(state))
}

pub(crate) fn told_end(leg: LegId, reason: EndReason) -> Output {
    tell(leg, Notice::Ended(reason))
}

/// A device stops ringing.
pub(crate) fn not_answered(leg: LegId, reason: EndReason) -> [Output; 2] {
    [told_end(leg, reason), record(Fact::NotAnswered(leg, reason))]
}

/// A device turned the call down.
pub(crate) fn declined(leg: LegId, reason: EndReason) -> [Output; 2] {
    [told_end(leg, reason), record(Fact::Declined(leg, reason))]
}

/// A connected leg is over.
pub(crate) fn left(leg: LegId, reason: EndReason, connected_ms: u64) -> [Output; 2] {
    let (identity, participant_id) = if leg == ALICE { (alice(), place(100)) } else { (bob(), place(200 + leg.0)) };
    [told_end(leg, reason), record(Fact::Left { leg, identity, participant_id, reason, connected_ms })]
}

pub(crate) fn ended(reason: EndReason) -> Output {
    record(Fact::Ended(reason))
}

/// Both sides of an answered call are over for one reason.
pub(crate) fn both_left(reason: EndReason, connected_ms: u64) -> Vec<Output> {
    let mut outputs = left(ALICE, reason, connected_ms).to_vec();
    outputs.extend(left(BOB, reason, connected_ms));
    outputs.push(ended(reason));
    outputs
}

/// What an answer on a leg leads to, when nothing else rings.
pub(crate) fn answered_on(leg: LegId) -> Vec<Output> {
    vec![
        record(Fact::Connected(ALICE, alice(), place(100))),
        record(Fact::Connected(leg, bob(), place(200 + leg.0))),
        tell(leg, Notice::Joined),
        tell(leg, Notice::Participant(alice_view(ParticipantState::Connected))),
        tell(
            ALICE,
            Notice::Accepted {
                callee: bob_view(leg, ParticipantState::Connected),
                answer: description(DescriptionKind::Answer, 0),
                participant_id: place(200 + leg.0),
            },
        ),
    ]
}

/// Several groups of outputs, one after the other.
pub(crate) fn all<const N: usize>(groups: [Vec<Output>; N]) -> Vec<Output> {
    groups.into_iter().flatten().collect()
}

/// Why a call ends that finds no device.
fn absence(is_registered: bool) -> EndReason {
    if is_registered { EndReason::OFFLINE } else { EndReason::NO_ENDPOINT }
}
