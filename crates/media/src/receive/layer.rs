//! One stream of a track: a layer of a simulcast, or the only one.

use core::time::Duration;

use centrale_model::{Bitrate, Time};

use super::meter::Meter;
use super::missing::{Missing, Verdict};
use super::reception::{Arrived, Block, Reception};
use super::store::{self, Kept, Store};
use crate::peer;
use crate::picture;
use crate::sdp::{FormatName, Kind};

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
    /// The number at which it began anew, 0 if it never did: what was sent of it before does not go on there.
    pub(crate) begin: u64,
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
            begin: 0,
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

    /// The stream that takes this one's place under another SSRC.
    pub(super) fn replaced(&self, rtp: &peer::Rtp, kind: Kind, now: Time) -> Layer {
        let reception = Reception::after(&self.reception, rtp.header.sequence);
        Layer { begin: reception.highest(), reception, size: self.size, ..Layer::new(rtp, kind, now) }
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

    pub(super) fn take(
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
                self.begin = sequence;
                sequence
            }
            Arrived::Odd => return None,
        };
        self.keep(sequence, rtp, payload, format, now);
        Some(sequence)
    }

    /// A retransmission: two bytes of the original number, then the original payload (RFC 4588 §4).
    pub(super) fn repair(&mut self, rtp: &peer::Rtp, payload: &[u8], format: FormatName, now: Time) -> Option<u64> {
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
    pub(super) fn attention(&self) -> usize {
        self.missing.len() + usize::from(self.is_key_wanted)
    }

    /// Wants a key picture, as soon as one may be asked for.
    pub(super) fn want_key(&mut self) {
        if !self.is_key_wanted || self.key_tries >= KEY_TRIES {
            self.is_key_wanted = true;
            self.key_tries = 0;
        }
    }

    /// How fast it comes.
    pub(super) fn rate(&self, now: Time) -> Bitrate {
        self.meter.rate(now)
    }

    /// How fast its temporal base comes, where it has more temporal layers than that.
    pub(super) fn base_rate(&self, now: Time) -> Option<Bitrate> {
        (self.temporal > 0).then(|| self.base.rate(now))
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
