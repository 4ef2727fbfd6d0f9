//! The composer: everybody's pictures on one canvas, encoded once for all viewers of the same kind.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use centrale_model::{Bitrate, ParticipantId, Time};

use crate::command::Source;

/// A codec that the composer decodes and encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VideoCodec {
    /// RFC 6386, packets by RFC 7741.
    Vp8,
    /// Constrained baseline, packets by RFC 6184 in packetization mode 1.
    H264,
}

/// How people are placed on the canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// A shared screen, when there is one, takes the stage with the people beside it. Up to four people stand in a grid; of more, the
    /// speaker (or whoever is spotlighted) is larger, and the others stand around.
    #[default]
    Auto,
    /// All the same size, at most nine; with more the latest speakers. No stage for a screen: it is one of the tiles.
    Grid,
    /// The speaker alone, or the shared screen.
    Speaker,
}

/// Size and pace of a composed stream. A viewer gets the best one that its own limit and its bandwidth allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// 320x180.
    Low,
    /// 640x360.
    Medium,
    /// 1280x720.
    High,
}

/// What a composer is told at birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComposerSettings {
    /// Pictures per second, 5..=30. Under load it goes below it by itself.
    pub frame_rate: u8,
    /// The largest RTP payload that comes out, in bytes, 200..=1400.
    pub max_payload: usize,
}

/// One RTP packet of a sender, as far as the composer needs it.
#[derive(Clone, Debug)]
pub struct VideoPacket {
    /// How the payload is encoded.
    pub codec: VideoCodec,
    /// Which stream: when another layer of the sender is fed in, the composer changes over at that layer's first key frame.
    pub ssrc: u32,
    /// RTP sequence number; retransmitted packets come with their original one.
    pub sequence: u16,
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// RTP marker: the last packet of a frame.
    pub is_marked: bool,
    /// Quarter turns clockwise that the picture needs to stand upright, 0..=3 (3GPP TS 26.114 §7.4.5, the orientation extension).
    pub quarter_turns: u8,
    /// The payload, decrypted, padding taken off.
    pub payload: Bytes,
}

/// How a viewer looks at the conference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct View {
    /// What its decoder takes.
    pub codec: VideoCodec,
    /// Who stands where.
    pub layout: Layout,
    /// The best that it is sent.
    pub quality: Quality,
}

/// A picture that some canvas shows. For: the conference, which feeds the sender's layer that is nearest to that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visible {
    /// Whose.
    pub participant: ParticipantId,
    /// Camera or screen.
    pub source: Source,
    /// Width of its largest tile, in pixels.
    pub width: u32,
    /// Height of its largest tile, in pixels.
    pub height: u32,
}

/// What comes out of a composer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Composed {
    /// One picture for these viewers.
    /// For: the conference, which puts an RTP header of each viewer in front of each payload; the marker goes on the last.
    Frame {
        /// For whom, in order.
        viewers: Vec<ParticipantId>,
        /// RTP timestamp, 90 kHz; the same for all streams of a composer.
        timestamp: u32,
        /// Whether it can be decoded alone.
        is_key: bool,
        /// The payloads, in order.
        payloads: Vec<Bytes>,
    },
    /// A sender's picture cannot be decoded before its next key frame.
    /// For: the conference, which sends a picture loss indication (RFC 4585 §6.3.1). Asked again every half second until it comes.
    AskKeyFrame {
        /// Whose.
        participant: ParticipantId,
        /// Camera or screen.
        source: Source,
        /// Which stream.
        ssrc: u32,
    },
}

/// What a composer counted since its birth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComposerStats {
    /// Pictures composed.
    pub pictures: u64,
    /// Pictures left out because there was no time for them.
    pub skipped: u64,
    /// Pictures of senders that were decoded.
    pub decodes: u64,
    /// Pictures of senders that could not be decoded.
    pub broken: u64,
    /// Pictures encoded.
    pub encodes: u64,
    /// Key frames among them.
    pub key_frames: u64,
}

/// Composes the pictures of one conference.
#[derive(Debug)]
pub struct Composer {
    settings: ComposerSettings,
    due: Time,
    viewers: BTreeMap<ParticipantId, View>,
    ready: VecDeque<Composed>,
    stats: ComposerStats,
}

impl Composer {
    /// A composer without anybody in it. Its first picture is due at `now`.
    pub fn new(settings: ComposerSettings, now: Time) -> Composer {
        Composer {
            settings,
            due: now,
            viewers: BTreeMap::new(),
            ready: VecDeque::new(),
            stats: ComposerStats::default(),
        }
    }

    /// Shows a participant, with a name, or changes the name. Without pictures its initials are drawn.
    pub fn set_person(&mut self, participant: ParticipantId, name: &str) {
        let _ = (participant, name);
    }

    /// Shows a participant no more; its pictures go with it.
    pub fn remove_person(&mut self, participant: ParticipantId) {
        let _ = participant;
    }

    /// Draws (or no longer draws) the sign of a muted microphone on a participant's tile.
    pub fn set_muted(&mut self, participant: ParticipantId, is_muted: bool) {
        let _ = (participant, is_muted);
    }

    /// Says who speaks and spoke, the latest first; and who of them speaks at this moment.
    pub fn set_speakers(&mut self, dominant: &[ParticipantId], speaking: &[ParticipantId]) {
        let _ = (dominant, speaking);
    }

    /// Puts participants on the stage, in this order, whoever speaks; empty: nobody.
    pub fn set_spotlight(&mut self, participants: &[ParticipantId]) {
        let _ = participants;
    }

    /// Says whether a participant sends pictures of this source. When it stops, its tile shows the initials again (camera) or goes (screen).
    /// A source that was not announced begins with its first packet.
    pub fn set_sending(&mut self, participant: ParticipantId, source: Source, is_sending: bool) {
        let _ = (participant, source, is_sending);
    }

    /// Takes a packet of a participant's camera or screen. One of somebody unknown is dropped.
    pub fn push(&mut self, participant: ParticipantId, source: Source, packet: VideoPacket, now: Time) {
        let _ = (participant, source, packet, now);
    }

    /// Composes for a viewer, beginning with a key frame; or changes how it looks at the conference.
    pub fn set_viewer(&mut self, viewer: ParticipantId, view: View) {
        self.viewers.insert(viewer, view);
    }

    /// Composes no more for a viewer.
    pub fn remove_viewer(&mut self, viewer: ParticipantId) {
        self.viewers.remove(&viewer);
    }

    /// Says how much a viewer can take (from its transport feedback): it moves to the quality that fits, and a shared encode follows the
    /// slowest of those who share it.
    pub fn set_bandwidth(&mut self, viewer: ParticipantId, bandwidth: Bitrate) {
        let _ = (viewer, bandwidth);
    }

    /// Makes the next picture of this viewer's stream a key frame (its PLI or FIR). Heeded at most every half second per stream.
    pub fn request_key_frame(&mut self, viewer: ParticipantId) {
        let _ = viewer;
    }

    /// Whose pictures are on some canvas, and how large; in order of participant. Packets of others need not be handed in.
    pub fn visible(&self) -> Vec<Visible> {
        Vec::new()
    }

    /// When the next picture is due; nothing while there is no viewer.
    pub fn timeout(&self) -> Option<Time> {
        (!self.viewers.is_empty()).then_some(self.due)
    }

    /// Decodes what came, composes and encodes one picture when one is due. Heavy: milliseconds.
    pub fn tick(&mut self, now: Time) {
        if now < self.due {
            return;
        }
        self.due = now + Duration::from_secs(1) / u32::from(self.settings.frame_rate.clamp(5, 30));
        self.stats.pictures += 1;
    }

    /// What goes out, one by one.
    pub fn poll(&mut self) -> Option<Composed> {
        self.ready.pop_front()
    }

    /// Says how much processor time the last tick took. When it nears the time between two pictures, pictures are left out.
    pub fn spent(&mut self, time: Duration) {
        let _ = time;
    }

    /// What was counted.
    pub fn stats(&self) -> ComposerStats {
        self.stats
    }
}
