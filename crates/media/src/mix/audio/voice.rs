//! One speaker: from its packets to a frame of sound each 20 ms.
//!
//! ```text
//! packets ─▶ jitter ─▶ decode / recover / conceal ─▶ sound that is ready ─▶ stretch ─▶ 20 ms
//! ```
//!
//! *Playing*: each tick takes 20 ms; when the next packet is missing, its place is made up. When nothing at all is there the media time stands
//! still, so that a late packet is still played; if it turns out to be lost, the made-up time is taken back. *Pausing*: nothing is
//! heard; the next packet begins a talk spurt, at the delay that the last packets ask for. While playing, the delay is adapted by leaving
//! out or repeating single periods of the voice.

use centrale_codec::g711::Law;
use centrale_codec::opus::{self, SampleRate};

use super::jitter::{Jitter, Packet, Pushed};
use super::resample::Up;
use super::{AudioFormat, FRAME_SAMPLES, stretch};

/// Made-up sound in a row before a voice pauses, in samples: 100 ms. More is heard as a drone.
const LONGEST_CONCEALMENT: usize = 5 * FRAME_SAMPLES;

/// The longest packet, in samples of 48 kHz: 120 ms (RFC 6716 §3.2.5).
const LONGEST_PACKET: usize = 5760;

/// How far above the wanted delay it may be before periods are left out, in samples: 5 ms.
const SLACK: i64 = 240;

/// From how far above the wanted delay on it is shortened where it may be heard, in samples: 100 ms.
const URGENT: i64 = 4800;

/// Sound below this power is a pause, when the sender says nothing of its level: 60 dB below full scale.
const PAUSE: f32 = 1e-6;

/// Decibels below full scale from which on a sender's level means silence (RFC 6464: 127 is digital silence).
pub(crate) const SILENT_LEVEL: u8 = 65;

/// Ticks for which a voice counts as heard after its last loud packet: 0.5 s, longer than the pauses between words.
const HANGOVER: u8 = 25;

#[derive(Debug)]
pub(crate) struct Voice {
    jitter: Jitter,
    coder: Coder,
    state: State,
    /// Decoded and not yet played.
    ready: Vec<f32>,
    packet: Packet,
    /// What was played last but not decoded, to warm up the decoder with.
    skipped: Option<Vec<u8>>,
    loudness: Loudness,
    /// Ticks until the next adaptation.
    rest: u8,
    pub(crate) counts: Counts,
}

/// Since the voice began, in frames of 20 ms or packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) decodes: u64,
    /// Samples made up.
    pub(crate) concealed: u64,
    /// Samples recovered from redundancy.
    pub(crate) recovered: u64,
    pub(crate) discarded: u64,
    /// Samples left out or repeated to adapt the delay.
    pub(crate) stretched: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pausing,
    Playing {
        /// Media time behind what is ready.
        next: i64,
        /// Sequence number of the last packet.
        last: i64,
        /// Made up while media time stood still, in samples.
        owed: i64,
        /// Made up in a row, in samples.
        made_up: usize,
    },
}

#[derive(Debug)]
enum Coder {
    Opus(opus::Decoder),
    G711 {
        law: Law,
        up: Box<Up>,
        history: Vec<f32>,
    },
    /// The library had no memory; the voice is not heard.
    None,
}

/// How loud a voice is, for choosing whom to hear.
#[derive(Clone, Copy, Debug, Default)]
struct Loudness {
    /// 127 is full scale, 0 silence; falls by one each tick.
    level: u8,
    /// Ticks that are left of the hangover.
    hangover: u8,
    /// Whether packets carry a level.
    is_told: bool,
}

impl Voice {
    pub(crate) fn new(format: AudioFormat) -> Voice {
        let coder = match format {
            AudioFormat::Opus => opus::Decoder::new(SampleRate::Full).map_or(Coder::None, Coder::Opus),
            AudioFormat::Pcmu => Coder::G711 { law: Law::Mu, up: Box::new(Up::new()), history: Vec::new() },
            AudioFormat::Pcma => Coder::G711 { law: Law::A, up: Box::new(Up::new()), history: Vec::new() },
        };
        Voice {
            jitter: Jitter::new(format.scale()),
            coder,
            state: State::Pausing,
            ready: Vec::new(),
            packet: Packet::default(),
            skipped: None,
            loudness: Loudness::default(),
            rest: 0,
            counts: Counts::default(),
        }
    }

    /// Takes a packet; `arrival` in samples of 48 kHz on the mixer's clock.
    pub(crate) fn push(&mut self, sequence: u16, timestamp: u32, level: Option<u8>, payload: &[u8], arrival: i64) {
        let is_opus = matches!(self.coder, Coder::Opus(_));
        let is_silent = level.is_some_and(|level| level >= SILENT_LEVEL) || (is_opus && opus::is_silence(payload));
        match self.jitter.push(sequence, timestamp, is_silent, payload, arrival) {
            Pushed::Kept => {}
            Pushed::Discarded => self.counts.discarded += 1,
            Pushed::Restarted => self.pause(),
        }
        if let Some(level) = level {
            self.loudness.is_told = true;
            // The sound is played a little later than it is known about.
            let ahead = u8::try_from(self.jitter.delay().target() / FRAME_SAMPLES as i64).unwrap_or(u8::MAX);
            self.loudness.hear(127 - level.min(127), HANGOVER.saturating_add(ahead));
        }
    }

    /// Forgets what has come and was not played.
    pub(crate) fn drop_all(&mut self) {
        self.jitter.clear();
        self.loudness = Loudness { is_told: self.loudness.is_told, ..Loudness::default() };
        self.pause();
    }

    /// How loud it is, 0..=127, or nothing when there is nothing to hear.
    pub(crate) fn loudness(&self) -> Option<u8> {
        (self.loudness.hangover > 0).then_some(self.loudness.level)
    }

    /// Whether it must be decoded to know how loud it is.
    pub(crate) fn is_untold(&self) -> bool {
        !self.loudness.is_told
    }

    /// How long sound waits between its earliest possible arrival and the listener, in samples.
    #[cfg(test)]
    pub(crate) fn waiting(&self, due: i64) -> i64 {
        match self.state {
            State::Pausing => 0,
            State::Playing { next, .. } => due - (next - self.ready.len() as i64) - self.jitter.delay().base(),
        }
    }

    /// Gives the next 20 ms into `out`, and whether there is anything but silence in it.
    ///
    /// - `due`: the moment of the frame, in samples of 48 kHz.
    /// - `is_wanted`: whether it is heard; otherwise time passes and nothing is decoded.
    pub(crate) fn pull(&mut self, due: i64, is_wanted: bool, out: &mut [f32; FRAME_SAMPLES]) -> bool {
        self.loudness.tick();
        if self.state == State::Pausing && !self.begin(due) {
            return false;
        }
        if is_wanted {
            self.adapt(due);
        }
        while self.ready.len() < FRAME_SAMPLES {
            if !self.fetch(due, is_wanted) {
                // A pause: what is left fades into silence.
                let left = self.ready.len();
                for (n, sample) in self.ready.iter_mut().enumerate() {
                    *sample *= 1.0 - n as f32 / left as f32;
                }
                self.ready.resize(FRAME_SAMPLES, 0.0);
                self.state = State::Pausing;
            }
        }
        out.copy_from_slice(&self.ready[..FRAME_SAMPLES]);
        self.ready.drain(..FRAME_SAMPLES);
        if self.state == State::Pausing {
            self.pause();
        }
        if is_wanted && !self.loudness.is_told {
            self.loudness.hear(level_of(out), HANGOVER);
        }
        is_wanted
    }

    /// Begins a talk spurt when its first packet has waited long enough.
    fn begin(&mut self, due: i64) -> bool {
        let Some(head) = self.jitter.head() else { return false };
        let delay = self.jitter.delay();
        // A sender's silence in front of a spurt is not played; nor is a packet from a far future waited for.
        if due - head.media - delay.base() < delay.target() {
            return false;
        }
        self.state = State::Playing { next: head.media, last: head.sequence - 1, owed: 0, made_up: 0 };
        true
    }

    fn pause(&mut self) {
        self.state = State::Pausing;
        self.ready.clear();
        self.skipped = None;
    }

    /// Leaves out or repeats a period when the delay is not the one that the packets ask for.
    ///
    /// A packet is needed at the tick in which its first sample is played. With `ready` samples left over from the last packet that is so much
    /// sooner; so the delay that counts is the waiting time less what is ready, and it changes by whole packets.
    fn adapt(&mut self, due: i64) {
        self.rest = self.rest.saturating_sub(1);
        let State::Playing { next, made_up, .. } = self.state else { return };
        if self.rest > 0 || made_up > 0 {
            return;
        }
        let frame = FRAME_SAMPLES as i64;
        let left = self.ready.len() as i64 % frame;
        let ahead = self.ready.len() as i64 - left;
        let delay = self.jitter.delay();
        let spare = due - next + ahead - delay.base() - delay.target();
        // What is left over between two whole packets is delay for nothing: it goes, unless it is on its way to one more.
        let is_long = spare >= frame + SLACK || (left > 0 && spare >= 0);
        let is_short = spare < -SLACK || (left > 0 && spare < 0);
        if !is_long && !is_short {
            return;
        }
        while self.ready.len() < stretch::NEEDED {
            if !self.has_next() || !self.fetch(due, true) {
                return;
            }
        }
        let limit = if left > 0 && spare < frame + SLACK { left as usize } else { FRAME_SAMPLES };
        let changed = if is_short {
            stretch::lengthen(&mut self.ready, FRAME_SAMPLES, spare < -URGENT)
        } else if self.ready.len() >= FRAME_SAMPLES + limit || self.has_next() {
            stretch::shorten(&mut self.ready, limit, spare > URGENT)
        } else {
            0
        };
        self.counts.stretched += changed as u64;
        self.rest = 2;
    }

    /// Whether the packet that comes next is there.
    fn has_next(&self) -> bool {
        let State::Playing { next, .. } = self.state else { return false };
        self.jitter.head().is_some_and(|head| head.media == next)
    }

    /// Makes more sound ready: a packet's, or made up. Gives false when there is a pause instead.
    fn fetch(&mut self, due: i64, is_wanted: bool) -> bool {
        let State::Playing { mut next, last, mut owed, made_up } = self.state else { return false };
        let Some(head) = self.jitter.head() else {
            // Nothing has come: a pause of the sender, or a late packet, for which media time stands still.
            if self.packet.is_silent || made_up >= LONGEST_CONCEALMENT || !is_wanted {
                return false;
            }
            self.conceal(FRAME_SAMPLES);
            let owed = owed + FRAME_SAMPLES as i64;
            self.state = State::Playing { next, last, owed, made_up: made_up + FRAME_SAMPLES };
            return true;
        };
        let mut gap = head.media - next;
        if gap > 0 && owed > 0 {
            // What was made up stands for what is missing.
            let settled = gap.min(owed);
            next += settled;
            owed -= settled;
            gap -= settled;
        }
        if gap <= 0 {
            return self.decode(is_wanted);
        }
        let is_loss = head.sequence != last + 1;
        if !is_loss || gap > LONGEST_CONCEALMENT as i64 || made_up >= LONGEST_CONCEALMENT || self.packet.is_silent {
            // The sender paused, or too much is lost to be made up: the next packet begins anew.
            self.state = State::Pausing;
            return self.ready.is_empty() && self.begin(due);
        }
        let step = (gap as usize).min(FRAME_SAMPLES);
        if gap as usize == step && is_wanted && opus::is_redundant(&head.payload) {
            self.recover(step);
        } else if is_wanted {
            self.conceal(step);
        } else {
            self.ready.resize(self.ready.len() + step, 0.0);
        }
        self.state = State::Playing { next: next + step as i64, last, owed, made_up: made_up + step };
        true
    }

    /// Plays the oldest packet.
    fn decode(&mut self, is_wanted: bool) -> bool {
        let was_silent = self.packet.is_silent;
        if !self.jitter.take(&mut self.packet) {
            return false;
        }
        let length = match &self.coder {
            Coder::Opus(_) => opus::samples(&self.packet.payload, SampleRate::Full),
            Coder::G711 { .. } => Some(self.packet.payload.len() * 6),
            Coder::None => None,
        };
        let length = length.filter(|length| (1..=LONGEST_PACKET).contains(length));
        let from = self.ready.len();
        let Some(length) = length else {
            // No sound can be made of it, but its time passes.
            self.packet.is_silent = was_silent;
            self.conceal(FRAME_SAMPLES);
            self.advance(FRAME_SAMPLES);
            return true;
        };
        if is_wanted {
            self.warm_up();
            self.run(length);
            self.counts.decodes += 1;
            if !self.loudness.is_told && !self.packet.is_silent {
                let sound = &self.ready[from..];
                self.packet.is_silent = sound.iter().map(|s| s * s).sum::<f32>() < PAUSE * sound.len() as f32;
            }
        } else {
            self.skipped.get_or_insert_default().clone_from(&self.packet.payload);
            self.ready.resize(from + length, 0.0);
        }
        self.advance(length);
        true
    }

    fn advance(&mut self, length: usize) {
        self.state =
            State::Playing { next: self.packet.media + length as i64, last: self.packet.sequence, owed: 0, made_up: 0 };
    }

    /// A decoder that heard nothing for a while hears the packet before first, so that the voice does not begin with a click.
    fn warm_up(&mut self) {
        let (Some(skipped), Coder::Opus(decoder)) = (self.skipped.take(), &mut self.coder) else { return };
        decoder.reset();
        let mut unheard = [0.0; LONGEST_PACKET];
        // A packet that is no Opus has been counted when it was skipped.
        let _ = decoder.decode(&skipped, &mut unheard);
    }

    fn run(&mut self, length: usize) {
        let from = self.ready.len();
        match &mut self.coder {
            Coder::Opus(decoder) => {
                self.ready.resize(from + length, 0.0);
                if decoder.decode(&self.packet.payload, &mut self.ready[from..]).is_err() {
                    // The length was read from it, so the time passes in silence.
                    self.ready[from..].fill(0.0);
                }
            }
            Coder::G711 { law, up, history } => {
                let samples = self.packet.payload.iter().map(|byte| f32::from(law.decode(*byte)) / 32_768.0);
                up.run(samples, &mut self.ready);
                remember(history, &self.ready[from..]);
            }
            Coder::None => self.ready.resize(from + length, 0.0),
        }
    }

    fn recover(&mut self, length: usize) {
        let from = self.ready.len();
        self.ready.resize(from + length, 0.0);
        let Some(head) = self.jitter.head() else { return };
        if let Coder::Opus(decoder) = &mut self.coder {
            // Whole steps of 2.5 ms, which lost packets are made of; anything else is left silent.
            let _ = decoder.recover(&head.payload, &mut self.ready[from..]);
        }
        self.counts.recovered += length as u64;
        self.counts.concealed += length as u64;
    }

    fn conceal(&mut self, length: usize) {
        let from = self.ready.len();
        self.ready.resize(from + length, 0.0);
        match &mut self.coder {
            Coder::Opus(decoder) => {
                let _ = decoder.conceal(&mut self.ready[from..]);
            }
            Coder::G711 { history, .. } => {
                let period = stretch::period(history);
                let last: Vec<f32> = history[history.len().saturating_sub(period)..].to_vec();
                for (n, sample) in self.ready[from..].iter_mut().enumerate() {
                    // Half as loud after each 20 ms.
                    let fade = 0.5_f32.powf(n as f32 / FRAME_SAMPLES as f32);
                    *sample = last.get(n % period.max(1)).map_or(0.0, |sample| sample * fade);
                }
                remember(history, &self.ready[from..]);
            }
            Coder::None => {}
        }
        self.counts.concealed += length as u64;
    }
}

fn remember(history: &mut Vec<f32>, sound: &[f32]) {
    history.extend_from_slice(sound);
    let surplus = history.len().saturating_sub(stretch::NEEDED);
    history.drain(..surplus);
}

/// Loudness of some sound, 0..=127 decibels above the least.
fn level_of(sound: &[f32]) -> u8 {
    let power = sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32;
    let decibels = 10.0 * (power + 1e-13).log10();
    (127.0 + decibels).clamp(0.0, 127.0) as u8
}

impl Loudness {
    fn hear(&mut self, level: u8, hangover: u8) {
        self.level = self.level.max(level);
        if level > 127 - SILENT_LEVEL {
            self.hangover = hangover;
        }
    }

    fn tick(&mut self) {
        self.level = self.level.saturating_sub(1);
        self.hangover = self.hangover.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests;
