//! Who receives what: slots are filled when something changed, layers are shared out when paths or streams change.

use core::time::Duration;

use centrale_model::{Bitrate, ParticipantId, Time};

use super::Sfu;
use super::seat::{NO_TRACK, Seat};
use crate::command::Mode;
use crate::forward::Carries;
use crate::forward::allocation::{Candidate, allocate};
use crate::receive::Subscriber;
use crate::sdp::Kind;
use crate::slots::{Offered, place_pictures, place_voices};

/// How often speakers are judged.
///
/// Lower: a speaker is seen sooner; higher: less work in large conferences.
const TICK: Duration = Duration::from_millis(100);

/// Every how many ticks layers are shared out anew, because streams change by themselves; and what wants repair is counted.
const ALLOCATE: u32 = 5;

/// Every how many ticks clients may be told who speaks.
const SPEAKERS: u32 = 2;

/// Every how many ticks clients are told how well all are connected.
const QUALITY: u32 = 50;

/// The least time between two allocations of one receiver, unless its path carries less than what is sent.
const CALM: Duration = Duration::from_millis(250);

/// How many voices are candidates for slots; more than twice the slots that any client offers.
const MOST_VOICES: usize = 40;

/// A voice, as allocation counts it.
const VOICE: Bitrate = Bitrate::from_kilobits(40);

impl Sfu {
    /// Something changed that decides who receives what.
    pub(super) fn stale(&mut self, index: u32, now: Time) {
        if let Some(conference) = self.conference_mut(index) {
            conference.is_stale = true;
            self.wake_conference(index, now);
        }
    }

    /// A conference's deadline has come.
    pub(super) fn tick(&mut self, index: u32, now: Time) {
        let Some(conference) = self.conference_mut(index) else { return };
        let is_regular = now - conference.ticked_at >= TICK;
        if is_regular {
            conference.ticked_at = now;
            conference.ticks = conference.ticks.wrapping_add(1);
            conference.speakers.tick(now);
        }
        let ticks = conference.ticks;
        let next = conference.ticked_at + TICK;
        self.note_jobs(index, now);
        if is_regular && ticks.is_multiple_of(ALLOCATE) {
            self.review(index, now);
        }
        let has_news = is_regular
            && ticks.is_multiple_of(SPEAKERS)
            && self.conference_mut(index).is_some_and(|conference| conference.speakers.take_change());
        if self.conference_mut(index).is_some_and(|conference| core::mem::take(&mut conference.is_stale)) || has_news {
            self.place_all(index, now);
        }
        if has_news {
            self.tell_speakers(index, None, now);
        }
        if is_regular && ticks.is_multiple_of(QUALITY) {
            self.judge_quality(index, now);
        }
        let due = self.conference(index).and_then(|conference| conference.mixing.due()).filter(|due| *due > now);
        self.wake_conference(index, due.map_or(next, |due| due.min(next)));
    }

    /// Streams end by falling silent: what was active and is not any more makes the slots stale. Counts which layers need repair.
    fn review(&mut self, index: u32, now: Time) {
        let seats = self.seats_of(index);
        let mut has_changed = false;
        for at in &seats {
            let Some(seat) = self.seats[*at as usize].as_deref() else { continue };
            for track in &seat.incoming {
                let Some(track) = self.tracks.get_mut(*track as usize).and_then(Option::as_deref_mut) else { continue };
                let is_active = track.is_active(now);
                has_changed |= core::mem::replace(&mut track.was_active, is_active) != is_active;
                track.wanted = 0;
            }
        }
        for at in &seats {
            self.share_out(*at, now);
            has_changed |= self.seat_mut(*at).is_some_and(super::mixing::follow_poverty);
        }
        for at in &seats {
            let Some(seat) = self.seats[*at as usize].as_deref() else { continue };
            for track in &seat.incoming {
                let Some(track) = self.tracks.get_mut(*track as usize).and_then(Option::as_deref_mut) else { continue };
                let wanted = track.wanted | if track.is_heard { u8::MAX } else { 0 };
                for (layer, stream) in track.streams() {
                    if wanted & 1 << layer == 0 {
                        stream.rest();
                    }
                }
                track.wanted = wanted;
            }
        }
        if has_changed && let Some(conference) = self.conference_mut(index) {
            conference.is_stale = true;
        }
    }

    /// The seats that take part.
    pub(super) fn seats_of(&self, index: u32) -> Vec<u32> {
        let Some(conference) = self.conference(index) else { return Vec::new() };
        conference
            .participants
            .values()
            .map(|participant| participant.seat)
            .filter(|at| self.seat(*at).is_some_and(Seat::is_connected))
            .collect()
    }

    /// Fills everybody's slots.
    fn place_all(&mut self, index: u32, now: Time) {
        let Some(conference) = self.conference(index) else { return };
        let mut order: Vec<(ParticipantId, u32)> = Vec::with_capacity(conference.participants.len());
        let mut people: Vec<_> = conference.participants.iter().collect();
        people.sort_by_cached_key(|(who, participant)| conference.order(**who, participant));
        let (mut voices, mut pictures) = (Vec::new(), Vec::new());
        for (who, participant) in people {
            let Some(seat) = self.seat(participant.seat).filter(|seat| seat.is_connected()) else { continue };
            order.push((*who, participant.seat));
            if participant.is_echo {
                continue;
            }
            for at in seat.incoming.iter().copied().filter(|at| *at != NO_TRACK) {
                let Some(track) = self.track(at) else { continue };
                let (true, Some(format)) = (participant.may_send(track.source) && track.is_active(now), track.format)
                else {
                    continue;
                };
                let rank = if track.kind == Kind::Audio { conference.speakers.rank(*who) } else { 0 };
                let offered = Offered { track: at, participant: *who, source: track.source, format, rank };
                if track.kind == Kind::Audio { &mut voices } else { &mut pictures }.push(offered);
            }
        }
        if voices.len() > MOST_VOICES {
            // Whoever is far down the list gets no slot of anybody.
            voices.sort_by_key(|voice| (core::cmp::Reverse(voice.rank), voice.track));
            voices.truncate(MOST_VOICES);
        }
        for (who, at) in order {
            let Some(mode) = self.conference(index).and_then(|c| c.participants.get(&who)).map(|p| p.mode) else {
                continue;
            };
            let others = voices.iter().filter(|voice| voice.participant != who).count();
            if let Some(mode) = self.seat(at).map(|seat| self.mode_of(seat, mode, others)) {
                self.set_mode(at, mode, now);
            }
            self.place(at, who, &voices, &pictures, now);
            self.share_out(at, now);
            self.tell_slots(at, now);
        }
        self.follow_mixing(index, now);
    }

    /// Fills the slots of one receiver.
    fn place(&mut self, at: u32, who: ParticipantId, voices: &[Offered], pictures: &[Offered], now: Time) {
        let Some(seat) = self.seats.get_mut(at as usize).and_then(Option::as_deref_mut) else { return };
        let Some(conference) = self.conferences.get(seat.conference as usize).and_then(Option::as_deref) else {
            return;
        };
        let made = &conference.mixing.made;
        let is_silent = Some(conference)
            .and_then(|conference| conference.participants.get(&who))
            .is_none_or(|participant| participant.is_held || participant.is_echo);
        for kind in [Kind::Audio, Kind::Video] {
            let places: Vec<usize> = (0..seat.slots.len()).filter(|slot| seat.slots[*slot].kind == kind).collect();
            let mut filled: Vec<Option<u32>> = places
                .iter()
                .map(|slot| match seat.slots[*slot].carries() {
                    Carries::Nothing | Carries::Mix => None,
                    Carries::Track(track) => Some(track),
                })
                .collect();
            let is_mixed = seat.receives == Mode::Mixed && !is_silent;
            // What its decoder does not know cannot be given to it.
            let line =
                places.first().and_then(|slot| seat.peer.negotiated().lines.get(usize::from(seat.slots[*slot].line.0)));
            let is_known = |offered: &&Offered| {
                offered.participant != who && line.is_some_and(|line| line.codec_for(&offered.format).is_some())
            };
            let offered = if kind == Kind::Audio { voices } else { pictures };
            let mut offered: Vec<Offered> =
                if is_silent || is_mixed { Vec::new() } else { offered.iter().filter(is_known).copied().collect() };
            match kind {
                Kind::Audio | Kind::Data => place_voices(&mut filled, &mut offered),
                Kind::Video => seat.pictures = place_pictures(&mut filled, &offered, seat.wants.as_deref()),
            }
            for (place, (slot, filled)) in places.into_iter().zip(filled).enumerate() {
                let before = seat.slots[slot].carries();
                let after = match (filled, is_mixed && place == 0, kind) {
                    (Some(track), ..) => Carries::Track(track),
                    (None, true, Kind::Audio) => Carries::Mix,
                    // The composer puts its stream into the first slot by itself.
                    (None, true, _) if made.iter().any(|track| before == Carries::Track(*track)) => before,
                    (None, ..) => Carries::Nothing,
                };
                if before == after {
                    continue;
                }
                if let Carries::Track(track) = before
                    && let Some(track) = self.tracks[track as usize].as_deref_mut()
                {
                    track.subscribers.retain(|to| to.seat != at || usize::from(to.slot) != slot);
                }
                seat.slots[slot].clear();
                if after == Carries::Mix {
                    seat.slots[slot].put_mix();
                }
                if let Carries::Track(index) = after
                    && let Some(track) = self.tracks[index as usize].as_deref_mut()
                    && let Some(format) = track.format
                    && let Some(codec) =
                        seat.peer.negotiated().lines[usize::from(seat.slots[slot].line.0)].codec_for(&format)
                {
                    seat.slots[slot].put(index, codec);
                    track.subscribers.push(Subscriber { seat: at, slot: slot as u8 });
                    if kind == Kind::Audio {
                        seat.slots[slot].aim(Some(0));
                    }
                }
            }
        }
        seat.allocated_at = now;
    }

    /// A receiver's estimate changed: layers are shared out anew, at once when what is sent no longer fits.
    pub(super) fn follow_estimate(&mut self, at: u32, now: Time) {
        let Some(seat) = self.seat_mut(at) else { return };
        let estimate = seat.estimator.estimate();
        seat.pacer.set(estimate, now);
        self.tell_bandwidth(at);
        let Some(seat) = self.seat(at) else { return };
        let is_over = seat.allocated > estimate;
        if is_over || now - seat.allocated_at >= CALM {
            self.share_out(at, now);
        }
        // Feedback is the moment at which a probe may be due.
        let Some(seat) = self.seat_mut(at) else { return };
        if seat.probe.is_none() && seat.wanted > estimate {
            self.wake_seat(at, now);
        }
    }

    /// Shares a receiver's path among the pictures in its slots.
    pub(super) fn share_out(&mut self, at: u32, now: Time) {
        let Some(seat) = self.seats.get_mut(at as usize).and_then(Option::as_deref_mut) else { return };
        seat.allocated_at = now;
        let mut candidates = Vec::with_capacity(seat.pictures.len());
        let mut slots = Vec::with_capacity(seat.pictures.len());
        for chosen in seat.pictures.iter().filter(|_| !seat.is_interrupted) {
            let Some(slot) = seat.slots.iter().position(|slot| slot.carries() == Carries::Track(chosen.track)) else {
                continue;
            };
            let Some(track) = self.tracks.get(chosen.track as usize).and_then(Option::as_deref) else { continue };
            let current = seat.slots[slot].current();
            candidates.push(Candidate { ladder: track.ladder(now), height: chosen.height, current });
            slots.push((slot, chosen.track));
        }
        let voices =
            seat.slots.iter().filter(|slot| slot.kind == Kind::Audio && slot.carries() != Carries::Nothing).count();
        let voices = Bitrate(VOICE.0 * voices as u64);
        let decisions = &mut self.scratch.decisions;
        let sum = allocate(&candidates, seat.estimator.estimate(), voices, decisions);
        seat.allocated = sum.rate;
        seat.wanted = sum.wanted;
        if seat.is_interrupted && seat.receives != Mode::Mixed {
            for slot in seat.slots.iter_mut().filter(|slot| slot.kind == Kind::Video) {
                slot.aim(None);
            }
        }
        let mut asked: Vec<(u32, u8)> = Vec::new();
        for ((slot, track), decision) in slots.into_iter().zip(decisions.iter()) {
            let slot = &mut seat.slots[slot];
            let needs_key = slot.aim(decision.layer) || slot.awaits_key().is_some();
            slot.thin(decision.is_base_only);
            if let Some(track) = self.tracks[track as usize].as_deref_mut() {
                for layer in [slot.current(), slot.target()].into_iter().flatten() {
                    track.wanted |= 1 << layer;
                }
            }
            if let (true, Some(layer)) = (needs_key, decision.layer) {
                asked.push((track, layer));
            }
        }
        for (track, layer) in asked {
            self.want_key(track, layer, now);
        }
    }

    /// Figures of how well everybody is connected, from 5 (best) to 1, of loss and round trip.
    fn judge_quality(&mut self, index: u32, now: Time) {
        let mut figures = Vec::new();
        for at in self.seats_of(index) {
            let Some(seat) = self.seats[at as usize].as_deref() else { continue };
            let receive = figure(seat.estimator.loss(), seat.estimator.round_trip());
            let mut send = 0;
            for track in &seat.incoming {
                let Some(track) = self.tracks.get_mut(*track as usize).and_then(Option::as_deref_mut) else { continue };
                let kind = track.kind;
                for (_, layer) in track.streams().filter(|(_, layer)| layer.is_active(kind, now)) {
                    let trip = layer.round_trip().unwrap_or(seat.estimator.round_trip());
                    let here = figure(layer.lost_share(), trip);
                    send = if send == 0 { here } else { here.min(send) };
                }
            }
            figures.push(super::control::Figure { participant: seat.participant, send, receive });
        }
        self.tell_quality(index, &figures, now);
    }
}

/// Loss in shares and round trips, each worth one step.
fn figure(loss: f64, round_trip: Duration) -> u8 {
    let by_loss = [0.01, 0.03, 0.07, 0.15].iter().filter(|limit| loss > **limit).count();
    let by_trip = [250, 500, 1000].iter().filter(|limit| round_trip > Duration::from_millis(**limit)).count();
    5 - by_loss.max(by_trip) as u8
}
