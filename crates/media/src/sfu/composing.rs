//! Composed pictures: what the composer is told, what it reads, and how what it makes becomes a track.

use std::collections::{BTreeMap, BTreeSet};

use centrale_model::{Bitrate, ParticipantId, Time};

use super::mixing::MIXER;
use super::seat::{NO_TRACK, Seat};
use super::{Sfu, insert, remove};
use crate::command::{Mode, Source};
use crate::forward::Carries;
use crate::mix::{Composed, Composer, ComposerSettings, Layout, Quality, VideoCodec, View};
use crate::receive::{Subscriber, Track};
use crate::sdp::{Format, Kind};

/// How composed pictures are made: payloads leave room for headers in 1,200 bytes.
const COMPOSER: ComposerSettings = ComposerSettings { frame_rate: 25, max_payload: 1100 };

/// What a composed stream of H.264 is.
const H264: Format = Format::H264 { packetization_mode: 1, profile: [0x42, 0xe0, 0x1f] };

impl Sfu {
    pub(super) fn tell_composer(
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
    pub(super) fn feed_composer(&mut self, index: u32, now: Time) {
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

    pub(super) fn send_composed(&mut self, index: u32, composed: Composed, used: &mut Vec<u32>, now: Time) {
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

/// The codec of a track, as the composer knows it.
pub(super) fn composable(format: Option<Format>) -> Option<VideoCodec> {
    match format? {
        Format::Vp8 => Some(VideoCodec::Vp8),
        Format::H264 { .. } => Some(VideoCodec::H264),
        Format::Opus { .. } | Format::Vp9 { .. } | Format::Av1 { .. } => None,
    }
}

/// How a receiver looks at a composed picture, if it has a video slot and a codec for it.
pub(super) fn view_of(seat: &Seat) -> Option<View> {
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
