//! What one participant sends: tracks, their layers, and what came of them.
//!
//! A [`Track`] is one m-line of a sender: a microphone, a camera, a screen. Its [`Layer`]s are the streams of a simulcast, or the one
//! stream there is. Packets are counted, gaps are asked for, and each packet is kept once in plaintext for all who receive it.

mod arrivals;
mod meter;
mod missing;
mod reception;
mod store;

pub(crate) use arrivals::Arrivals;
pub(crate) use reception::Block;
pub(crate) use store::Kept;

use core::time::Duration;

use bytes::Bytes;
use centrale_model::{Bitrate, ParticipantId, Time};

use crate::command::Source;
use crate::peer;
use crate::picture;
use crate::rtp::{Header, Layout};
use crate::sdp::{Codec, Format, FormatName, Kind};
use meter::Meter;
use missing::{Missing, Verdict};
use reception::{Arrived, Reception};
use store::Store;

/// How long a video layer may be silent before it counts as not sent (the browser switched it off).
///
/// Lower: receivers move to another layer sooner. Higher: a camera of one picture per second still counts.
pub(crate) const SILENT_VIDEO: Duration = Duration::from_millis(1500);

/// The same for voices, which may be silent for long without being gone (DTX sends every 400 ms).
pub(crate) const SILENT_AUDIO: Duration = Duration::from_secs(10);

/// The least time between two requests for a key picture of one layer, whoever asks.
///
/// Lower: quicker recovery, more key pictures for everybody. Higher: a frozen picture lasts longer.
pub(crate) const KEY_INTERVAL: Duration = Duration::from_millis(500);

/// How often a key picture is asked for until somebody asks anew.
const KEY_TRIES: u8 = 10;

/// The most packets of one track that wait for the end of a batch. More than that are dropped: the shell ends batches of a few hundred.
const MAX_PENDING: usize = 2048;

/// The most layers of a track.
pub(crate) const MAX_LAYERS: usize = 4;

/// Who receives a track: index of the seat, index of the slot in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) seat: u32,
    pub(crate) slot: u8,
}

/// What a sender report said last (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    /// The sender's wall clock, NTP format.
    pub(crate) ntp: u64,
    /// The same moment on the stream's clock.
    pub(crate) timestamp: u32,
    /// When the report came.
    pub(crate) at: Time,
}

/// One stream of a track.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) ssrc: u32,
    reception: Reception,
    missing: Missing,
    store: Store,
    meter: Meter,
    /// The same of its temporal base alone.
    base: Meter,
    /// When the last packet came.
    pub(crate) heard: Time,
    pub(crate) reported: Option<Reported>,
    /// Width and height, where key pictures say it.
    pub(crate) size: Option<(u16, u16)>,
    /// Highest temporal layer that was seen.
    temporal: u8,
    lost_share: f64,
    is_key_wanted: bool,
    key_tries: u8,
    key_asked: Option<Time>,
}

/// What a packet brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// It is the first since the last batch.
    pub(crate) is_first: bool,
    /// Its layer came to life with it.
    pub(crate) is_awake: bool,
    /// Something is to be asked of the sender then.
    pub(crate) due: Option<Time>,
}

/// One m-line of a sender.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) seat: u32,
    pub(crate) participant: ParticipantId,
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    /// What it is encoded with, once a packet came.
    pub(crate) format: Option<Format>,
    has_nack: bool,
    /// By index of the rid; a place without a stream yet is empty.
    pub(crate) layers: [Option<Box<Layer>>; MAX_LAYERS],
    pub(crate) subscribers: Vec<Subscriber>,
    /// What came since the last batch was sent: layer and number.
    pub(crate) pending: Vec<(u8, u64)>,
    /// Layers that some slot sends or waits for, as bits: only they are repaired.
    pub(crate) wanted: u8,
    /// Whether it came when that was last looked at.
    pub(crate) was_active: bool,
    /// Whether its sender may send it.
    pub(crate) is_allowed: bool,
    /// Somebody else than slots reads it: the mixer, the composer, the echo.
    pub(crate) is_heard: bool,
    /// Which layer the composer reads.
    pub(crate) composed: Option<u8>,
    /// The conference whose composed pictures it carries; nobody sent it.
    pub(crate) made_by: Option<u32>,
}

impl Track {
    pub(crate) fn new(seat: u32, participant: ParticipantId, source: Source, kind: Kind) -> Track {
        Track {
            seat,
            participant,
            source,
            kind,
            format: None,
            has_nack: false,
            layers: [const { None }; MAX_LAYERS],
            subscribers: Vec::new(),
            pending: Vec::new(),
            wanted: 0,
            was_active: false,
            is_allowed: true,
            is_heard: false,
            composed: None,
            made_by: None,
        }
    }

    /// Takes a packet of this track.
    pub(crate) fn receive(&mut self, rtp: &peer::Rtp, codec: &Codec, payload: &[u8], now: Time) -> Received {
        let nothing = Received::default();
        let Some(about) = rtp.track else { return nothing };
        let layer = about.rid.map_or(0, |rid| rid.0);
        let place = usize::from(layer);
        if place >= MAX_LAYERS {
            return nothing;
        }
        let mut received = Received::default();
        let sequence = if about.is_repair {
            self.layers[place].as_deref_mut().and_then(|stream| stream.repair(rtp, payload, codec.format.name(), now))
        } else {
            if self.format != Some(codec.format) {
                self.format = Some(codec.format);
                self.has_nack = codec.has_nack;
            }
            let is_repaired = self.has_nack && self.kind == Kind::Video && self.wanted & 1 << layer != 0;
            let kind = self.kind;
            let slot = &mut self.layers[place];
            if slot.as_ref().is_some_and(|stream| stream.ssrc != rtp.header.ssrc) {
                *slot = None;
            }
            received.is_awake = slot.as_ref().is_none_or(|stream| !stream.is_active(kind, now));
            let stream = slot.get_or_insert_with(|| Box::new(Layer::new(rtp, kind, now)));
            let before = stream.attention();
            let sequence = stream.take(rtp, payload, codec.format.name(), is_repaired, now);
            if stream.attention() > before {
                received.due = stream.due();
            }
            sequence
        };
        let Some(sequence) = sequence else { return received };
        if (self.subscribers.is_empty() && !self.is_heard) || self.pending.len() >= MAX_PENDING {
            return received;
        }
        self.pending.push((layer, sequence));
        received.is_first = self.pending.len() == 1;
        received
    }

    /// Takes a picture that was made here: payloads in order. Says whether it is the first since the last batch.
    pub(crate) fn make(&mut self, payloads: &[Bytes], timestamp: u32, now: Time) -> bool {
        let Some(format) = self.format else { return false };
        let was_empty = self.pending.is_empty();
        for (n, payload) in payloads.iter().enumerate() {
            let number = self.layers[0].as_deref().map_or(0, |layer| (layer.highest() as u16).wrapping_add(1));
            let header =
                Header { is_marked: n + 1 == payloads.len(), sequence: number, timestamp, ..Header::default() };
            let rtp = peer::Rtp { header, layout: Layout { payload: payload.len(), ..Layout::default() }, track: None };
            let layer = self.layers[0].get_or_insert_with(|| Box::new(Layer::new(&rtp, Kind::Video, now)));
            if let Some(sequence) = layer.take(&rtp, payload, format.name(), false, now)
                && self.pending.len() < MAX_PENDING
            {
                self.pending.push((0, sequence));
            }
        }
        was_empty && !self.pending.is_empty()
    }

    /// The stream of a layer.
    pub(crate) fn layer(&self, layer: u8) -> Option<&Layer> {
        self.layers.get(usize::from(layer))?.as_deref()
    }

    /// The stream of a layer, for changing.
    pub(crate) fn layer_mut(&mut self, layer: u8) -> Option<&mut Layer> {
        self.layers.get_mut(usize::from(layer))?.as_deref_mut()
    }

    /// Its streams, with their numbers.
    pub(crate) fn streams(&mut self) -> impl Iterator<Item = (u8, &mut Layer)> {
        self.layers.iter_mut().enumerate().filter_map(|(n, layer)| Some((n as u8, layer.as_deref_mut()?)))
    }

    /// Whether anything comes at present.
    pub(crate) fn is_active(&self, now: Time) -> bool {
        self.layers.iter().flatten().any(|layer| layer.is_active(self.kind, now))
    }

    /// The layers that come at present, the smallest first.
    pub(crate) fn ladder(&self, now: Time) -> Ladder {
        let mut ladder = Ladder::default();
        for (n, layer) in self.layers.iter().enumerate() {
            if let Some(layer) = layer.as_deref().filter(|layer| layer.is_active(self.kind, now)) {
                let rung = Rung {
                    layer: n as u8,
                    rate: layer.meter.rate(now),
                    base: (layer.temporal > 0).then(|| layer.base.rate(now)),
                    height: layer.size.map(|(width, height)| width.min(height)),
                };
                ladder.rungs[ladder.count] = rung;
                ladder.count += 1;
            }
        }
        let rungs = &mut ladder.rungs[..ladder.count];
        if rungs.iter().all(|rung| rung.height.is_some()) {
            rungs.sort_by_key(|rung| (rung.height, rung.rate));
        } else {
            rungs.sort_by_key(|rung| rung.rate);
        }
        ladder
    }

    /// Asks the sender for a key picture of a layer, as soon as that is due.
    pub(crate) fn want_key(&mut self, layer: u8) {
        if self.kind == Kind::Video
            && let Some(layer) = self.layer_mut(layer)
            && (!layer.is_key_wanted || layer.key_tries >= KEY_TRIES)
        {
            layer.is_key_wanted = true;
            layer.key_tries = 0;
        }
    }
}

/// One layer as allocation sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) layer: u8,
    pub(crate) rate: Bitrate,
    /// The rate of its temporal base alone, where it has more temporal layers than that.
    pub(crate) base: Option<Bitrate>,
    /// The shorter side of the picture, when it is known.
    pub(crate) height: Option<u16>,
}

/// The layers of a track that come at present, the smallest first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ladder {
    rungs: [Rung; MAX_LAYERS],
    count: usize,
}

impl Ladder {
    pub(crate) fn rungs(&self) -> &[Rung] {
        &self.rungs[..self.count]
    }

    /// A ladder for tests of allocation.
    #[cfg(test)]
    pub(crate) fn of(rungs: &[Rung]) -> Ladder {
        let mut ladder = Ladder { count: rungs.len(), ..Ladder::default() };
        ladder.rungs[..rungs.len()].copy_from_slice(rungs);
        ladder
    }
}

impl Layer {
    /// The stream that begins with this packet, which is not taken yet.
    pub(crate) fn new(rtp: &peer::Rtp, kind: Kind, now: Time) -> Layer {
        let (clock_rate, limits) = match kind {
            Kind::Audio => (48_000, store::AUDIO),
            Kind::Video | Kind::Data => (90_000, store::VIDEO),
        };
        Layer {
            ssrc: rtp.header.ssrc,
            reception: Reception::new(rtp.header.sequence, clock_rate),
            missing: Missing::default(),
            store: Store::new(limits),
            meter: Meter::default(),
            base: Meter::default(),
            heard: now,
            reported: None,
            size: None,
            temporal: 0,
            lost_share: 0.0,
            is_key_wanted: false,
            key_tries: 0,
            key_asked: None,
        }
    }

    /// A packet that is kept, and its payload.
    #[inline]
    pub(crate) fn find(&self, sequence: u64) -> Option<(&Kept, &[u8])> {
        self.store.find(sequence)
    }

    /// The same by the low bits of its number, for repetitions.
    pub(crate) fn find_low(&self, sequence: u16) -> Option<(&Kept, &[u8])> {
        self.store.find(self.reception.extend(sequence))
    }

    /// The highest number that came.
    pub(crate) fn highest(&self) -> u64 {
        self.reception.highest()
    }

    /// Whether it comes at present.
    pub(crate) fn is_active(&self, kind: Kind, now: Time) -> bool {
        let silent = if kind == Kind::Audio { SILENT_AUDIO } else { SILENT_VIDEO };
        now - self.heard < silent
    }

    /// What a report about it says.
    pub(crate) fn report(&mut self) -> Block {
        let block = self.reception.report();
        self.lost_share = 0.7 * self.lost_share + 0.3 * f64::from(block.fraction_lost) / 256.0;
        block
    }

    /// Share of packets that were lost lately, 0..=1.
    pub(crate) fn lost_share(&self) -> f64 {
        self.lost_share
    }

    /// Where the wall clock of the sender stood when a packet was captured, in microseconds of its own; from its reports.
    pub(crate) fn captured(&self, timestamp: u32, clock_rate: u32) -> Option<i64> {
        let reported = self.reported?;
        let micros = ((u128::from(reported.ntp) * 1_000_000) >> 32) as i64;
        let units = i64::from(timestamp.wrapping_sub(reported.timestamp) as i32);
        Some(micros + units * 1_000_000 / i64::from(clock_rate))
    }

    fn take(
        &mut self,
        rtp: &peer::Rtp,
        payload: &[u8],
        format: FormatName,
        is_repaired: bool,
        now: Time,
    ) -> Option<u64> {
        self.heard = now;
        self.meter.take(rtp.layout.header + rtp.layout.payload + rtp.layout.padding, now);
        let sequence = match self.reception.take(rtp.header.sequence) {
            Arrived::Newest { sequence, after } => {
                self.reception.time(rtp.header.timestamp, now);
                if after > 0 && is_repaired && self.missing.note(sequence, after, now) == Verdict::Hopeless {
                    self.is_key_wanted = true;
                    self.key_tries = 0;
                }
                sequence
            }
            Arrived::Late { sequence } => {
                self.missing.came(sequence, false, now);
                if self.store.find(sequence).is_some() {
                    return None;
                }
                sequence
            }
            Arrived::Anew { sequence } => {
                self.missing.clear();
                sequence
            }
            Arrived::Odd => return None,
        };
        self.keep(sequence, rtp, payload, format, now);
        Some(sequence)
    }

    /// A retransmission: two bytes of the original number, then the original payload (RFC 4588 §4).
    fn repair(&mut self, rtp: &peer::Rtp, payload: &[u8], format: FormatName, now: Time) -> Option<u64> {
        let (number, payload) = payload.split_first_chunk::<2>()?;
        let sequence = self.reception.extend(u16::from_be_bytes(*number));
        if payload.is_empty() || !self.missing.came(sequence, true, now) {
            return None; // A probe of the sender, or a copy too many.
        }
        self.heard = now;
        self.reception.repaired();
        self.keep(sequence, rtp, payload, format, now);
        Some(sequence)
    }

    fn keep(&mut self, sequence: u64, rtp: &peer::Rtp, payload: &[u8], format: FormatName, now: Time) {
        let mut kept = Kept::new(sequence, rtp.header.timestamp, rtp.header.is_marked, now);
        kept.level = rtp.header.extensions.audio_level;
        kept.orientation = rtp.header.extensions.orientation;
        if format != FormatName::Opus {
            kept.picture = picture::look(format, payload);
            self.temporal = self.temporal.max(kept.picture.temporal);
            if kept.picture.temporal == 0 {
                self.base.take(payload.len(), now);
            }
            if kept.picture.is_key {
                self.is_key_wanted = false;
                self.size = kept.picture.size.or(self.size);
            }
        }
        self.store.keep(kept, payload);
    }

    /// How much there is to ask for; when it grows, [`Layer::due`] may be earlier.
    fn attention(&self) -> usize {
        self.missing.len() + usize::from(self.is_key_wanted)
    }

    /// When something is to be asked of the sender.
    pub(crate) fn due(&self) -> Option<Time> {
        let key = (self.is_key_wanted && self.key_tries < KEY_TRIES)
            .then(|| self.key_asked.map_or(Time::ZERO, |at| at + KEY_INTERVAL));
        match (self.missing.due(), key) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Whether a key picture is to be asked for at this moment; it then counts as asked.
    pub(crate) fn ask_key(&mut self, now: Time) -> bool {
        let is_due = self.is_key_wanted
            && self.key_tries < KEY_TRIES
            && self.key_asked.is_none_or(|at| now - at >= KEY_INTERVAL);
        if is_due {
            self.key_asked = Some(now);
            self.key_tries += 1;
        }
        is_due
    }

    /// The numbers to ask for again at this moment.
    pub(crate) fn ask_missing(&mut self, room: usize, now: Time, each: impl FnMut(u16)) {
        if self.missing.ask(room, now, each) && !self.is_key_wanted {
            self.is_key_wanted = true;
            self.key_tries = 0;
        }
    }

    /// The round trip to the sender, where repetitions have shown it.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.missing.round_trip()
    }

    /// Nobody wants it at present: nothing is asked for.
    pub(crate) fn rest(&mut self) {
        self.missing.clear();
        self.is_key_wanted = false;
    }
}
