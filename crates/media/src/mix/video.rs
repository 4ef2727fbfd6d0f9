//! The composer: everybody's pictures on one canvas, encoded once for all viewers of the same kind.

mod assemble;
mod draw;
mod feed;
mod layout;
mod payload;
mod scale;
mod stage;
mod stream;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use centrale_codec::{Picture, PictureRef};
use centrale_model::{Bitrate, ParticipantId, Time};

use crate::command::Source;
use feed::Feed;
use layout::Cast;
use scale::Scratch;
use stage::{Guise, Stage};
use stream::Stream;

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
    born: Time,
    due: Time,
    /// In the order of joining.
    people: Vec<ParticipantId>,
    guises: BTreeMap<ParticipantId, Guise>,
    feeds: BTreeMap<(ParticipantId, Source), Feed>,
    /// Who shares a screen, the latest first.
    screens: Vec<ParticipantId>,
    speakers: Vec<ParticipantId>,
    spotlight: Vec<ParticipantId>,
    viewers: BTreeMap<ParticipantId, Viewer>,
    stages: Vec<Stage>,
    streams: BTreeMap<View, Stream>,
    /// Stages in the sizes of lower qualities.
    smaller: BTreeMap<(Layout, Quality), Picture>,
    scratch: Scratch,
    /// Smoothed time that a tick takes, in seconds.
    cost: f32,
    ready: VecDeque<Composed>,
    stats: ComposerStats,
}

#[derive(Debug)]
struct Viewer {
    /// What was asked for.
    view: View,
    bandwidth: Option<Bitrate>,
    /// What it gets.
    quality: Quality,
    /// It asked for a key frame, or must have one.
    needs_key: bool,
    /// It can see nothing before the next key frame, and is sent nothing.
    is_blind: bool,
}

impl Composer {
    /// A composer without anybody in it. Its first picture is due at `now`.
    pub fn new(settings: ComposerSettings, now: Time) -> Composer {
        let settings = ComposerSettings {
            frame_rate: settings.frame_rate.clamp(5, 30),
            max_payload: settings.max_payload.clamp(200, 1400),
        };
        Composer {
            settings,
            born: now,
            due: now,
            people: Vec::new(),
            guises: BTreeMap::new(),
            feeds: BTreeMap::new(),
            screens: Vec::new(),
            speakers: Vec::new(),
            spotlight: Vec::new(),
            viewers: BTreeMap::new(),
            stages: Vec::new(),
            streams: BTreeMap::new(),
            smaller: BTreeMap::new(),
            scratch: Scratch::default(),
            cost: 0.0,
            ready: VecDeque::new(),
            stats: ComposerStats::default(),
        }
    }

    /// Shows a participant, with a name, or changes the name. Without pictures its initials are drawn.
    pub fn set_person(&mut self, participant: ParticipantId, name: &str) {
        if !self.guises.contains_key(&participant) {
            self.people.push(participant);
        }
        let guise = self.guises.entry(participant).or_default();
        guise.name = name.chars().take(LONGEST_NAME).collect();
    }

    /// Shows a participant no more; its pictures go with it.
    pub fn remove_person(&mut self, participant: ParticipantId) {
        self.people.retain(|person| *person != participant);
        self.screens.retain(|person| *person != participant);
        self.guises.remove(&participant);
        self.feeds.retain(|(person, _), _| *person != participant);
    }

    /// Draws (or no longer draws) the sign of a muted microphone on a participant's tile.
    pub fn set_muted(&mut self, participant: ParticipantId, is_muted: bool) {
        if let Some(guise) = self.guises.get_mut(&participant) {
            guise.is_muted = is_muted;
        }
    }

    /// Says who speaks and spoke, the latest first; and who of them speaks at this moment.
    pub fn set_speakers(&mut self, dominant: &[ParticipantId], speaking: &[ParticipantId]) {
        self.speakers = dominant.to_vec();
        for (participant, guise) in &mut self.guises {
            guise.is_speaking = speaking.contains(participant);
        }
    }

    /// Puts participants on the stage, in this order, whoever speaks; empty: nobody.
    pub fn set_spotlight(&mut self, participants: &[ParticipantId]) {
        self.spotlight = participants.to_vec();
    }

    /// Says whether a participant sends pictures of this source. When it stops, its tile shows the initials again (camera) or goes (screen), and
    /// late packets are dropped. A source that was not announced begins with its first packet.
    pub fn set_sending(&mut self, participant: ParticipantId, source: Source, is_sending: bool) {
        if !self.guises.contains_key(&participant) || source == Source::Microphone {
            return;
        }
        let was_sending = self.feeds.get(&(participant, source)).is_some_and(|feed| !feed.is_off);
        if was_sending != is_sending {
            // A feed that begins anew has no picture of before.
            self.feeds.insert((participant, source), Feed::new(!is_sending));
            self.note_screen(participant, source, is_sending);
        }
    }

    /// Takes a packet of a participant's camera or screen, packets of padding too (their payload is empty). One of somebody unknown is dropped.
    pub fn push(&mut self, participant: ParticipantId, source: Source, packet: VideoPacket, now: Time) {
        if !self.guises.contains_key(&participant) || source == Source::Microphone {
            return;
        }
        if !self.feeds.contains_key(&(participant, source)) {
            self.set_sending(participant, source, true);
        }
        if let Some(feed) = self.feeds.get_mut(&(participant, source)).filter(|feed| !feed.is_off) {
            feed.push(&packet, now);
        }
    }

    /// Composes for a viewer, beginning with a key frame; or changes how it looks at the conference.
    pub fn set_viewer(&mut self, viewer: ParticipantId, view: View) {
        let bandwidth = self.viewers.get(&viewer).and_then(|known| known.bandwidth);
        let quality = choose_quality(view.quality, bandwidth, view.quality);
        self.viewers.insert(viewer, Viewer { view, bandwidth, quality, needs_key: true, is_blind: true });
    }

    /// Composes no more for a viewer.
    pub fn remove_viewer(&mut self, viewer: ParticipantId) {
        self.viewers.remove(&viewer);
    }

    /// Says how much a viewer can take (from its transport feedback): it moves to the quality that fits, and a shared encode follows the
    /// slowest of those who share it.
    pub fn set_bandwidth(&mut self, viewer: ParticipantId, bandwidth: Bitrate) {
        let Some(viewer) = self.viewers.get_mut(&viewer) else { return };
        viewer.bandwidth = Some(bandwidth);
        let quality = choose_quality(viewer.view.quality, Some(bandwidth), viewer.quality);
        if quality != viewer.quality {
            viewer.quality = quality;
            (viewer.needs_key, viewer.is_blind) = (true, true);
        }
    }

    /// Makes the next picture of this viewer's stream a key frame (its PLI or FIR). Heeded at most every half second per stream.
    pub fn request_key_frame(&mut self, viewer: ParticipantId) {
        if let Some(viewer) = self.viewers.get_mut(&viewer) {
            viewer.needs_key = true;
        }
    }

    /// Whose pictures were on some canvas at the last tick, and how large; in order of participant. Packets of others need not be handed in.
    pub fn visible(&self) -> Vec<Visible> {
        let mut largest: BTreeMap<(ParticipantId, Source), (usize, usize)> = BTreeMap::new();
        for tile in self.stages.iter().flat_map(Stage::tiles) {
            let size = largest.entry((tile.participant, tile.source)).or_default();
            *size = (*size).max((tile.area.width, tile.area.height));
        }
        largest
            .into_iter()
            .map(|((participant, source), (width, height))| Visible {
                participant,
                source,
                width: width as u32,
                height: height as u32,
            })
            .collect()
    }

    /// When the next picture is due; nothing while there is no viewer.
    pub fn timeout(&self) -> Option<Time> {
        (!self.viewers.is_empty()).then_some(self.due)
    }

    /// Decodes what came, composes and encodes one picture when one is due. Heavy: milliseconds. What was not polled by then is dropped.
    pub fn tick(&mut self, now: Time) {
        self.ready.clear();
        if now < self.due || self.viewers.is_empty() {
            return;
        }
        self.schedule(now);
        self.stats.pictures += 1;
        self.arrange();
        self.decode(now);
        let changed: Vec<Layout> = self
            .stages
            .iter_mut()
            .filter_map(|stage| stage.draw(&self.guises, &self.feeds).then(|| stage.layout()))
            .collect();
        self.encode(&changed, now);
    }

    /// What goes out, one by one.
    pub fn poll(&mut self) -> Option<Composed> {
        self.ready.pop_front()
    }

    /// Says how much processor time the last tick took. When it nears the time between two pictures, there are fewer pictures.
    pub fn spent(&mut self, time: Duration) {
        self.cost += (time.as_secs_f32().min(1.0) - self.cost) * 0.1;
    }

    /// What was counted.
    pub fn stats(&self) -> ComposerStats {
        self.stats
    }

    /// The composed picture of a layout as it was last drawn, while somebody looks at it.
    pub fn picture(&self, layout: Layout) -> Option<PictureRef<'_>> {
        self.stages.iter().find(|stage| stage.layout() == layout).map(Stage::picture)
    }

    /// Looks when the next picture is due. It keeps to the beat, unless a tick takes so long that there is no time for it.
    fn schedule(&mut self, now: Time) {
        let beat = Duration::from_secs(1) / u32::from(self.settings.frame_rate);
        let slow = Duration::from_secs_f32((self.cost / MOST_LOAD).clamp(0.0, 1.0));
        self.due = self.due + beat.max(slow);
        while self.due <= now {
            self.due = self.due + beat;
            self.stats.skipped += 1;
        }
    }

    /// Has a stage for each layout that is looked at, in the best size that somebody gets, and everybody in place.
    fn arrange(&mut self) {
        let mut wanted: BTreeMap<Layout, Quality> = BTreeMap::new();
        for viewer in self.viewers.values() {
            let best = wanted.entry(viewer.view.layout).or_insert(viewer.quality);
            *best = (*best).max(viewer.quality);
        }
        self.stages.retain(|stage| wanted.get(&stage.layout()).is_some_and(|best| best.size() == stage.size()));
        for (layout, quality) in wanted {
            if !self.stages.iter().any(|stage| stage.layout() == layout) {
                self.stages.push(Stage::new(layout, quality.size()));
            }
        }
        let is_seen =
            |person: ParticipantId| self.feeds.get(&(person, Source::Camera)).is_some_and(|feed| !feed.is_off);
        let cast = Cast {
            people: self.people.iter().map(|person| (*person, is_seen(*person))).collect(),
            screens: self.screens.clone(),
            speakers: self.speakers.clone(),
            spotlight: self.spotlight.clone(),
        };
        for stage in &mut self.stages {
            stage.arrange(&cast);
        }
    }

    /// Decodes whoever is on a canvas, and asks for key frames.
    fn decode(&mut self, now: Time) {
        let shown: BTreeSet<(ParticipantId, Source)> =
            self.stages.iter().flat_map(Stage::tiles).map(|tile| (tile.participant, tile.source)).collect();
        for ((participant, source), feed) in &mut self.feeds {
            if !shown.contains(&(*participant, *source)) {
                feed.drop_all();
                continue;
            }
            feed.decode(now, &mut self.stats);
            if *source == Source::Camera {
                feed.notice_stall(now);
            }
            if let Some(ssrc) = feed.wants_key(now) {
                self.ready.push_back(Composed::AskKeyFrame { participant: *participant, source: *source, ssrc });
            }
        }
    }

    fn encode(&mut self, changed: &[Layout], now: Time) {
        let views: BTreeSet<View> = self.viewers.values().map(Viewer::gets).collect();
        self.streams.retain(|view, _| views.contains(view));
        self.smaller.retain(|(layout, quality), _| views.iter().any(|v| v.layout == *layout && v.quality == *quality));
        let timestamp = media_time(now.since(self.born));
        let mut scaled: BTreeSet<(Layout, Quality)> = BTreeSet::new();
        for view in views {
            let Some(stage) = self.stages.iter().find(|stage| stage.layout() == view.layout) else { continue };
            if !self.streams.contains_key(&view) {
                // A codec that is not built in is not offered; without memory there is no picture.
                let Ok(stream) = Stream::new(view.codec, view.quality, self.settings.frame_rate) else { continue };
                self.streams.insert(view, stream);
            }
            let Some(stream) = self.streams.get_mut(&view) else { continue };
            let sharers = || self.viewers.values().filter(|viewer| viewer.gets() == view);
            if sharers().any(|viewer| viewer.needs_key) {
                stream.ask_key();
            }
            let slowest = sharers().filter_map(|viewer| viewer.bandwidth).min();
            stream.set_bitrate(bitrate_for(view.quality, slowest));
            if !stream.is_due(changed.contains(&view.layout), self.settings.frame_rate, now) {
                continue;
            }
            let picture = if stage.size() == view.quality.size() {
                stage.picture()
            } else {
                let smaller = self.smaller.entry((view.layout, view.quality)).or_default();
                if scaled.insert((view.layout, view.quality)) {
                    shrink(&stage.picture(), view.quality.size(), smaller, &mut self.scratch);
                }
                smaller.view()
            };
            let Some(encoded) = stream.encode(&picture, self.settings.max_payload, now) else { continue };
            self.stats.encodes += 1;
            self.stats.key_frames += u64::from(encoded.is_key);
            let mut viewers = Vec::new();
            for (id, viewer) in self.viewers.iter_mut().filter(|(_, viewer)| viewer.gets() == view) {
                if encoded.is_key {
                    (viewer.needs_key, viewer.is_blind) = (false, false);
                }
                if !viewer.is_blind {
                    viewers.push(*id);
                }
            }
            if !viewers.is_empty() {
                let (is_key, payloads) = (encoded.is_key, encoded.payloads);
                self.ready.push_back(Composed::Frame { viewers, timestamp, is_key, payloads });
            }
        }
    }

    fn note_screen(&mut self, participant: ParticipantId, source: Source, is_sending: bool) {
        if source == Source::Screen {
            self.screens.retain(|person| *person != participant);
            if is_sending {
                self.screens.insert(0, participant);
            }
        }
    }
}

impl Viewer {
    fn gets(&self) -> View {
        View { quality: self.quality, ..self.view }
    }
}

impl Default for ComposerSettings {
    /// 25 pictures a second, payloads that fit a tunnel of 1,280 bytes.
    fn default() -> ComposerSettings {
        ComposerSettings { frame_rate: 25, max_payload: 1150 }
    }
}

/// The quality that fits, at most `best`. To go up from `current` takes a fifth more than to stay, so that it does not swing.
fn choose_quality(best: Quality, bandwidth: Option<Bitrate>, current: Quality) -> Quality {
    let Some(bandwidth) = bandwidth else { return best };
    let fits = |quality: Quality| {
        let least = quality.rates()[0].0;
        bandwidth.0 >= if quality > current { least + least / 5 } else { least }
    };
    [Quality::High, Quality::Medium]
        .into_iter()
        .find(|quality| *quality <= best && fits(*quality))
        .unwrap_or(Quality::Low)
}

/// What a stream takes: nine tenths of what its slowest viewer can, for headers and repairs.
fn bitrate_for(quality: Quality, slowest: Option<Bitrate>) -> Bitrate {
    let [least, most, usual] = quality.rates();
    slowest.map_or(usual, |slowest| Bitrate((slowest.0 / 10 * 9).clamp(least.0, most.0)))
}

/// A span in units of the RTP clock of video, which wraps.
fn media_time(span: Duration) -> u32 {
    (span.as_micros() * 9 / 100) as u32
}

/// A whole ratio smaller.
fn shrink(picture: &PictureRef<'_>, size: (usize, usize), into: &mut Picture, scratch: &mut Scratch) {
    if (into.width(), into.height()) != size {
        *into = Picture::new(size.0, size.1);
    }
    for (index, plane) in [picture.y, picture.u, picture.v].into_iter().enumerate() {
        let divisor = if index == 0 { 1 } else { 2 };
        let (out, stride) = into.plane_mut(index);
        scale::scale(&plane, out, stride, size.0 / divisor, size.1 / divisor, scratch);
    }
}

/// Longest name that is drawn, in letters.
const LONGEST_NAME: usize = 64;

/// Part of the time that ticks may take, before pictures become fewer.
const MOST_LOAD: f32 = 0.75;

#[cfg(test)]
mod tests;
