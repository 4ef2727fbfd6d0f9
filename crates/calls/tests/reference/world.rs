//! A small world: a caller, devices of a callee, a network that loses, delays, repeats and reorders, a host that restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use centrale_calls::{
    Call, Candidates, Description, DescriptionKind, Device, Form, Input, LegState, MediaReport, Notice, Origin, Output,
    Sealed, Sending, Target, Timers, TransferTarget,
};
use centrale_model::{CallId, EndReason, EndpointId, Identity, LegId, ParticipantId, Time};

use crate::chance::Chance;
use crate::client::Client;
use crate::model::Model;
use crate::witness::Witness;

/// How long people are there. Then every client vanishes.
const EVENING: Duration = Duration::from_secs(400);

/// The longest a call can last once every client is away: the reconnect window of the last to go, which covers ringing too.
const LONGEST_AFTERGLOW: Duration = Duration::from_secs(120);

/// What a played world was like.
pub(crate) struct Played {
    pub(crate) inputs: u64,
    pub(crate) was_answered: bool,
    pub(crate) reason: EndReason,
}

pub(crate) struct World {
    seed: u64,
    chance: Chance,
    loss: u64,
    repeats: u64,
    restarts: u64,
    slowness: Duration,
    /// Broken media paths happen. The model does not know them, so that only the witness watches.
    has_broken_media: bool,
    talkativeness: Duration,
    call: Call,
    model: Model,
    witness: Witness,
    clients: BTreeMap<LegId, Client>,
    /// What happens, in order of moment and then of having been planned.
    plan: BTreeMap<(Time, u64), Event>,
    planned: u64,
    participant_ids: u128,
    now: Time,
    inputs: u64,
}

enum Event {
    /// Something reaches the call.
    Arrives(Box<Input>),
    /// A client that is in the call does something.
    Acts(LegId),
}

impl World {
    pub(crate) fn of(seed: u64) -> World {
        let mut chance = Chance::of(seed);
        World {
            seed,
            loss: chance.below(30),
            repeats: chance.below(30),
            restarts: chance.below(30),
            slowness: Duration::from_millis([10, 500, 5000][usize::try_from(chance.below(3)).expect("small")]),
            has_broken_media: chance.percent(30),
            talkativeness: Duration::from_secs([2, 20, 60][usize::try_from(chance.below(3)).expect("small")]),
            chance,
            call: Call::new(CallId::from_u128(1), Timers::default()),
            model: Model::default(),
            witness: Witness::default(),
            clients: BTreeMap::new(),
            plan: BTreeMap::new(),
            planned: 0,
            participant_ids: 1000,
            now: Time::ZERO,
            inputs: 0,
        }
    }

    /// Plays the world to its end: the call is over, and long over.
    pub(crate) fn play(mut self) -> Played {
        let start = self.start();
        self.at(Time::ZERO, Event::Arrives(Box::new(start)));
        self.plan_act(LegId(0));
        for _ in 0..self.chance.below(4) {
            let at = Time::ZERO + self.chance.span(Duration::from_secs(90));
            let device = self.device();
            self.at(at, Event::Arrives(Box::new(Input::DeviceAppeared { identity: person("8:bob"), device })));
        }
        let mut has_vanished = false;
        let mut vanished_at = Time::FOREVER;
        loop {
            let next = self.plan.first_key_value().map(|((at, _), _)| *at);
            let due = self.call.timeout().map(|(at, _)| at);
            let Some(at) = next.into_iter().chain(due).min() else {
                break;
            };
            if !has_vanished && at > Time::ZERO + EVENING {
                has_vanished = true;
                vanished_at = self.now.max(Time::ZERO + EVENING);
                self.vanish(vanished_at);
                continue;
            }
            if due == Some(at) && next != Some(at) {
                // The host looks at its deadlines a little late, at times.
                let late =
                    if self.chance.percent(20) { Duration::from_millis(self.chance.below(40)) } else { Duration::ZERO };
                let until = next.unwrap_or(Time::FOREVER);
                if !has_vanished && self.chance.percent(4) {
                    // The host was dead when the deadline came, and another takes over.
                    self.feed(Input::TakenOver, (at + late * 100).min(until));
                } else {
                    self.feed(Input::Tick, (at + late).min(until));
                }
                continue;
            }
            let Some(((at, _), event)) = self.plan.pop_first() else {
                break;
            };
            match event {
                Event::Arrives(input) => self.feed(*input, at),
                Event::Acts(leg) => self.act(leg, at),
            }
        }
        if self.call.is_over().is_none() {
            // Nothing is planned and nothing awaited: two people talk. Now they vanish.
            vanished_at = self.now;
            self.vanish(vanished_at);
            while let Some(((at, _), event)) = self.plan.pop_first() {
                if let Event::Arrives(input) = event {
                    self.feed(*input, at);
                }
            }
            while let Some((at, _)) = self.call.timeout() {
                self.feed(Input::Tick, at);
            }
        }
        let Some(reason) = self.call.is_over() else {
            panic!("seed {}: all have vanished and the call goes on", self.seed);
        };
        assert!(
            self.now <= vanished_at + LONGEST_AFTERGLOW + Duration::from_secs(1) || vanished_at == Time::FOREVER,
            "seed {}: over at {}, all vanished at {vanished_at}",
            self.seed,
            self.now
        );
        Played { inputs: self.inputs, was_answered: self.witness.joined.is_some(), reason }
    }

    /// One input to the call, to its model, and everybody looks.
    fn feed(&mut self, input: Input, now: Time) {
        self.now = self.now.max(now);
        self.inputs += 1;
        if self.chance.percent(self.restarts) {
            let snapshot = serde_json::to_vec(&self.call).expect("a call is plain data");
            self.call = serde_json::from_slice(&snapshot).expect("its own snapshot");
        }
        let guard = Blame { seed: self.seed, now: self.now, input: format!("{input:?}") };
        self.call.handle(input.clone(), self.now);
        let outputs: Vec<Output> = core::iter::from_fn(|| self.call.poll()).collect();
        for output in &outputs {
            self.witness.see(output);
            if let Output::Tell(leg, notice) = output {
                self.hear(*leg, notice);
            }
        }
        self.witness.look_at(&self.call, self.now);
        for client in self.clients.values() {
            client.agrees_with(&self.call);
        }
        if !self.has_broken_media {
            self.model.step(&input, self.now);
            self.compare();
        }
        core::mem::forget(guard);
    }

    /// The call is what its model says.
    fn compare(&self) {
        assert_eq!(self.call.is_over(), self.model.over.map(|(_, reason)| reason));
        assert_eq!(self.witness.joined, self.model.winner.map(|(leg, _)| leg));
        let states: Vec<(LegId, LegState)> = self.call.legs().map(|leg| (leg.id(), leg.state())).collect();
        let ought: Vec<(LegId, LegState)> = self.model.legs.iter().map(|(leg, (_, state))| (*leg, *state)).collect();
        assert_eq!(states, ought);
        for (leg, state) in states {
            let Some(view) = self.call.view_for(leg) else { continue };
            assert_eq!(view.state, self.model.state_for(leg), "{leg}");
            assert_eq!(view.epoch, self.model.epoch);
            if state == LegState::Connected || state == LegState::Calling {
                assert_eq!(view.sending, self.model.sends[&leg], "{leg}");
            }
        }
        if let (Some((winner, since)), Some((until, _))) = (self.model.winner, self.model.over) {
            let ms = u64::try_from(until.since(since).as_millis()).expect("a short call");
            let usage: u64 = self.witness.left.values().sum();
            assert_eq!(self.witness.left.get(&winner), Some(&ms));
            assert_eq!(usage, 2 * ms, "both sides are metered for the whole of it");
        }
    }

    /// A client hears a notice and may do something about it.
    fn hear(&mut self, leg: LegId, notice: &Notice) {
        let first = || if leg == LegId(0) { Client::caller() } else { Client::called(leg) };
        self.clients.entry(leg).or_insert_with(first).hear(notice);
        match notice {
            Notice::Incoming { .. } => {
                if self.chance.percent(90) {
                    self.send(Input::Ringing(leg));
                }
                let patience = self.chance.span(Duration::from_secs(130));
                let answer = match self.chance.below(10) {
                    0..=5 => self.accept(leg),
                    6..=7 => Input::Decline { leg, is_busy: false },
                    8 => return,
                    _ => Input::HangUp { leg, for_everyone: false },
                };
                self.send_after(patience, answer);
                self.plan_act(leg);
            }
            Notice::Joined | Notice::Accepted { .. } => {
                let candidates = self.candidates(leg);
                self.send(candidates);
                if self.chance.percent(90) {
                    self.send_after(Duration::from_secs(1), Input::Media(leg, MediaReport::Connected));
                }
                self.plan_act(leg);
            }
            Notice::Description(_, description) => {
                let answer = DescriptionKind::Answer;
                if description.kind == DescriptionKind::Offer {
                    self.send(Input::Describe(leg, describe(answer, description.epoch)));
                    if self.chance.percent(90) {
                        self.send_after(Duration::from_secs(1), Input::Media(leg, MediaReport::Connected));
                    }
                }
            }
            Notice::TransferRequested { transfer, .. } => {
                let outcome = if self.chance.percent(50) { Ok(()) } else { Err(EndReason::DECLINED) };
                let takes = self.chance.span(Duration::from_secs(80));
                self.send_after(takes, Input::TransferProgress { transfer: *transfer, outcome });
            }
            Notice::Conference(_)
            | Notice::Convene { .. }
            | Notice::Convened { .. }
            | Notice::Adjourned { .. }
            | Notice::MutedByOthers(_)
            | Notice::Participants(_)
            | Notice::Ringing
            | Notice::Ended(_)
            | Notice::Candidates(..)
            | Notice::Participant(_)
            | Notice::State(_)
            | Notice::Transfer { .. } => {}
        }
    }

    /// A client does something of its own accord, sensible or not.
    fn act(&mut self, leg: LegId, at: Time) {
        self.now = self.now.max(at);
        if self.now > Time::ZERO + EVENING || self.call.is_over().is_some() {
            return;
        }
        let who = if self.chance.percent(3) { LegId(u32::try_from(self.chance.below(6)).expect("small")) } else { leg };
        let epoch = u32::try_from(self.chance.below(4)).expect("small");
        let input = match self.chance.below(100) {
            0..=14 => Input::Hold(who),
            15..=32 => Input::Resume(who),
            33..=45 => self.sending(who),
            46..=55 => self.candidates(who),
            56..=63 => Input::Describe(who, describe(DescriptionKind::Offer, epoch)),
            64..=69 => Input::Media(who, MediaReport::Connected),
            70..=75 if self.has_broken_media => Input::Media(who, MediaReport::Interrupted),
            76..=77 if self.has_broken_media => Input::Media(who, MediaReport::Failed),
            78..=85 => {
                let is_leaving = self.chance.percent(40);
                let back = self.chance.span(Duration::from_secs(if is_leaving { 70 } else { 130 }));
                self.send_after(back, Input::Back(who));
                Input::Lost { leg: who, is_leaving }
            }
            86..=88 => Input::Back(who),
            89..=91 => Input::Transfer(who, TransferTarget::Identity(person("8:carol"))),
            92 => Input::TransferProgress { transfer: 0, outcome: Err(EndReason::BUSY) },
            93 => self.accept(who),
            94 => Input::Decline { leg: who, is_busy: false },
            95 if self.chance.percent(30) => Input::HangUp { leg: who, for_everyone: true },
            96 if self.chance.percent(30) => Input::TokenOver(who),
            97 if self.chance.percent(10) => Input::Replaced,
            98 => self.start(),
            _ if self.chance.percent(20) => Input::HangUp { leg: who, for_everyone: false },
            _ => Input::Ringing(who),
        };
        self.send(input);
        self.plan_act(leg);
    }

    fn plan_act(&mut self, leg: LegId) {
        let pause = self.chance.span(self.talkativeness);
        self.at(self.now + pause, Event::Acts(leg));
    }

    /// Everybody is gone: what was planned does not happen, and the host notices each loss.
    fn vanish(&mut self, now: Time) {
        self.plan.clear();
        let live: Vec<LegId> = self.call.legs().filter(|leg| leg.is_live()).map(|leg| leg.id()).collect();
        for leg in live {
            let is_leaving = self.chance.percent(30);
            self.at(now, Event::Arrives(Box::new(Input::Lost { leg, is_leaving })));
        }
    }

    fn send(&mut self, input: Input) {
        self.send_after(Duration::ZERO, input);
    }

    /// Through the network: perhaps never, perhaps twice, each time after a while of its own.
    fn send_after(&mut self, pause: Duration, input: Input) {
        if self.chance.percent(self.loss) {
            return;
        }
        let copies = if self.chance.percent(self.repeats) { 2 } else { 1 };
        for _ in 0..copies {
            let way = self.chance.span(self.slowness);
            self.at(self.now + pause + way, Event::Arrives(Box::new(input.clone())));
        }
    }

    fn at(&mut self, at: Time, event: Event) {
        self.planned += 1;
        self.plan.insert((at, self.planned), event);
    }

    fn start(&mut self) -> Input {
        let devices = (0..self.chance.below(4)).map(|_| self.device()).collect();
        let origin = if self.chance.percent(20) {
            Origin::TransferOf {
                call: CallId::from_u128(7),
                transfer: 1,
                transferor: person("8:carol"),
                replaces: self.chance.percent(50).then(|| CallId::from_u128(8)),
            }
        } else {
            Origin::Dialled
        };
        Input::Start {
            caller: person("8:alice"),
            endpoint: EndpointId::from_u128(1),
            participant_id: ParticipantId::from_u128(1),
            display_name: None,
            form: Form::Pair,
            targets: vec![Target {
                identity: person("8:bob"),
                devices,
                absence: if self.chance.percent(50) { EndReason::OFFLINE } else { EndReason::NO_ENDPOINT },
            }],
            offer: describe(DescriptionKind::Offer, 0),
            sending: Sending::default(),
            origin,
            context: None,
            is_relay_allowed: self.chance.percent(70),
        }
    }

    fn device(&mut self) -> Device {
        self.participant_ids += 1;
        Device {
            endpoint: EndpointId::from_u128(u128::from(10 + self.chance.below(5))),
            participant_id: ParticipantId::from_u128(self.participant_ids),
            is_busy: self.chance.percent(15),
        }
    }

    fn accept(&mut self, leg: LegId) -> Input {
        Input::Accept {
            leg,
            display_name: Some("Bob".to_owned()),
            answer: describe(DescriptionKind::Answer, 0),
            sending: Sending::default(),
        }
    }

    fn sending(&mut self, leg: LegId) -> Input {
        let (muted, video) = (self.chance.percent(50), self.chance.percent(50));
        Input::Sending(leg, Sending { muted, video, screen: false })
    }

    fn candidates(&mut self, leg: LegId) -> Input {
        let epoch = u32::try_from(self.chance.below(2)).expect("small");
        let list = (0..self.chance.below(4)).map(|_| Sealed("candidate".to_owned())).collect();
        Input::Candidates(leg, Candidates { epoch, list })
    }
}

fn describe(kind: DescriptionKind, epoch: u32) -> Description {
    Description { kind, epoch, sdp: Sealed(format!("{kind:?}")) }
}

fn person(raw: &str) -> Identity {
    raw.parse().expect("a raw id")
}

/// Names the seed and the input when something is wrong.
struct Blame {
    seed: u64,
    now: Time,
    input: String,
}

impl Drop for Blame {
    fn drop(&mut self) {
        eprintln!("seed {} at {}: {}", self.seed, self.now, self.input);
    }
}
