//! One peer connection of a participant, with everything that forwarding knows of it.

use core::time::Duration;

use centrale_model::{Bitrate, ParticipantId, Time};

use crate::bandwidth::{Cluster, Estimator};
use crate::command::{Mode, Source, Want};
use crate::echo::Echo;
use crate::forward::{Slot, SlotKey};
use crate::pacer::Pacer;
use crate::peer::{Chance, Peer};
use crate::receive::Arrivals;
use crate::sdp::{Kind, LineIndex};
use crate::slots::Chosen;

/// How often reports are sent (RFC 3550 §6.2 would allow it seldom; WebRTC wants loss and round trip known soon).
pub(super) const REPORTS: Duration = Duration::from_millis(1000);

/// Marks a line without a track.
pub(super) const NO_TRACK: u32 = u32::MAX;

/// What a peer connection is at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It connects; the answer is kept in case the question is repeated.
    Connecting(Box<str>),
    /// Its path is up.
    Connected,
}

/// A seat.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) peer: Peer,
    pub(super) conference: u32,
    pub(super) participant: ParticipantId,
    pub(super) epoch: u32,
    pub(super) phase: Phase,
    /// Index of the track of each line, or [`NO_TRACK`].
    pub(super) incoming: Box<[u32]>,
    pub(super) slots: Vec<Slot>,
    /// With which SSRC it speaks RTCP.
    pub(super) ssrc: u32,
    pub(super) estimator: Estimator,
    pub(super) pacer: Pacer,
    pub(super) arrivals: Arrivals,
    /// When it is served next.
    pub(super) wake: Time,
    pub(super) reports_at: Time,
    /// A probe that is being sent: bytes that are left of it.
    pub(super) probe: Option<(Cluster, usize, Time)>,
    /// What it renders, if it has said so.
    pub(super) wants: Option<Vec<Want>>,
    /// The pictures in its slots, the most important first.
    pub(super) pictures: Vec<Chosen>,
    /// What allocation gave it, and what it would take.
    pub(super) allocated: Bitrate,
    pub(super) wanted: Bitrate,
    pub(super) allocated_at: Time,
    pub(super) repairs: Repairs,
    pub(super) control: super::control::Control,
    pub(super) messages: super::messages::Messages,
    /// For whom the echo test is.
    pub(super) echo: Option<Box<Echo>>,
    /// How it receives at present, and whether that was told.
    pub(super) receives: Mode,
    pub(super) is_mode_told: bool,
    /// Nothing was heard of it for a while.
    pub(super) is_interrupted: bool,
    /// Its path carries so little that one mixed stream is better.
    pub(super) is_poor: bool,
}

impl Seat {
    /// - `arrived`: when it joined.
    pub(super) fn new(
        peer: Peer,
        conference: u32,
        participant: ParticipantId,
        epoch: u32,
        chance: &mut Chance,
        now: Time,
    ) -> Seat {
        let lines = &peer.negotiated().lines;
        let has_feedback = peer.negotiated().extensions.transport_sequence != 0
            && lines.iter().any(|line| line.sends && line.codecs.iter().any(|codec| codec.has_transport_feedback));
        let incoming = vec![NO_TRACK; lines.len()].into();
        let mut seat = Seat {
            peer,
            conference,
            participant,
            epoch,
            phase: Phase::Connecting(Box::default()),
            incoming,
            slots: Vec::new(),
            ssrc: chance.number(),
            estimator: Estimator::new(has_feedback, now),
            pacer: Pacer::new(now),
            arrivals: Arrivals::default(),
            wake: Time::FOREVER,
            reports_at: now,
            probe: None,
            wants: None,
            pictures: Vec::new(),
            allocated: Bitrate(0),
            wanted: Bitrate(0),
            allocated_at: now,
            repairs: Repairs { tokens: REPAIR_BURST, filled: now },
            control: super::control::Control::default(),
            messages: super::messages::Messages::default(),
            echo: None,
            receives: Mode::Forwarded,
            is_mode_told: false,
            is_interrupted: false,
            is_poor: false,
        };
        seat.describe_slots(chance);
        seat
    }

    /// Gives each line on which this side sends a slot, keeping those that are there.
    pub(super) fn describe_slots(&mut self, chance: &mut Chance) {
        for (index, line) in self.peer.negotiated().lines.iter().enumerate() {
            let index = LineIndex(index as u8);
            let (true, false, Some(stream)) = (line.sends, line.kind == Kind::Data, line.stream) else { continue };
            if let Some(slot) = self.slots.iter_mut().find(|slot| slot.line == index) {
                slot.extensions = line.extensions;
                continue;
            }
            let numbers = chance.bytes();
            let word = |at: usize| u16::from_be_bytes([numbers[at], numbers[at + 1]]);
            let key = SlotKey {
                sequence: word(0),
                rtx_sequence: word(2) & 0x7fff,
                timestamp: u32::from(word(4)) << 16 | u32::from(word(6)),
            };
            self.slots.push(Slot::new(index, line, stream, key));
        }
        if let Some(slot) = self.slots.first() {
            // Reports about what this side sends name the stream that they are about; the first will do for the rest.
            self.ssrc = slot.stream.ssrc;
        }
    }

    /// The lines on which the other side may send, with what they show: the first video line is the camera, the second the screen.
    pub(super) fn sources(&self) -> Vec<(LineIndex, Kind, Source)> {
        let mut videos = 0;
        let mut voices = 0;
        let mut sources = Vec::new();
        for (index, line) in self.peer.negotiated().lines.iter().enumerate() {
            if !line.receives || line.is_rejected {
                continue;
            }
            let source = match line.kind {
                Kind::Audio if voices == 0 => Source::Microphone,
                Kind::Video if videos == 0 => Source::Camera,
                Kind::Video if videos == 1 => Source::Screen,
                Kind::Audio | Kind::Video | Kind::Data => continue,
            };
            match line.kind {
                Kind::Audio => voices += 1,
                Kind::Video => videos += 1,
                Kind::Data => {}
            }
            sources.push((LineIndex(index as u8), line.kind, source));
        }
        sources
    }

    /// The slot with this SSRC.
    pub(super) fn slot_of(&self, ssrc: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.stream.ssrc == ssrc)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }
}

/// The most that repetitions may take at once, in bytes.
///
/// Higher: a lost key picture is repaired in one go; lower: a hostile receiver makes us send less.
const REPAIR_BURST: f64 = 120_000.0;

/// The least rate at which repetitions are given, in bytes per second; half the estimate where that is more.
const REPAIR_RATE: f64 = 60_000.0;

/// What a receiver may ask for again: a bucket of bytes.
#[derive(Debug)]
pub(super) struct Repairs {
    tokens: f64,
    filled: Time,
}

impl Repairs {
    /// Takes bytes out of the bucket, if there are enough.
    pub(super) fn spend(&mut self, bytes: usize, estimate: Bitrate, now: Time) -> bool {
        let rate = (estimate.0 as f64 / 16.0).max(REPAIR_RATE);
        self.tokens = (self.tokens + (now - self.filled).as_secs_f64() * rate).min(REPAIR_BURST);
        self.filled = now;
        let is_enough = self.tokens >= bytes as f64;
        if is_enough {
            self.tokens -= bytes as f64;
        }
        is_enough
    }
}
