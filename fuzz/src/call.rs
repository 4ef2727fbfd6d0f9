//! `call_machine`: a whole call, with a caller, up to eight devices of the callee, legs that do not exist, a host that restarts,
//! and time that creeps or leaps.
//!
//! Watched by the witness that the call's own tests have: one winner, one end for each leg and nothing after it, usage for those who
//! were connected and no others, deadlines that lie ahead. At the end every client vanishes, and the call must be over in time.

#[path = "../../crates/calls/tests/reference/witness.rs"]
mod witness;

use std::time::Duration;

use centrale_calls::{
    Call, Candidates, Description, DescriptionKind, Device, Form, Input, MediaReport, Origin, Output, Sealed, Sending,
    Target, Timers, TransferTarget,
};
use centrale_model::{CallId, EndReason, EndpointId, Identity, LegId, ParticipantId, Time};

use crate::bytes::Bytes;
use crate::reach::reached;
use witness::Witness;

/// From the moment that all are away until the call must be over: the longest window.
const AFTERGLOW: Duration = Duration::from_secs(120);

/// The target.
///
/// # Panics
/// When the machine panics, or does what it ought not to.
pub fn call_machine(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut world = World {
        call: Call::new(CallId::from_u128(1), Timers::default()),
        witness: Witness::default(),
        now: Time::ZERO,
        places: 100,
    };
    let start = world.start(&mut bytes);
    world.feed(start);
    let mut steps = 0;
    while !bytes.is_empty() && steps < 200 {
        world.step(&mut bytes);
        steps += 1;
    }
    world.end();
}

struct World {
    call: Call,
    witness: Witness,
    now: Time,
    /// Participant ids given out.
    places: u128,
}

impl World {
    /// Four bytes: how long after the last one, what, which leg, and a detail.
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let pause = match bytes.byte() {
            millis @ 0..=199 => Duration::from_millis(u64::from(millis)),
            seconds => Duration::from_secs(u64::from(seconds - 199)),
        };
        self.now = self.now + pause;
        let (what, leg, detail) = (bytes.below(25), LegId(u32::from(bytes.byte() % 10)), bytes.byte());
        let flag = detail & 1 == 1;
        let epoch = u32::from(detail >> 1) % 4;
        let input = match what {
            0 => self.start(bytes),
            1 => Input::DeviceAppeared { identity: person(2), device: self.device(detail) },
            2 | 3 => Input::Ringing(leg),
            4 | 5 => Input::Accept {
                leg,
                display_name: None,
                answer: description(DescriptionKind::Answer, epoch),
                sending: Sending::default(),
            },
            6 => Input::Decline { leg, is_busy: flag },
            7 => Input::HangUp { leg, for_everyone: flag },
            8 => Input::Describe(leg, description(DescriptionKind::Offer, epoch)),
            9 => Input::Describe(leg, description(DescriptionKind::Answer, epoch)),
            10 => {
                let list = vec![Sealed("c".repeat(usize::from(detail) * 8)); usize::from(detail) % 64];
                Input::Candidates(leg, Candidates { epoch, list })
            }
            11 => Input::Sending(leg, Sending { muted: flag, video: epoch > 1, screen: epoch == 1 }),
            12 => Input::Hold(leg),
            13 => Input::Resume(leg),
            14 => Input::Transfer(leg, TransferTarget::Identity(person(3))),
            15 => {
                let outcome = if flag { Ok(()) } else { Err(EndReason::DECLINED) };
                Input::TransferProgress { transfer: epoch, outcome }
            }
            16 if detail > 200 => Input::Replaced,
            17 | 18 => Input::Media(leg, MediaReport::Connected),
            19 => Input::Media(leg, if flag { MediaReport::Interrupted } else { MediaReport::Failed }),
            20 => Input::Lost { leg, is_leaving: flag },
            21 => Input::Back(leg),
            22 if detail > 200 => Input::TokenOver(leg),
            23 => return self.restart(),
            24 => Input::TakenOver,
            _ => Input::Tick,
        };
        self.feed(input);
    }

    fn feed(&mut self, input: Input) {
        self.call.handle(input, self.now);
        let (mut outputs, limit) = (0, 10 * Call::MAX_LEGS + 300);
        while let Some(output) = self.call.poll() {
            self.witness.see(&output);
            self.count(&output);
            outputs += 1;
            assert!(outputs < limit, "one input has a bounded answer");
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

    fn start(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let kind = bytes.byte();
        let devices = (0..kind % 4).map(|_| self.device(bytes.byte())).collect();
        let target = Target { identity: person(2), devices, absence: if kind & 4 != 0 { EndReason::OFFLINE } else { EndReason::NO_ENDPOINT } };
        let origin = Origin::TransferOf {
            call: CallId::from_u128(2),
            transfer: 0,
            transferor: person(3),
            replaces: (kind & 16 != 0).then(|| CallId::from_u128(3)),
        };
        Input::Start {
            caller: person(1),
            endpoint: EndpointId::from_u128(0),
            participant_id: ParticipantId::from_u128(0),
            display_name: None,
            form: Form::Pair,
            targets: if kind & 0xe0 == 0xe0 { vec![target.clone(), target] } else { vec![target] },
            offer: description(DescriptionKind::Offer, 0),
            sending: Sending::default(),
            origin: if kind & 8 == 0 { Origin::Dialled } else { origin },
            context: None,
            is_relay_allowed: kind & 32 == 0,
        }
    }

    fn device(&mut self, detail: u8) -> Device {
        self.places += 1;
        Device {
            endpoint: EndpointId::from_u128(u128::from(detail % 16)),
            participant_id: ParticipantId::from_u128(self.places),
            is_busy: detail >= 224,
        }
    }

    fn count(&self, output: &Output) {
        let place = match output {
            Output::Tell(_, notice) => match notice {
                centrale_calls::Notice::Incoming { .. } => "incoming",
                centrale_calls::Notice::Accepted { .. } => "accepted",
                centrale_calls::Notice::State(_) => "hold",
                centrale_calls::Notice::TransferRequested { .. } => "transfer",
                centrale_calls::Notice::Candidates(..) => "candidates",
                centrale_calls::Notice::Description(..) => "description",
                _ => return,
            },
            Output::Record(centrale_calls::Fact::Ended(reason)) => match (reason.code, reason.sub_code) {
                (0, 0) => "hung up",
                (0, 4521) => "vanished",
                (0, 7015) => "transferred",
                (410, 3101) => "network lost",
                (410, _) => "no path",
                (408, _) => "set-up unfinished",
                (480 | 486 | 487 | 603, _) => "not answered",
                _ => "other end",
            },
            Output::Record(_) | Output::Order(_) => return,
            Output::Change(_) => "change of another call",
        };
        reached([(place, 1)]);
    }
}

fn description(kind: DescriptionKind, epoch: u32) -> Description {
    Description { kind, epoch, sdp: Sealed(String::new()) }
}

fn person(number: u8) -> Identity {
    format!("8:{number}").parse().expect("a raw id")
}

/// Histories to begin with: one device, ringing, an answer, media, and then something that matters.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let talk = [5, 1, 10, 2, 1, 0, 10, 4, 1, 0, 10, 17, 0, 0, 10, 17, 1, 0];
    let mut seeds = Vec::new();
    for what in 6..24 {
        for leg in 0..2 {
            for detail in [0, 1, 2, 255] {
                let mut history = talk.to_vec();
                history.extend_from_slice(&[200, what, leg, detail, 10, 23, 0, 0, 230, 24, 0, 0, 255, 15, 0, 1]);
                seeds.push(history);
            }
        }
    }
    // Several devices, transferred, two answers; and nobody at all.
    seeds.push(vec![31, 1, 2, 3, 10, 2, 2, 0, 10, 4, 2, 0, 0, 4, 1, 0, 200, 7, 2, 0]);
    seeds.push(vec![0]);
    seeds
}
