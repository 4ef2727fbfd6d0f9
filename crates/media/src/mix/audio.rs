//! The voice mixer: every 20 ms one frame for each listener, of everybody's voice but their own.

mod delay;
mod ear;
mod jitter;
mod limit;
mod resample;
mod strain;
mod stretch;
mod voice;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use centrale_model::{Bitrate, ParticipantId, Time};

use ear::{Ear, Effort};
use strain::Strain;
use voice::Voice;

/// How a voice is encoded on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioFormat {
    /// Opus, 48 kHz RTP clock (RFC 7587).
    Opus,
    /// G.711 µ-law, 8 kHz (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law, 8 kHz (RFC 3551 §4.5.14).
    Pcma,
}

/// What a mixer is told at birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MixerSettings {
    /// Opus complexity, 0..=10. Raising it costs processor time and gains quality; under load the mixer goes below it by itself.
    pub complexity: u8,
    /// Bits per second of each Opus stream that goes out.
    pub bitrate: Bitrate,
    /// At most this many voices at a time are heard, the loudest; nothing: all of them.
    pub max_voices: Option<usize>,
    /// Sends nothing while there is nothing to hear (Opus discontinuous transmission).
    pub is_discontinuous: bool,
}

/// One RTP packet of a speaker, as far as the mixer needs it.
#[derive(Clone, Copy, Debug)]
pub struct AudioPacket<'a> {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, in units of the format's clock.
    pub timestamp: u32,
    /// Loudness as the sender measured it, 0..=127 decibels below full scale (RFC 6464); nothing when it does not say. With it a silent
    /// voice is not even decoded.
    pub level: Option<u8>,
    /// The payload, decrypted, padding taken off.
    pub payload: &'a [u8],
}

/// One frame for one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixed {
    /// For whom.
    pub listener: ParticipantId,
    /// RTP timestamp in units of the listener's format's clock; it begins at zero with the mixer and is the same for all listeners of one
    /// format. Frames that are not sent (silence) leave a gap in it.
    pub timestamp: u32,
    /// Whether the RTP marker is set: the first frame after a silence.
    pub is_marked: bool,
    /// The encoded frame. Listeners that share an encode share these bytes.
    pub payload: Bytes,
}

/// What a mixer counted since its birth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MixerStats {
    /// Frames mixed (20 ms each).
    pub frames: u64,
    /// Frames that were mixed 20 ms or more after they were due.
    pub late: u64,
    /// Frames left out after a stall too long to make up for.
    pub skipped: u64,
    /// Packets decoded.
    pub decodes: u64,
    /// Encodes that many listeners shared.
    pub shared_encodes: u64,
    /// Encodes for one listener who is heard.
    pub own_encodes: u64,
    /// Frames of 20 ms of some speaker that were needed and made up because their packet was lost or late.
    pub concealed: u64,
    /// Of those, frames recovered from the next packet's redundancy (in-band FEC).
    pub recovered: u64,
    /// Packets that came too late or twice.
    pub discarded: u64,
    /// Samples that the limiter turned down.
    pub limited: u64,
}

/// Mixes the voices of one conference.
#[derive(Debug)]
pub struct Mixer {
    settings: MixerSettings,
    due: Time,
    /// Number of the next frame; the first is 1.
    frame: u64,
    speakers: BTreeMap<ParticipantId, Speaker>,
    listeners: BTreeMap<ParticipantId, Listener>,
    /// The encoders for those who are not heard, by format.
    shared: [Option<Ear>; 3],
    /// The sum of the frame before.
    before: [f32; FRAME_SAMPLES],
    strain: Strain,
    ready: VecDeque<Mixed>,
    stats: MixerStats,
}

#[derive(Debug)]
struct Speaker {
    voice: Voice,
    is_muted: bool,
    /// It goes once it has faded out.
    is_leaving: bool,
    /// How much of it is in the mix at the end of the last frame, 0..=1.
    gain: f32,
    /// Its part of this frame; what it says when `is_heard`.
    sound: Box<[f32; FRAME_SAMPLES]>,
    is_heard: bool,
}

#[derive(Debug)]
struct Listener {
    format: AudioFormat,
    loss: u8,
    /// Its own encoder while it is heard itself.
    own: Option<Box<Ear>>,
    /// Nothing was sent to it in the last frame.
    is_silent: bool,
}

impl Mixer {
    /// A mixer without anybody in it. Its first frame is due 20 ms after `now`.
    pub fn new(settings: MixerSettings, now: Time) -> Mixer {
        Mixer {
            settings,
            due: now + FRAME,
            frame: 1,
            speakers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            shared: [None, None, None],
            before: [0.0; FRAME_SAMPLES],
            strain: Strain::default(),
            ready: VecDeque::new(),
            stats: MixerStats::default(),
        }
    }

    /// Takes the voice of a participant into the mix; one that is there begins anew (another stream, another format).
    pub fn add_speaker(&mut self, speaker: ParticipantId, format: AudioFormat) {
        let (is_muted, gain) = self.speakers.get(&speaker).map_or((false, 0.0), |old| (old.is_muted, old.gain));
        if let Some(old) = self.speakers.get(&speaker) {
            self.stats.count(&old.voice);
        }
        let speaker_state = Speaker {
            voice: Voice::new(format),
            is_muted,
            is_leaving: false,
            gain,
            sound: Box::new([0.0; FRAME_SAMPLES]),
            is_heard: false,
        };
        self.speakers.insert(speaker, speaker_state);
    }

    /// Takes a voice out of the mix, without a click.
    pub fn remove_speaker(&mut self, speaker: ParticipantId) {
        if let Some(speaker) = self.speakers.get_mut(&speaker) {
            speaker.is_leaving = true;
        }
    }

    /// Silences a voice, or lets it be heard again, without a click. Packets of a muted voice are dropped.
    pub fn set_muted(&mut self, speaker: ParticipantId, is_muted: bool) {
        if let Some(speaker) = self.speakers.get_mut(&speaker) {
            speaker.is_muted = is_muted;
        }
    }

    /// Encodes for a participant from the next frame on. A listener who is also a speaker does not hear itself.
    pub fn add_listener(&mut self, listener: ParticipantId, format: AudioFormat) {
        self.listeners.insert(listener, Listener { format, loss: 0, own: None, is_silent: true });
    }

    /// Encodes no more for a participant.
    pub fn remove_listener(&mut self, listener: ParticipantId) {
        self.listeners.remove(&listener);
        self.set_efforts();
    }

    /// Says how much of what is sent to a listener is lost, 0..=100 per cent (from its receiver reports): more loss, more redundancy. A shared
    /// encode guards against the worst loss of those who share it, up to 25 per cent.
    pub fn set_loss(&mut self, listener: ParticipantId, percent: u8) {
        let Some(listener) = self.listeners.get_mut(&listener) else { return };
        if listener.loss != percent {
            listener.loss = percent;
            self.set_efforts();
        }
    }

    /// Takes a packet of a speaker. One of somebody unknown or muted is dropped; late ones and doubles are counted.
    pub fn push(&mut self, speaker: ParticipantId, packet: AudioPacket<'_>, now: Time) {
        let Some(speaker) = self.speakers.get_mut(&speaker) else { return };
        if !speaker.is_muted && !speaker.is_leaving {
            speaker.voice.push(packet.sequence, packet.timestamp, packet.level, packet.payload, samples_at(now));
        }
    }

    /// When the next frame is due; nothing while there is no listener.
    pub fn timeout(&self) -> Option<Time> {
        (!self.listeners.is_empty()).then_some(self.due)
    }

    /// Mixes one frame when one is due, and gives what [`Mixer::poll`] hands out. After a stall it is due again at once, until it has caught up;
    /// after more than 200 ms the time is left out. What was not polled by then is dropped.
    pub fn tick(&mut self, now: Time) {
        self.ready.clear();
        if now < self.due {
            return;
        }
        let behind = now.since(self.due);
        if behind > LONGEST_STALL {
            self.leave_out(behind);
        } else if behind >= FRAME {
            self.stats.late += 1;
        }
        let due = samples_at(self.due);
        self.due = self.due + FRAME;
        if !self.listeners.is_empty() {
            let sum = self.sum(due);
            self.encode(&sum);
            self.before = sum;
            self.stats.frames += 1;
        }
        self.frame += 1;
        let stats = &mut self.stats;
        self.speakers.retain(|_, speaker| {
            let stays = !speaker.is_leaving || speaker.gain > 0.0;
            if !stays {
                stats.count(&speaker.voice);
            }
            stays
        });
    }

    /// What goes out, one by one.
    pub fn poll(&mut self) -> Option<Mixed> {
        self.ready.pop_front()
    }

    /// Says how much processor time the last tick took. When it nears the 20 ms that there are, the mixer lowers its complexity, and then the
    /// number of voices that are heard at a time, until it fits.
    pub fn spent(&mut self, time: Duration) {
        if self.strain.spent(time, self.settings.complexity) {
            self.set_efforts();
        }
    }

    /// What was counted.
    pub fn stats(&self) -> MixerStats {
        let mut stats = self.stats;
        for speaker in self.speakers.values() {
            stats.count(&speaker.voice);
        }
        stats
    }

    /// Whose voice was in the last frame, in order of participant.
    pub fn heard(&self) -> impl Iterator<Item = ParticipantId> {
        self.speakers.iter().filter(|(_, speaker)| speaker.is_heard).map(|(id, _)| *id)
    }

    /// After a long stall nobody wants to hear what was said meanwhile.
    fn leave_out(&mut self, behind: Duration) {
        let frames = (behind.as_nanos() / FRAME.as_nanos()) as u32;
        self.due = self.due + FRAME * frames;
        self.frame += u64::from(frames);
        self.stats.skipped += u64::from(frames);
        for speaker in self.speakers.values_mut() {
            speaker.voice.drop_all();
        }
    }

    /// Pulls 20 ms of each voice that is heard, and adds them up.
    fn sum(&mut self, due: i64) -> [f32; FRAME_SAMPLES] {
        // Whose level nobody told is found out by decoding.
        let mut pulled = [0.0; FRAME_SAMPLES];
        for speaker in self.speakers.values_mut().filter(|speaker| speaker.voice.is_untold()) {
            let has_sound = !speaker.is_muted && speaker.voice.pull(due, true, &mut pulled);
            speaker.is_heard = has_sound;
            if has_sound {
                speaker.sound.copy_from_slice(&pulled);
            }
        }
        let quietest = self.quietest_heard();
        let mut sum = [0.0; FRAME_SAMPLES];
        for speaker in self.speakers.values_mut() {
            let is_chosen = speaker.rank().is_some_and(|rank| rank >= quietest);
            let aim = if is_chosen { 1.0 } else { 0.0 };
            let is_audible = is_chosen || speaker.gain > 0.0;
            if speaker.voice.is_untold() {
                speaker.is_heard &= is_audible;
            } else {
                speaker.is_heard = speaker.voice.pull(due, is_audible, &mut speaker.sound);
            }
            if speaker.is_heard {
                fade(&mut speaker.sound, speaker.gain, aim);
                for (total, sample) in sum.iter_mut().zip(speaker.sound.iter()) {
                    *total += sample;
                }
            }
            speaker.gain = aim;
            if speaker.is_muted {
                speaker.voice.drop_all();
            }
        }
        sum
    }

    /// The rank from which on voices are heard.
    fn quietest_heard(&self) -> u16 {
        let limits = [self.settings.max_voices, self.strain.voices(self.settings.complexity)];
        let Some(limit) = limits.into_iter().flatten().min() else { return 0 };
        let mut ranks: Vec<u16> = self.speakers.values().filter_map(Speaker::rank).collect();
        if ranks.len() <= limit {
            return 0;
        }
        if limit == 0 {
            return u16::MAX;
        }
        *ranks.select_nth_unstable_by(limit - 1, |a, b| b.cmp(a)).1
    }

    fn encode(&mut self, sum: &[f32; FRAME_SAMPLES]) {
        let frame = self.frame;
        let mut returned = [false; 3];
        let mut sharers = [false; 3];
        for (id, listener) in &mut self.listeners {
            let format = listener.format as usize;
            let Some(speaker) = self.speakers.get(id).filter(|speaker| speaker.is_heard) else {
                sharers[format] = true;
                returned[format] |= listener.own.take().is_some();
                continue;
            };
            let effort = Effort {
                complexity: self.strain.complexity(self.settings.complexity),
                loss: listener.loss.min(MOST_LOSS),
            };
            let own = listener.own.get_or_insert_with(|| {
                let mut ear = Ear::new(listener.format, &self.settings, effort);
                ear.take_over(frame, &self.before);
                if let Some(shared) = &self.shared[format] {
                    ear.limit_like(shared);
                }
                Box::new(ear)
            });
            let mut mix = *sum;
            for (total, sample) in mix.iter_mut().zip(speaker.sound.iter()) {
                *total -= sample;
            }
            let (payload, limited) = own.encode(frame, &mut mix);
            self.stats.own_encodes += 1;
            self.stats.limited += limited;
            listener.send(*id, frame, payload, &mut self.ready);
        }
        let shared = self.encode_shared(sum, sharers, returned);
        for (id, listener) in self.listeners.iter_mut().filter(|(_, listener)| listener.own.is_none()) {
            listener.send(*id, frame, shared[listener.format as usize].clone(), &mut self.ready);
        }
    }

    /// Encodes once per format for everybody who is not heard.
    fn encode_shared(
        &mut self,
        sum: &[f32; FRAME_SAMPLES],
        sharers: [bool; 3],
        returned: [bool; 3],
    ) -> [Option<Bytes>; 3] {
        let efforts = self.efforts();
        let mut payloads = [None, None, None];
        for format in FORMATS {
            let index = format as usize;
            if !sharers[index] {
                continue;
            }
            let ear = self.shared[index].get_or_insert_with(|| Ear::new(format, &self.settings, efforts[index]));
            if returned[index] {
                ear.take_over(self.frame, &self.before);
            }
            let mut mix = *sum;
            let (payload, limited) = ear.encode(self.frame, &mut mix);
            self.stats.shared_encodes += 1;
            self.stats.limited += limited;
            payloads[index] = payload;
        }
        payloads
    }

    /// What each shared encoder is to do.
    fn efforts(&self) -> [Effort; 3] {
        FORMATS.map(|format| {
            let sharers = self.listeners.values().filter(|listener| listener.format == format);
            let loss = sharers.map(|listener| listener.loss).max().unwrap_or(0).min(MOST_LOSS);
            Effort { complexity: self.strain.complexity(self.settings.complexity), loss }
        })
    }

    fn set_efforts(&mut self) {
        let efforts = self.efforts();
        for (ear, effort) in self.shared.iter_mut().zip(efforts) {
            if let Some(ear) = ear {
                ear.set_effort(effort);
            }
        }
        for listener in self.listeners.values_mut() {
            let loss = listener.loss.min(MOST_LOSS);
            if let Some(own) = &mut listener.own {
                own.set_effort(Effort { loss, ..efforts[0] });
            }
        }
    }
}

impl Speaker {
    /// Its place among those who want to be heard: louder is higher, and whoever is heard keeps the floor against one who is a little louder.
    fn rank(&self) -> Option<u16> {
        let is_open = !self.is_muted && !self.is_leaving;
        let floor = if self.gain > 0.0 { KEEPS_THE_FLOOR } else { 0 };
        self.voice.loudness().filter(|_| is_open).map(|loudness| u16::from(loudness) + floor)
    }
}

impl Listener {
    fn send(&mut self, listener: ParticipantId, frame: u64, payload: Option<Bytes>, ready: &mut VecDeque<Mixed>) {
        let was_silent = core::mem::replace(&mut self.is_silent, payload.is_none());
        if let Some(payload) = payload {
            let units = FRAME_SAMPLES as u64 / self.format.scale() as u64;
            // RTP time wraps.
            let timestamp = ((frame - 1) * units) as u32;
            ready.push_back(Mixed { listener, timestamp, is_marked: was_silent, payload });
        }
    }
}

impl MixerStats {
    fn count(&mut self, voice: &Voice) {
        let counts = voice.counts;
        self.decodes += counts.decodes;
        self.concealed += counts.concealed / FRAME_SAMPLES as u64;
        self.recovered += counts.recovered / FRAME_SAMPLES as u64;
        self.discarded += counts.discarded;
    }
}

impl AudioFormat {
    /// Samples of 48 kHz in one unit of its RTP clock.
    const fn scale(self) -> i64 {
        match self {
            AudioFormat::Opus => 1,
            AudioFormat::Pcmu | AudioFormat::Pcma => 6,
        }
    }
}

impl Default for MixerSettings {
    /// Complexity 5, 40 kbit/s, every voice, pauses.
    fn default() -> MixerSettings {
        let bitrate = Bitrate::from_kilobits(40);
        MixerSettings { complexity: 5, bitrate, max_voices: None, is_discontinuous: true }
    }
}

/// Changes the loudness of a frame evenly from one gain to another.
fn fade(sound: &mut [f32; FRAME_SAMPLES], from: f32, to: f32) {
    if from == 1.0 && to == 1.0 {
        return;
    }
    let step = (to - from) / FRAME_SAMPLES as f32;
    for (n, sample) in sound.iter_mut().enumerate() {
        *sample *= from + step * (n + 1) as f32;
    }
}

/// A moment in samples of 48 kHz.
fn samples_at(time: Time) -> i64 {
    // 48,000 samples in 1,000,000,000 ns. The machine's clock begins at zero and stays far from the end of 64 bits.
    (time.as_nanos() / 125 * 6 / 1000) as i64
}

/// Length of a frame.
const FRAME: Duration = Duration::from_millis(20);

/// Samples in a frame.
const FRAME_SAMPLES: usize = 960;

/// All formats, in the order of their numbers.
const FORMATS: [AudioFormat; 3] = [AudioFormat::Opus, AudioFormat::Pcmu, AudioFormat::Pcma];

/// The longest stall that is made up for by mixing faster. Longer: more delay for everybody afterwards until it is shortened away.
const LONGEST_STALL: Duration = Duration::from_millis(200);

/// Loss that an encoder guards against at most, in per cent. Beyond it, redundancy takes more from the voice than it saves.
const MOST_LOSS: u8 = 25;

/// Decibels by which somebody must be louder than one who is heard, to take the place.
const KEEPS_THE_FLOOR: u16 = 6;

#[cfg(test)]
mod tests;
