//! Who is mixed, and for whom: the conference's side of the mixer, and the work that is handed out.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use centrale_model::{Bitrate, ParticipantId, Time};

use super::Sfu;
use super::composing::{composable, view_of};
use super::seat::{NO_TRACK, Seat};
use super::sending::write_generated;
use crate::command::{Event, Mode, Source};
use crate::forward::Carries;
use crate::mix::{AudioFormat, AudioPacket, Composer, Mixed, Mixer, MixerSettings, VideoPacket, View};
use crate::mixing::{Job, Work};
use crate::receive::Kept;
use crate::sdp::Kind;

/// How the voices of a conference are encoded. At this complexity a core carries some hundred listeners who speak; see the mixer.
pub(super) const MIXER: MixerSettings =
    MixerSettings { complexity: 6, bitrate: Bitrate::from_kilobits(32), max_voices: None, is_discontinuous: true };

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
}

/// Judges whether a receiver's path carries so little that one mixed stream is better; says whether that changed.
pub(super) fn follow_poverty(seat: &mut Seat) -> bool {
    let limit = if seat.is_poor { ENOUGH } else { LITTLE };
    let is_poor = seat.estimator.estimate() < limit;
    core::mem::replace(&mut seat.is_poor, is_poor) != is_poor
}
