//! A small world of group calls: people with a device or two, a media processor that is slow, forgets and dies, a host that restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use centrale_calls::{
    Call, Description, DescriptionKind, Device, Form, Heard, Input, LegState, MediaReport, Notice, Order, Origin,
    Output, Refusal, Sealed, Sending, Target, Timers, Who,
};
use centrale_model::{
    CallId, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, ParticipantRole, ReceiveMode, Time,
};

use crate::chance::Chance;
use crate::group_client::GroupClient;
use crate::group_rules::{self, Picture};
use crate::group_witness::GroupWitness;

/// How long people are there. Then every client vanishes.
const EVENING: Duration = Duration::from_secs(300);

/// How many people there are; the call takes one less.
const PEOPLE: u64 = 6;

pub(crate) struct Played {
    pub(crate) inputs: u64,
    pub(crate) most: usize,
    pub(crate) moved: bool,
    pub(crate) reason: EndReason,
}

pub(crate) struct GroupWorld {
    seed: u64,
    chance: Chance,
    slowness: Duration,
    restarts: u64,
    media_trouble: u64,
    call: Call,
    witness: GroupWitness,
    clients: BTreeMap<LegId, GroupClient>,
    /// Who waits for the answer to its request to join.
    asking: BTreeSet<LegId>,
    /// Who is at the media processor: epoch, and whether the path is up.
    conference: Option<BTreeMap<ParticipantId, (u32, bool)>>,
    plan: BTreeMap<(Time, u64), Event>,
    planned: u64,
    places: u128,
    now: Time,
    inputs: u64,
    most: usize,
    moved: bool,
    highest_hand: u32,
}

enum Event {
    Arrives(Box<Input>),
    /// Somebody does something.
    Acts(u64),
    /// The host compares the conference with the call.
    Compares,
}

impl GroupWorld {
    pub(crate) fn of(seed: u64) -> GroupWorld {
        let mut chance = Chance::of(seed);
        GroupWorld {
            seed,
            slowness: Duration::from_millis([10, 400, 4000][usize::try_from(chance.below(3)).expect("small")]),
            restarts: chance.below(20),
            media_trouble: [0, 5, 20][usize::try_from(chance.below(3)).expect("small")],
            chance,
            call: Call::new(CallId::from_u128(1), Timers::default()).limited_to(5),
            witness: GroupWitness::default(),
            clients: BTreeMap::new(),
            asking: BTreeSet::new(),
            conference: None,
            plan: BTreeMap::new(),
            planned: 0,
            places: 1000,
            now: Time::ZERO,
            inputs: 0,
            most: 0,
            moved: false,
            highest_hand: 0,
        }
    }

    pub(crate) fn play(mut self) -> Played {
        let begin = match self.chance.below(3) {
            0 => self.join(0),
            1 => self.dial(Form::Group),
            _ => self.dial(Form::Pair),
        };
        self.feed(begin, Time::ZERO);
        for person in 0..PEOPLE {
            self.act_later(person);
        }
        self.at(Time::from_secs(10), Event::Compares);
        let mut has_vanished = false;
        for _ in 0..20_000 {
            if self.call.is_over().is_some() {
                break;
            }
            let next = self.plan.first_key_value().map(|((at, _), _)| *at);
            let due = self.call.timeout().map(|(at, _)| at);
            if !has_vanished && next.is_none_or(|at| at > Time::ZERO + EVENING) {
                has_vanished = true;
                self.vanish();
                continue;
            }
            match (next, due) {
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    let Some(((at, _), event)) = self.plan.pop_first() else { break };
                    self.happen(event, at);
                }
                (_, Some(due)) => self.feed(Input::Tick, due),
                (Some(_) | None, None) => break,
            }
        }
        let Some(reason) = self.call.is_over() else {
            panic!("seed {}: all have vanished and the call goes on, at {}", self.seed, self.now);
        };
        Played { inputs: self.inputs, most: self.most, moved: self.moved, reason }
    }

    fn happen(&mut self, event: Event, at: Time) {
        match event {
            Event::Arrives(input) => self.feed(*input, at),
            Event::Acts(person) => {
                self.now = self.now.max(at);
                if self.now < Time::ZERO + EVENING {
                    let input = self.act(person);
                    self.send(input);
                    self.act_later(person);
                }
            }
            Event::Compares => {
                if self.chance.percent(self.media_trouble) {
                    self.conference = None;
                }
                let present = self.conference.as_ref();
                let list = present.map(|there| there.iter().map(|(who, (epoch, up))| (*who, *epoch, *up)).collect());
                self.feed(Input::Heard(Heard::Summary(list)), at);
                self.at(at + Duration::from_secs(10), Event::Compares);
            }
        }
    }

    /// One input to the call, and everybody looks.
    fn feed(&mut self, input: Input, now: Time) {
        self.now = self.now.max(now);
        self.inputs += 1;
        if self.chance.percent(self.restarts) {
            let snapshot = serde_json::to_vec(&self.call).expect("a call is plain data");
            self.call = serde_json::from_slice(&snapshot).expect("its own snapshot");
        }
        let guard = Blame { seed: self.seed, now: self.now, input: format!("{input:?}") };
        let is_on_time = self.call.timeout().is_none_or(|(at, _)| at > self.now);
        let before = Picture::of(&self.call, &input, self.highest_hand);
        self.call.handle(input.clone(), self.now);
        let outputs: Vec<Output> = core::iter::from_fn(|| self.call.poll()).collect();
        for output in &outputs {
            self.witness.see(output);
            match output {
                Output::Tell(leg, notice) => self.hear(*leg, notice),
                Output::Order(order) => self.carry(order),
                Output::Record(_) | Output::Change(_) => {}
            }
        }
        self.witness.look_at(&self.call, self.now);
        if is_on_time {
            group_rules::check(&before, &input, &self.call, outputs.len());
        }
        // Who joined has its view with the answer.
        if let Input::Join { endpoint, .. } = &input
            && let Some(leg) = self.call.leg_of(*endpoint)
            && self.call.leg(leg).is_some_and(|leg| leg.state() == LegState::Joining)
        {
            self.clients.insert(leg, GroupClient::new(leg));
            self.asking.insert(leg);
        }
        for leg in self.call.legs().map(|leg| (leg.id(), leg.state())).collect::<Vec<_>>() {
            let Some(view) = self.call.view_for(leg.0) else { continue };
            self.highest_hand = self.highest_hand.max(view.own.hand_raised.unwrap_or_default());
            if leg.1 == LegState::Connected
                && self.asking.remove(&leg.0)
                && let Some(client) = self.clients.get_mut(&leg.0)
            {
                client.look(view);
            }
        }
        for client in self.clients.values_mut() {
            client.agrees_with(&self.call);
        }
        self.most = self.most.max(self.call.legs().filter(|leg| leg.state() == LegState::Connected).count());
        core::mem::forget(guard);
    }

    /// The media processor does what it is told, slowly; its answers may get lost with it.
    fn carry(&mut self, order: &Order) {
        let way = self.chance.span(self.slowness);
        match order {
            Order::Admit { place, epoch, .. } => {
                if self.chance.percent(self.media_trouble) {
                    let because = if self.chance.percent(50) { Refusal::Unreachable } else { Refusal::BadOffer };
                    self.say_after(way, Heard::Refused { place: *place, epoch: *epoch, because });
                    return;
                }
                self.conference.get_or_insert_default().insert(*place, (*epoch, true));
                self.say_after(way, Heard::Answered { place: *place, epoch: *epoch, answer: Sealed("answer".into()) });
                if !self.chance.percent(self.media_trouble) {
                    self.say_after(way * 2, Heard::Connected { place: *place, epoch: *epoch });
                }
            }
            Order::Describe { place, epoch, .. } => {
                let is_there = self.conference.as_ref().is_some_and(|there| there.contains_key(place));
                let heard = if is_there {
                    Heard::Answered { place: *place, epoch: *epoch, answer: Sealed("answer".into()) }
                } else {
                    Heard::Refused { place: *place, epoch: *epoch, because: Refusal::Unknown }
                };
                self.say_after(way, heard);
            }
            Order::Expel(place) => {
                if let Some(there) = &mut self.conference {
                    there.remove(place);
                }
            }
            Order::Close => self.conference = None,
            Order::Allow(..) | Order::Receive(..) | Order::Hold(..) | Order::Spotlight(_) => {}
        }
    }

    /// A client hears a notice and may do something about it.
    fn hear(&mut self, leg: LegId, notice: &Notice) {
        if let Notice::Incoming { offer, .. } = notice {
            self.clients.insert(leg, GroupClient::new(leg));
            let kind = if offer.is_some() { DescriptionKind::Answer } else { DescriptionKind::Offer };
            self.send(Input::Ringing(leg));
            let patience = self.chance.span(Duration::from_secs(60));
            let input = if self.chance.percent(75) {
                Input::Accept { leg, display_name: None, answer: describe(kind, 0), sending: Sending::default() }
            } else {
                Input::Decline { leg, is_busy: false }
            };
            self.send_after(patience, input);
        }
        if let Some(client) = self.clients.get_mut(&leg) {
            client.hear(notice);
        } else if leg == LegId(0) {
            let mut client = GroupClient::new(leg);
            client.hear(notice);
            self.clients.insert(leg, client);
        }
        match notice {
            Notice::Convene { epoch, .. } if self.chance.percent(90) => {
                self.send(Input::Describe(leg, describe(DescriptionKind::Offer, *epoch)));
            }
            Notice::Convened { .. } => self.moved = true,
            Notice::Accepted { .. } | Notice::Joined => self.send(Input::Media(leg, MediaReport::Connected)),
            _ => {}
        }
    }

    /// Somebody does something of its own accord, sensible or not.
    fn act(&mut self, person: u64) -> Input {
        let live: Vec<(LegId, ParticipantId)> =
            self.call.legs().filter(|leg| leg.is_live()).map(|leg| (leg.id(), leg.participant_id())).collect();
        let pick = |chance: &mut Chance| match live.len() {
            0 => (LegId(0), ParticipantId::from_u128(1)),
            count => live[usize::try_from(chance.below(count as u64)).expect("small")],
        };
        let (leg, _) = pick(&mut self.chance);
        let (_, place) = pick(&mut self.chance);
        let flag = self.chance.percent(50);
        let target = self.chance.below(PEOPLE);
        match self.chance.below(100) {
            0..=19 => self.join(person),
            20..=29 => Input::Add { leg, target: self.target(target) },
            30..=33 => Input::Remove { leg, who: Who::Place(place) },
            34..=35 => Input::Remove { leg, who: Who::Everything(identity(target)) },
            36..=40 => Input::MuteOthers { leg, whom: if flag { None } else { Some(vec![place]) } },
            41..=46 => Input::RaiseHand(leg, flag),
            47..=48 => Input::LowerHands { leg, whose: if flag { None } else { Some(vec![place]) } },
            49..=53 => Input::Spotlight { leg, who: Some(vec![place]), is_on: flag },
            54 => Input::Spotlight { leg, who: None, is_on: false },
            55..=57 => Input::Receive(leg, if flag { ReceiveMode::Mixed } else { ReceiveMode::Auto }),
            58..=60 => Input::Convene(leg),
            61..=63 => {
                let role = [ParticipantRole::Presenter, ParticipantRole::Attendee, ParticipantRole::Consumer];
                let role = role[usize::try_from(self.chance.below(3)).expect("small")];
                Input::Role { identity: identity(target), role }
            }
            64..=68 => Input::Hold(leg),
            69..=73 => Input::Resume(leg),
            74..=80 => Input::Sending(leg, Sending { muted: flag, video: self.chance.percent(50), screen: flag }),
            81..=83 => Input::Describe(leg, describe(DescriptionKind::Offer, self.call.epoch_of(leg).unwrap_or(0))),
            84..=85 => Input::Media(leg, if flag { MediaReport::Connected } else { MediaReport::Interrupted }),
            86..=89 => {
                let back = self.chance.span(Duration::from_secs(130));
                self.send_after(back, Input::Back(leg));
                Input::Lost { leg, is_leaving: flag }
            }
            90 => Input::TokenOver(leg),
            91..=92 => Input::Heard(Heard::Interrupted(place)),
            93 => Input::Heard(Heard::Gone { place, epoch: self.call.epoch_of(leg).unwrap_or(0) }),
            94 if self.chance.percent(self.media_trouble) => {
                self.conference = None;
                Input::Heard(Heard::Lost)
            }
            95 => Input::TakenOver,
            96 if self.chance.percent(20) => Input::HangUp { leg, for_everyone: true },
            _ => Input::HangUp { leg, for_everyone: false },
        }
    }

    fn join(&mut self, person: u64) -> Input {
        let device = self.chance.below(2);
        let endpoint = endpoint(person, device);
        let epoch = self.call.leg_of(endpoint).and_then(|leg| self.call.epoch_of(leg)).map_or(0, |epoch| epoch + 1);
        self.places += 1;
        Input::Join {
            identity: identity(person),
            endpoint,
            participant_id: ParticipantId::from_u128(self.places),
            display_name: None,
            group: Some(GroupId::from_u128(7)),
            offer: describe(DescriptionKind::Offer, epoch),
            sending: Sending::default(),
            mode: ReceiveMode::Auto,
            role: ParticipantRole::Presenter,
            is_relay_allowed: true,
        }
    }

    fn dial(&mut self, form: Form) -> Input {
        let last = if form == Form::Pair { 1 } else { 3 };
        Input::Start {
            caller: identity(0),
            endpoint: endpoint(0, 0),
            participant_id: ParticipantId::from_u128(1),
            display_name: None,
            form,
            targets: (1..=last).map(|person| self.target(person)).collect(),
            offer: describe(DescriptionKind::Offer, 0),
            sending: Sending::default(),
            origin: Origin::Dialled,
            context: None,
            is_relay_allowed: true,
        }
    }

    fn target(&mut self, person: u64) -> Target {
        let count = self.chance.below(3);
        let devices = (0..count).map(|device| {
            self.places += 1;
            let participant_id = ParticipantId::from_u128(self.places);
            Device { endpoint: endpoint(person, device), participant_id, is_busy: self.chance.percent(10) }
        });
        Target { identity: identity(person), devices: devices.collect(), absence: EndReason::OFFLINE }
    }

    fn act_later(&mut self, person: u64) {
        let pause = self.chance.span(Duration::from_secs(20));
        self.at(self.now + pause, Event::Acts(person));
    }

    /// Everybody is gone.
    fn vanish(&mut self) {
        self.plan.clear();
        let live: Vec<LegId> = self.call.legs().filter(|leg| leg.is_live()).map(|leg| leg.id()).collect();
        for leg in live {
            let now = self.now;
            self.at(now, Event::Arrives(Box::new(Input::Lost { leg, is_leaving: false })));
        }
    }

    fn say_after(&mut self, pause: Duration, heard: Heard) {
        self.at(self.now + pause, Event::Arrives(Box::new(Input::Heard(heard))));
    }

    fn send(&mut self, input: Input) {
        self.send_after(Duration::ZERO, input);
    }

    fn send_after(&mut self, pause: Duration, input: Input) {
        let way = self.chance.span(self.slowness);
        self.at(self.now + pause + way, Event::Arrives(Box::new(input)));
    }

    fn at(&mut self, at: Time, event: Event) {
        self.planned += 1;
        self.plan.insert((at, self.planned), event);
    }
}

fn identity(person: u64) -> Identity {
    format!("8:person{person}").parse().expect("a raw id")
}

fn endpoint(person: u64, device: u64) -> EndpointId {
    EndpointId::from_u128(u128::from(100 + person * 10 + device))
}

fn describe(kind: DescriptionKind, epoch: u32) -> Description {
    Description { kind, epoch, sdp: Sealed(format!("{kind:?}")) }
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
