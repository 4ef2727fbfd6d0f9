//! Who is mixed, and for whom: the conference's side of the mixer and the composer.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use centrale_model::{Bitrate, ParticipantId, Time};

use super::seat::{NO_TRACK, Seat};
use super::sending::write_generated;
use super::{Sfu, insert, remove};
use crate::command::{Event, Mode, Source};
use crate::forward::Carries;
use crate::mix::{
    AudioFormat, AudioPacket, Composed, Composer, ComposerSettings, Layout, Mixed, Mixer, MixerSettings, Quality,
    VideoCodec, VideoPacket, View,
};
use crate::mixing::{Job, Work};
use crate::receive::{Kept, Subscriber, Track};
use crate::sdp::{Format, Kind};

/// How the voices of a conference are encoded. At this complexity a core carries some hundred listeners who speak; see the mixer.
const MIXER: MixerSettings =
    MixerSettings { complexity: 6, bitrate: Bitrate::from_kilobits(32), max_voices: None, is_discontinuous: true };

/// How composed pictures are made: payloads leave room for headers in 1,200 bytes.
const COMPOSER: ComposerSettings = ComposerSettings { frame_rate: 25, max_payload: 1100 };

/// What a composed stream of H.264 is.
const H264: Format = Format::H264 { packetization_mode: 1, profile: [0x42, 0xe0, 0x1f] };

/// Below which estimate a receiver that leaves the choice to us gets one mixed stream, and above which it gets each sender's again.
///
/// Higher: slow paths hear everybody in one stream sooner; lower: they keep single voices, and lose some.
const LITTLE: Bitrate = Bitrate::from_kilobits(120);
const ENOUGH: Bitrate = Bitrate::from_kilobits(300);

/// Somebody who receives one mixed stream of each kind.
struct Listener {
    participant: ParticipantId,
    hears: bool,
    view: Option<View>,
}

impl Sfu {
    /// The next piece of work that is due; run it here or elsewhere and give it back by [`Sfu::done`].
    ///
    /// For: after [`Sfu::handle_timeout`], until nothing comes.
    pub fn job(&mut self) -> Option<Job> {
        while let Some((index, is_video)) = self.jobs.pop_front() {
            let Some(conference) = self.conference_mut(index) else { continue };
            let work = match is_video {
                true => conference.mixing.video.take().map(Work::Compose),
                false => conference.mixing.audio.take().map(Work::Mix),
            };
            if let Some(work) = work {
                return Some(Job { conference: conference.id, work });
            }
        }
        None
    }

    /// Takes a piece of work back, and sends what it made (by [`Sfu::transmits`]).
    ///
    /// - `took`: the processor time it took; machines lower their effort when it nears what there is.
    pub fn done(&mut self, mut job: Job, took: core::time::Duration, now: Time) {
        job.spent(took);
        let Some(index) = self.by_id.get(&job.conference).copied() else { return };
        match job.work {
            Work::Mix(mut mixer) => {
                while let Some(mixed) = mixer.poll() {
                    self.send_mixed(index, &mixed, now);
                }
                if let Some(conference) = self.conference_mut(index) {
                    conference.mixing.audio.put(mixer);
                }
            }
            Work::Compose(mut composer) => {
                let mut used = Vec::new();
                while let Some(composed) = composer.poll() {
                    self.send_composed(index, composed, &mut used, now);
                }
                let visible = composer.visible();
                if let Some(conference) = self.conference_mut(index) {
                    conference.mixing.video.put(composer);
                    conference.mixing.visible = visible;
                }
                self.feed_composer(index, now);
            }
        }
        if let Some(due) = self.conference(index).and_then(|conference| conference.mixing.due()) {
            self.wake_conference(index, due);
        }
    }

    /// Notes which machines of a conference have work.
    pub(super) fn note_jobs(&mut self, index: u32, now: Time) {
        let Some(conference) = self.conference(index) else { return };
        let audio = conference.mixing.audio.here().and_then(Mixer::timeout);
        let video = conference.mixing.video.here().and_then(Composer::timeout);
        for (due, is_video) in [(audio, false), (video, true)] {
            if due.is_some_and(|due| due <= now) && !self.jobs.contains(&(index, is_video)) {
                self.jobs.push_back((index, is_video));
            }
        }
    }

    /// How a receiver that is in a conference with `voices` other voices should receive.
    pub(super) fn mode_of(&self, seat: &Seat, mode: Mode, voices: usize) -> Mode {
        let count = |kind| seat.slots.iter().filter(|slot| slot.kind == kind).count();
        let (hears, sees) = (count(Kind::Audio), count(Kind::Video));
        match mode {
            Mode::Forwarded | Mode::Mixed => mode,
            Mode::Auto => {
                let is_single = hears == 1 && sees <= 1 && voices > 1;
                let is_poor = hears > 0 && voices > 2 && seat.is_poor;
                if is_single || is_poor { Mode::Mixed } else { Mode::Forwarded }
            }
        }
    }

    /// Tells the exchange and the client how a participant receives, if that is news.
    pub(super) fn set_mode(&mut self, at: u32, mode: Mode, now: Time) {
        let Some(seat) = self.seat_mut(at) else { return };
        if core::mem::replace(&mut seat.receives, mode) == mode && seat.is_mode_told {
            return;
        }
        seat.is_mode_told = true;
        let (index, participant) = (seat.conference, seat.participant);
        if let Some(conference) = self.conference(index).map(|conference| conference.id) {
            self.events.push_back(Event::Receives { conference, participant, mode });
        }
        self.tell_mode(at, now);
    }

    /// Tells the machines who is there; begins and ends them as they are needed.
    pub(super) fn follow_mixing(&mut self, index: u32, now: Time) {
        let Some(conference) = self.conferences.get(index as usize).and_then(Option::as_deref) else { return };
        let mut listeners = Vec::new();
        let mut voices: BTreeSet<ParticipantId> = BTreeSet::new();
        let mut pictures: BTreeSet<(ParticipantId, Source)> = BTreeSet::new();
        let mut people: BTreeMap<ParticipantId, String> = BTreeMap::new();
        for (who, participant) in &conference.participants {
            let Some(seat) = self.seat(participant.seat).filter(|seat| seat.is_connected()) else { continue };
            if participant.is_held || participant.is_echo {
                continue;
            }
            people.insert(*who, participant.name.clone().unwrap_or_default());
            for track in seat.incoming.iter().copied().filter(|at| *at != NO_TRACK) {
                let Some(track) = self.track(track).filter(|track| track.is_allowed && track.is_active(now)) else {
                    continue;
                };
                match track.kind {
                    Kind::Audio => drop(voices.insert(*who)),
                    Kind::Video if composable(track.format).is_some() => drop(pictures.insert((*who, track.source))),
                    Kind::Video | Kind::Data => {}
                }
            }
            if seat.receives == Mode::Mixed {
                let hears = seat.slots.iter().any(|slot| slot.kind == Kind::Audio);
                listeners.push(Listener { participant: *who, hears, view: view_of(seat) });
            }
        }
        let hearing: BTreeSet<ParticipantId> =
            listeners.iter().filter(|listener| listener.hears).map(|listener| listener.participant).collect();
        let viewers: BTreeMap<ParticipantId, View> =
            listeners.iter().filter_map(|listener| Some((listener.participant, listener.view?))).collect();
        self.tell_mixer(index, voices.clone(), hearing, now);
        self.tell_composer(index, people, &voices, pictures, viewers, now);
        self.feed_composer(index, now);
        if let Some(due) = self.conference(index).and_then(|conference| conference.mixing.due()) {
            self.wake_conference(index, due);
        }
    }

    fn tell_mixer(
        &mut self,
        index: u32,
        voices: BTreeSet<ParticipantId>,
        listeners: BTreeSet<ParticipantId>,
        now: Time,
    ) {
        let Some(conference) = self.conference_mut(index) else { return };
        let mixing = &mut conference.mixing;
        if listeners.is_empty() {
            mixing.audio.close();
            mixing.voices.clear();
            mixing.listeners.clear();
            return;
        }
        if !mixing.audio.is_open() {
            mixing.voices.clear();
            mixing.listeners.clear();
        }
        mixing.audio.open(|| Mixer::new(MIXER, now));
        for who in voices.difference(&mixing.voices).copied() {
            mixing.audio.with(move |mixer| mixer.add_speaker(who, AudioFormat::Opus));
        }
        for who in mixing.voices.difference(&voices).copied() {
            mixing.audio.with(move |mixer| mixer.remove_speaker(who));
        }
        for who in listeners.difference(&mixing.listeners).copied() {
            mixing.audio.with(move |mixer| mixer.add_listener(who, AudioFormat::Opus));
        }
        for who in mixing.listeners.difference(&listeners).copied() {
            mixing.audio.with(move |mixer| mixer.remove_listener(who));
        }
        mixing.voices = voices;
        mixing.listeners = listeners;
    }

    fn tell_composer(
        &mut self,
        index: u32,
        people: BTreeMap<ParticipantId, String>,
        voices: &BTreeSet<ParticipantId>,
        pictures: BTreeSet<(ParticipantId, Source)>,
        viewers: BTreeMap<ParticipantId, View>,
        now: Time,
    ) {
        let Some(conference) = self.conference_mut(index) else { return };
        let dominant = conference.speakers.dominant().to_vec();
        let speaking: Vec<ParticipantId> = conference.speakers.speaking().collect();
        let spotlight = conference.spotlight.clone();
        let mixing = &mut conference.mixing;
        if viewers.is_empty() || !mixing.video.is_open() {
            mixing.people.clear();
            mixing.pictures.clear();
            mixing.viewers.clear();
        }
        if viewers.is_empty() {
            mixing.video.close();
            mixing.visible.clear();
            let made = core::mem::take(&mut mixing.made);
            made.into_iter().for_each(|track| self.end_track(track));
            return;
        }
        mixing.video.open(|| Composer::new(COMPOSER, now));
        let video = &mut mixing.video;
        for (who, name) in people.iter().filter(|(who, name)| mixing.people.get(who) != Some(name)) {
            let (who, name) = (*who, name.clone());
            video.with(move |composer| composer.set_person(who, &name));
        }
        for who in mixing.people.keys().copied().filter(|who| !people.contains_key(who)) {
            video.with(move |composer| composer.remove_person(who));
        }
        for (who, source) in pictures.difference(&mixing.pictures).copied() {
            video.with(move |composer| composer.set_sending(who, source, true));
        }
        for (who, source) in mixing.pictures.difference(&pictures).copied() {
            video.with(move |composer| composer.set_sending(who, source, false));
        }
        for who in people.keys().copied() {
            let is_muted = !voices.contains(&who);
            video.with(move |composer| composer.set_muted(who, is_muted));
        }
        for (who, view) in viewers.iter().filter(|(who, view)| mixing.viewers.get(who) != Some(view)) {
            let (who, view) = (*who, *view);
            video.with(move |composer| composer.set_viewer(who, view));
        }
        for who in mixing.viewers.keys().copied().filter(|who| !viewers.contains_key(who)) {
            video.with(move |composer| composer.remove_viewer(who));
        }
        video.with(move |composer| {
            composer.set_speakers(&dominant, &speaking);
            composer.set_spotlight(&spotlight);
        });
        mixing.people = people;
        mixing.pictures = pictures;
        mixing.viewers = viewers;
    }

    /// Chooses which tracks the machines hear: all voices, and of each picture that is shown the layer nearest to its tile.
    fn feed_composer(&mut self, index: u32, now: Time) {
        let Some(conference) = self.conferences.get(index as usize).and_then(Option::as_deref) else { return };
        let mut wished = Vec::new();
        for (who, participant) in &conference.participants {
            let Some(seat) = self.seats.get(participant.seat as usize).and_then(Option::as_deref) else { continue };
            for at in seat.incoming.iter().copied() {
                let Some(track) = self.tracks.get_mut(at as usize).and_then(Option::as_deref_mut) else { continue };
                if track.kind == Kind::Audio {
                    track.is_heard = seat.echo.is_some() || conference.mixing.audio.is_open();
                    continue;
                }
                let tile = conference
                    .mixing
                    .visible
                    .iter()
                    .find(|tile| tile.participant == *who && tile.source == track.source);
                let layer = tile.and_then(|tile| {
                    let ladder = track.ladder(now);
                    let rungs = ladder.rungs();
                    let fills = |height: u16| u32::from(height) * 4 >= tile.width.min(tile.height) * 3;
                    let rung = rungs.iter().find(|rung| rung.height.is_some_and(fills)).or(rungs.last())?;
                    Some(rung.layer)
                });
                track.is_heard = layer.is_some();
                if core::mem::replace(&mut track.composed, layer) != layer
                    && let Some(layer) = layer
                {
                    track.wanted |= 1 << layer;
                    wished.push((at, layer));
                }
            }
        }
        wished.into_iter().for_each(|(track, layer)| self.want_key(track, layer, now));
    }

    /// The end of a batch: what is pending is heard by the echo, the mixer and the composer.
    pub(super) fn hear(&mut self, now: Time) {
        for track in &self.dirty {
            let Some(track) = self.tracks.get(*track as usize).and_then(Option::as_deref) else { continue };
            if !track.is_heard {
                continue;
            }
            let Some(seat) = self.seats.get_mut(track.seat as usize).and_then(Option::as_deref_mut) else { continue };
            let Some(conference) = self.conferences.get_mut(seat.conference as usize).and_then(Option::as_deref_mut)
            else {
                continue;
            };
            let who = seat.participant;
            for (layer, sequence) in &track.pending {
                let Some((kept, payload)) = track.layer(*layer).and_then(|layer| layer.find(*sequence)) else {
                    continue;
                };
                if payload.is_empty() {
                    continue;
                }
                if let Some(echo) = seat.echo.as_deref_mut() {
                    echo.hear(kept, payload, now);
                } else if track.kind == Kind::Audio {
                    let payload = Bytes::copy_from_slice(payload);
                    let kept = *kept;
                    conference.mixing.audio.feed(move |mixer| {
                        let packet = AudioPacket {
                            sequence: kept.sequence as u16,
                            timestamp: kept.timestamp,
                            level: kept.level.map(|level| level.below_full),
                            payload: &payload,
                        };
                        mixer.push(who, packet, kept.arrival);
                    });
                } else if track.composed == Some(*layer)
                    && let (Some(codec), Some(stream)) = (composable(track.format), track.layer(*layer))
                {
                    let packet = VideoPacket {
                        codec,
                        ssrc: stream.ssrc,
                        sequence: kept.sequence as u16,
                        timestamp: kept.timestamp,
                        is_marked: kept.is_marked,
                        quarter_turns: kept.orientation.map_or(0, |orientation| orientation.0 & 3),
                        payload: Bytes::copy_from_slice(payload),
                    };
                    let (source, arrival) = (track.source, kept.arrival);
                    conference.mixing.video.feed(move |composer| composer.push(who, source, packet, arrival));
                }
            }
            if let Some(due) = seat.echo.as_ref().and_then(|echo| echo.due()) {
                self.timers.want(crate::timers::Part::Seat(track.seat), &mut seat.wake, due);
            }
        }
    }

    /// Plays what is due of an echo.
    pub(super) fn play_echo(&mut self, index: u32, now: Time) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let Some(mut echo) = seat.echo.take() else { return };
        while let Some((packet, begins)) = echo.play(now) {
            write_generated(seat, &packet.kept, &packet.payload, begins, &mut self.outbox, now);
        }
        seat.echo = Some(echo);
    }

    fn send_mixed(&mut self, index: u32, mixed: &Mixed, now: Time) {
        let Some(participant) = self.conference(index).and_then(|c| c.participants.get(&mixed.listener)) else {
            return;
        };
        let at = participant.seat;
        let Some(seat) = self.seats.get_mut(at as usize).and_then(Option::as_deref_mut) else { return };
        let carries_mix = seat.slots.iter().any(|slot| slot.carries() == Carries::Mix);
        if carries_mix && seat.receives == Mode::Mixed {
            let kept = Kept::new(0, mixed.timestamp, mixed.is_marked, now);
            write_generated(seat, &kept, &mixed.payload, false, &mut self.outbox, now);
        }
    }

    fn send_composed(&mut self, index: u32, composed: Composed, used: &mut Vec<u32>, now: Time) {
        match composed {
            Composed::AskKeyFrame { participant, source, ssrc } => {
                let Some(seat) = self.conference(index).and_then(|c| c.participants.get(&participant)).map(|p| p.seat)
                else {
                    return;
                };
                let Some(seat) = self.seat(seat) else { return };
                let found = seat.incoming.iter().copied().find_map(|at| {
                    let track = self.track(at).filter(|track| track.source == source)?;
                    let layer =
                        (0..).zip(&track.layers).find(|(_, layer)| layer.as_ref().is_some_and(|l| l.ssrc == ssrc))?;
                    Some((at, layer.0))
                });
                if let Some((track, layer)) = found {
                    self.want_key(track, layer, now);
                }
            }
            Composed::Frame { viewers, timestamp, is_key, payloads } => {
                let Some(track) = self.stream_for(index, &viewers, is_key, used) else { return };
                let codec =
                    viewers.first().and_then(|who| self.conference(index)?.mixing.viewers.get(who)).map(|v| v.codec);
                let Some(stream) = self.track_mut(track) else { return };
                stream.format = codec.map(|codec| match codec {
                    VideoCodec::Vp8 => Format::Vp8,
                    VideoCodec::H264 => H264,
                });
                if stream.make(&payloads, timestamp, now) {
                    self.dirty.push(track);
                }
                for who in viewers {
                    self.view(index, who, track, now);
                }
            }
        }
    }

    /// The track that carries a stream of composed pictures: the one that its first viewer has, unless another stream has taken it.
    fn stream_for(&mut self, index: u32, viewers: &[ParticipantId], is_key: bool, used: &mut Vec<u32>) -> Option<u32> {
        let first = viewers.first()?;
        let conference = self.conference(index)?;
        let seat = self.seat(conference.participants.get(first)?.seat)?;
        let made = &conference.mixing.made;
        let current = seat.slots.iter().find_map(|slot| match slot.carries() {
            Carries::Track(track) if made.contains(&track) => Some(track),
            Carries::Track(_) | Carries::Nothing | Carries::Mix => None,
        });
        let track = match current.filter(|track| !used.contains(track)) {
            Some(track) => track,
            // Streams change hands at key pictures only.
            None if !is_key => return None,
            None => {
                let is_free = |track: &u32| {
                    !used.contains(track) && self.track(*track).is_some_and(|track| track.subscribers.is_empty())
                };
                let free = made.iter().copied().find(is_free);
                match free {
                    Some(track) => track,
                    None => {
                        let nobody = ParticipantId::from_u128(0);
                        let mut track = Track::new(NO_TRACK, nobody, Source::Camera, Kind::Video);
                        track.made_by = Some(index);
                        let track = insert(&mut self.tracks, &mut self.free_tracks, track);
                        self.conference_mut(index)?.mixing.made.push(track);
                        track
                    }
                }
            }
        };
        used.push(track);
        Some(track)
    }

    /// Puts a composed stream into a viewer's first video slot.
    fn view(&mut self, index: u32, who: ParticipantId, track: u32, now: Time) {
        let Some(at) = self.conference(index).and_then(|c| c.participants.get(&who)).map(|p| p.seat) else { return };
        let Some(seat) = self.seats.get_mut(at as usize).and_then(Option::as_deref_mut) else { return };
        if seat.receives != Mode::Mixed {
            return;
        }
        let Some(slot) = seat.slots.iter().position(|slot| slot.kind == Kind::Video) else { return };
        if seat.slots[slot].carries() == Carries::Track(track) {
            return;
        }
        if let Carries::Track(before) = seat.slots[slot].carries()
            && let Some(before) = self.tracks.get_mut(before as usize).and_then(Option::as_deref_mut)
        {
            before.subscribers.retain(|to| to.seat != at || usize::from(to.slot) != slot);
        }
        let Some(stream) = self.tracks.get_mut(track as usize).and_then(Option::as_deref_mut) else { return };
        let line = usize::from(seat.slots[slot].line.0);
        let codec = seat.peer.negotiated().lines.get(line).and_then(|line| line.codec_for(stream.format.as_ref()?));
        let Some(codec) = codec else { return };
        seat.slots[slot].put(track, codec);
        seat.slots[slot].aim(Some(0));
        stream.subscribers.push(Subscriber { seat: at, slot: slot as u8 });
        self.tell_slots(at, now);
    }

    /// A viewer's path, for the composer.
    pub(super) fn tell_bandwidth(&mut self, at: u32) {
        let Some(seat) = self.seat(at).filter(|seat| seat.receives == Mode::Mixed) else { return };
        let (who, estimate, index) = (seat.participant, seat.estimator.estimate(), seat.conference);
        let bandwidth = Bitrate(estimate.0.saturating_sub(2 * MIXER.bitrate.0));
        if let Some(conference) = self.conference_mut(index) {
            conference.mixing.video.with(move |composer| composer.set_bandwidth(who, bandwidth));
        }
    }

    /// A track of composed pictures is over.
    fn end_track(&mut self, track: u32) {
        remove(&mut self.tracks, &mut self.free_tracks, track);
        self.dirty.retain(|other| *other != track);
        for seat in self.seats.iter_mut().flatten() {
            seat.slots.iter_mut().for_each(|slot| slot.forget(track));
        }
    }
}

/// Judges whether a receiver's path carries so little that one mixed stream is better; says whether that changed.
pub(super) fn follow_poverty(seat: &mut Seat) -> bool {
    let limit = if seat.is_poor { ENOUGH } else { LITTLE };
    let is_poor = seat.estimator.estimate() < limit;
    core::mem::replace(&mut seat.is_poor, is_poor) != is_poor
}

/// The codec of a track, as the composer knows it.
fn composable(format: Option<Format>) -> Option<VideoCodec> {
    match format? {
        Format::Vp8 => Some(VideoCodec::Vp8),
        Format::H264 { .. } => Some(VideoCodec::H264),
        Format::Opus { .. } | Format::Vp9 { .. } | Format::Av1 { .. } => None,
    }
}

/// How a receiver looks at a composed picture, if it has a video slot and a codec for it.
fn view_of(seat: &Seat) -> Option<View> {
    let slot = seat.slots.iter().find(|slot| slot.kind == Kind::Video)?;
    let line = seat.peer.negotiated().lines.get(usize::from(slot.line.0))?;
    let codec = if line.codec_for(&Format::Vp8).is_some() {
        VideoCodec::Vp8
    } else {
        line.codec_for(&H264)?;
        VideoCodec::H264
    };
    Some(View { codec, layout: Layout::Auto, quality: Quality::High })
}
