//! `group_machine`: a group call, or a call between two that becomes one: seven people who come, go, and act on each other, a media
//! processor that says whatever it likes, a host that restarts, and time that creeps or leaps.
//!
//! Watched by the witness that the call's own tests have: one end for each leg and nothing after it, everybody who is in seen by all,
//! time metered as it was seen, no order for somebody who is not there. At the end every client vanishes, and the call must be over in time.

#[path = "../../crates/calls/tests/reference/group_witness.rs"]
mod group_witness;

use std::time::Duration;

use centrale_calls::{
    Call, Description, DescriptionKind, Device, Form, Heard, Input, MediaReport, Origin, Output, Refusal, Sealed,
    Sending, Target, Timers, Who,
};
use centrale_model::{
    CallId, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, ParticipantRole, ReceiveMode, Time,
};

use crate::bytes::Bytes;
use crate::reach::reached;
use group_witness::GroupWitness;

/// From the moment that all are away until the call must be over: the longest window, and the least patience after it.
const AFTERGLOW: Duration = Duration::from_secs(150);

/// The target.
///
/// # Panics
/// When the machine panics, or does what it ought not to.
pub fn group_machine(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let call = Call::new(CallId::from_u128(1), Timers::default()).limited_to(5);
    let mut world = World { call, witness: GroupWitness::default(), now: Time::ZERO, places: 100 };
    let begin = match bytes.below(3) {
        0 => world.join(0, 0),
        1 => world.dial(Form::Group, bytes.byte()),
        _ => world.dial(Form::Pair, bytes.byte()),
    };
    world.feed(begin);
    let mut steps = 0;
    while !bytes.is_empty() && steps < 200 {
        world.step(&mut bytes);
        steps += 1;
    }
    world.end();
}

struct World {
    call: Call,
    witness: GroupWitness,
    now: Time,
    /// Participant ids given out.
    places: u128,
}

impl World {
    /// Four bytes: how long after the last one, what, who, and a detail.
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let pause = match bytes.byte() {
            millis @ 0..=199 => Duration::from_millis(u64::from(millis)),
            seconds => Duration::from_secs(u64::from(seconds - 199)),
        };
        self.now = self.now + pause;
        let (what, who, detail) = (bytes.below(32), bytes.byte(), bytes.byte());
        let leg = self.leg(who);
        let place = self.place(detail);
        let flag = detail & 1 == 1;
        let epoch = u32::from(detail >> 1) % 4;
        let input = match what {
            0..=2 => self.join(who, epoch),
            3 | 4 => Input::Accept {
                leg,
                display_name: None,
                answer: description(if flag { DescriptionKind::Offer } else { DescriptionKind::Answer }, epoch),
                sending: Sending::default(),
            },
            5 => Input::Add { leg, target: self.target(detail) },
            6 => Input::Remove { leg, who: if flag { Who::Place(place) } else { Who::Everything(person(detail)) } },
            7 => Input::MuteOthers { leg, whom: flag.then(|| vec![place]) },
            8 => Input::RaiseHand(leg, flag),
            9 => Input::LowerHands { leg, whose: flag.then(|| vec![place]) },
            10 => Input::Spotlight { leg, who: (epoch > 0).then(|| vec![place]), is_on: flag },
            11 => Input::Receive(leg, if flag { ReceiveMode::Mixed } else { ReceiveMode::Auto }),
            12 => Input::Convene(leg),
            13 => {
                let role = if flag { ParticipantRole::Presenter } else { ParticipantRole::Consumer };
                Input::Role { identity: person(detail), role }
            }
            14 => Input::Hold(leg),
            15 => Input::Resume(leg),
            16 => Input::Sending(leg, Sending { muted: flag, video: epoch > 1, screen: epoch == 1 }),
            17 | 18 => Input::Describe(leg, description(DescriptionKind::Offer, epoch)),
            19 => Input::Media(leg, if flag { MediaReport::Connected } else { MediaReport::Failed }),
            20 => Input::Lost { leg, is_leaving: flag },
            21 => Input::Back(leg),
            22 if detail > 200 => Input::TokenOver(leg),
            23 => Input::HangUp { leg, for_everyone: detail > 250 },
            24..=26 => {
                let epoch = self.call.epoch_of(leg).unwrap_or(epoch);
                let place = self.call.leg(leg).map_or(place, |leg| leg.participant_id());
                Input::Heard(if flag {
                    Heard::Answered { place, epoch, answer: Sealed(String::new()) }
                } else {
                    Heard::Connected { place, epoch }
                })
            }
            27 => Input::Heard(match detail % 6 {
                0 => Heard::Interrupted(place),
                1 => Heard::Gone { place, epoch },
                2 => Heard::Lost,
                3 => Heard::Dropped,
                4 => Heard::Refused { place, epoch, because: Refusal::Unknown },
                _ => Heard::Refused { place, epoch, because: Refusal::BadOffer },
            }),
            28 => Input::Heard(Heard::Summary(flag.then(|| vec![(place, epoch, detail > 100)]))),
            29 => return self.restart(),
            30 => Input::TakenOver,
            _ => Input::Tick,
        };
        self.feed(input);
    }

    fn feed(&mut self, input: Input) {
        self.call.handle(input, self.now);
        let mut outputs = 0;
        while let Some(output) = self.call.poll() {
            self.witness.see(&output);
            count(&output);
            outputs += 1;
            assert!(outputs < 2_000, "one input has a bounded answer");
        }
        self.witness.look_at(&self.call, self.now);
    }

    /// The host dies and another takes the call over.
    fn restart(&mut self) {
        let snapshot = serde_json::to_vec(&self.call).expect("a call is plain data");
        let restored: Call = serde_json::from_slice(&snapshot).expect("its own snapshot");
        assert_eq!(restored, self.call);
        self.call = restored;
        reached([("restart", 1)]);
    }

    /// Everybody vanishes.
    fn end(mut self) {
        let vanished = self.now;
        let live: Vec<LegId> = self.call.legs().filter(|leg| leg.is_live()).map(|leg| leg.id()).collect();
        for leg in live {
            self.feed(Input::Lost { leg, is_leaving: false });
        }
        while let Some((at, _)) = self.call.timeout() {
            self.now = at;
            self.feed(Input::Tick);
        }
        assert!(self.call.is_over().is_some(), "all are away and the call goes on");
        assert!(self.now <= vanished + AFTERGLOW, "over at {}, all away since {vanished}", self.now);
    }

    fn leg(&self, who: u8) -> LegId {
        let live: Vec<LegId> = self.call.legs().filter(|leg| leg.is_live()).map(|leg| leg.id()).collect();
        match live.len() {
            0 => LegId(u32::from(who)),
            count => live[usize::from(who) % count],
        }
    }

    fn place(&self, detail: u8) -> ParticipantId {
        self.call.leg(self.leg(detail)).map_or(ParticipantId::from_u128(9), |leg| leg.participant_id())
    }

    fn join(&mut self, who: u8, epoch: u32) -> Input {
        self.places += 1;
        Input::Join {
            identity: person(who),
            endpoint: endpoint(who, who / 7 % 2),
            participant_id: ParticipantId::from_u128(self.places),
            display_name: None,
            group: Some(GroupId::from_u128(7)),
            offer: description(DescriptionKind::Offer, epoch),
            sending: Sending::default(),
            mode: ReceiveMode::Auto,
            role: ParticipantRole::Presenter,
            is_relay_allowed: true,
        }
    }

    fn dial(&mut self, form: Form, kind: u8) -> Input {
        let count = if form == Form::Pair { 1 } else { 1 + kind % 3 };
        Input::Start {
            caller: person(0),
            endpoint: endpoint(0, 0),
            participant_id: ParticipantId::from_u128(0),
            display_name: None,
            form,
            targets: (1..=count).map(|who| self.target(who | kind & 0xf8)).collect(),
            offer: description(DescriptionKind::Offer, 0),
            sending: Sending::default(),
            origin: Origin::Dialled,
            context: None,
            is_relay_allowed: kind & 64 == 0,
        }
    }

    fn target(&mut self, detail: u8) -> Target {
        let devices = (0..(detail >> 3) % 3).map(|device| {
            self.places += 1;
            let participant_id = ParticipantId::from_u128(self.places);
            Device { endpoint: endpoint(detail, device), participant_id, is_busy: detail >= 224 }
        });
        Target { identity: person(detail), devices: devices.collect(), absence: EndReason::OFFLINE }
    }
}

fn count(output: &Output) {
    use centrale_calls::{Notice, Order};
    let place = match output {
        Output::Tell(_, notice) => match notice {
            Notice::Convened { .. } => "moved",
            Notice::Adjourned { .. } => "adjourned",
            Notice::MutedByOthers(_) => "muted",
            Notice::Conference(_) => "answer",
            Notice::Convene { .. } => "convene",
            _ => return,
        },
        Output::Order(Order::Expel(_)) => "expel",
        Output::Order(Order::Admit { .. }) => "admit",
        Output::Order(Order::Close) => "close",
        Output::Order(_) => "order",
        Output::Record(centrale_calls::Fact::Ended(_)) => "end",
        Output::Record(centrale_calls::Fact::Connected(..)) => "in",
        Output::Record(_) | Output::Change(_) => return,
    };
    reached([(place, 1)]);
}

fn description(kind: DescriptionKind, epoch: u32) -> Description {
    Description { kind, epoch, sdp: Sealed(String::new()) }
}

fn person(number: u8) -> Identity {
    format!("8:{}", number % 7).parse().expect("a raw id")
}

fn endpoint(who: u8, device: u8) -> EndpointId {
    EndpointId::from_u128(u128::from(who % 7) * 10 + u128::from(device % 3))
}

/// Histories to begin with: two join and are answered; a call between two is answered and somebody is added.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let joined = [0, 10, 24, 0, 1, 10, 24, 0, 0, 10, 0, 1, 0, 10, 24, 1, 1, 10, 24, 1, 0];
    let added = [2, 8, 10, 3, 1, 0, 10, 19, 0, 1, 10, 19, 1, 1, 10, 5, 0, 10, 10, 17, 0, 3, 10, 24, 0, 1, 10, 24, 0, 0];
    let mut seeds = Vec::new();
    for begin in [joined.as_slice(), added.as_slice()] {
        for what in 0..32 {
            for detail in [0, 1, 3, 10, 255] {
                let mut history = begin.to_vec();
                history.extend_from_slice(&[200, what, 1, detail, 10, 29, 0, 0, 230, 27, 0, 2, 255, 17, 0, 3]);
                seeds.push(history);
            }
        }
    }
    seeds
}
