//! Commands: who joins, leaves, may send what. And what peer connections say of themselves.

use centrale_model::{ParticipantId, Time};

use super::seat::{NO_TRACK, Phase, Seat};
use super::{Sfu, insert, remove};
use crate::command::{Command, ConferenceId, Event, Mode, RefusedBecause, Rights, Source, Summary};
use crate::conference::{Conference, Participant};
use crate::echo::Echo;
use crate::peer::{Config, Output, Peer};
use crate::receive::Track;
use crate::sdp::Kind;

/// A join without its conference.
struct Joining {
    participant: ParticipantId,
    epoch: u32,
    name: Option<String>,
    offer: String,
    rights: Rights,
    mode: Mode,
    is_echo: bool,
}

impl Sfu {
    pub(super) fn obey(&mut self, command: Command, now: Time) {
        match command {
            Command::Join { conference, participant, epoch, display_name, offer, rights, mode, is_echo } => {
                let joining = Joining { participant, epoch, name: display_name, offer, rights, mode, is_echo };
                if let Err(because) = self.join(conference, joining, now) {
                    self.events.push_back(Event::Refused { conference, participant, epoch, because });
                }
            }
            Command::Describe { conference, participant, epoch, offer } => {
                match self.describe(conference, participant, epoch, &offer, now) {
                    Ok(answer) => self.events.push_back(Event::Answered { conference, participant, epoch, answer }),
                    Err(because) => self.events.push_back(Event::Refused { conference, participant, epoch, because }),
                }
            }
            Command::Leave { conference, participant } => {
                if let Some(index) = self.by_id.get(&conference).copied() {
                    self.leave(index, participant, now);
                }
            }
            Command::Allow { conference, participant, rights } => {
                self.change(conference, participant, now, |participant| participant.rights = rights);
            }
            Command::Receive { conference, participant, mode } => {
                self.change(conference, participant, now, |participant| participant.mode = mode);
            }
            Command::Hold { conference, participant, is_held } => {
                self.change(conference, participant, now, |participant| participant.is_held = is_held);
            }
            Command::Spotlight { conference, participants } => {
                if let Some(index) = self.by_id.get(&conference).copied()
                    && let Some(conference) = self.conference_mut(index)
                {
                    conference.spotlight = participants;
                    conference.spotlight.truncate(MAX_SPOTLIGHT);
                    self.stale(index, now);
                }
            }
            Command::Close { conference } => {
                if let Some(index) = self.by_id.get(&conference).copied() {
                    let who: Vec<ParticipantId> =
                        self.conference(index).map(|c| c.participants.keys().copied().collect()).unwrap_or_default();
                    who.into_iter().for_each(|participant| self.leave(index, participant, now));
                }
            }
            Command::Ask { conference } => {
                let summary =
                    self.by_id.get(&conference).and_then(|index| self.conference(*index)).map(|conference| Summary {
                        participants: conference
                            .participants
                            .iter()
                            .filter_map(|(id, participant)| {
                                let seat = self.seat(participant.seat)?;
                                Some((*id, seat.epoch, seat.is_connected()))
                            })
                            .collect(),
                    });
                self.events.push_back(Event::Summary { conference, summary });
            }
        }
    }

    fn join(&mut self, id: ConferenceId, joining: Joining, now: Time) -> Result<(), RefusedBecause> {
        let known = self.by_id.get(&id).copied();
        let present = known.and_then(|index| self.conference(index)?.participants.get(&joining.participant));
        if let Some(present) = present {
            let newest = present.next.unwrap_or(present.seat);
            let seat = self.seat(newest).ok_or(RefusedBecause::Unknown)?;
            if joining.epoch < seat.epoch {
                return Err(RefusedBecause::Unknown);
            }
            if joining.epoch == seat.epoch {
                // The question was repeated because its answer was lost.
                let Phase::Connecting(answer) = &seat.phase else { return Err(RefusedBecause::Unknown) };
                let (participant, epoch, answer) = (joining.participant, joining.epoch, answer.to_string());
                self.events.push_back(Event::Answered { conference: id, participant, epoch, answer });
                return Ok(());
            }
        }
        let count =
            known.and_then(|index| self.conference(index)).map_or(0, |conference| conference.participants.len());
        let is_present = present.is_some();
        if self.peers() >= self.settings.max_peers || (!is_present && count >= self.settings.max_participants) {
            return Err(RefusedBecause::Full);
        }
        let config = Config::new(self.settings.host.clone(), self.chance.bytes());
        let (peer, answer) = Peer::answer(config, &joining.offer, now).map_err(|_| RefusedBecause::BadOffer)?;
        let index = known.unwrap_or_else(|| {
            let index = insert(&mut self.conferences, &mut self.free_conferences, Conference::new(id));
            self.by_id.insert(id, index);
            index
        });
        let mut seat = Seat::new(peer, index, joining.participant, joining.epoch, &mut self.chance, now);
        seat.echo = joining.is_echo.then(|| Box::new(Echo::new()));
        seat.phase = Phase::Connecting(answer.as_str().into());
        let ufrag: Box<str> = seat.peer.ufrag().into();
        let at = insert(&mut self.seats, &mut self.free_seats, seat);
        self.by_ufrag.insert(ufrag, at);
        self.enlist(index, at, joining);
        self.describe_tracks(at);
        self.drain(at, now);
        self.follow_transport(at);
        if let Some(seat) = self.seat(at) {
            let (participant, epoch) = (seat.participant, seat.epoch);
            self.events.push_back(Event::Answered { conference: id, participant, epoch, answer });
        }
        self.wake_conference(index, now);
        Ok(())
    }

    /// Enters a seat into its conference: as a participant's first, in place of one that never connected, or as the next.
    fn enlist(&mut self, index: u32, at: u32, joining: Joining) {
        let Some(conference) = self.conferences.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let Some(present) = conference.participants.get_mut(&joining.participant) else {
            let number = conference.number();
            let participant = Participant {
                seat: at,
                next: None,
                rights: joining.rights,
                mode: joining.mode,
                name: joining.name,
                is_held: false,
                is_echo: joining.is_echo,
                number,
            };
            conference.participants.insert(joining.participant, participant);
            return;
        };
        present.rights = joining.rights;
        present.mode = joining.mode;
        present.name = joining.name;
        let is_up = self.seats[present.seat as usize].as_deref().is_some_and(Seat::is_connected);
        let over = if is_up {
            present.next.replace(at)
        } else {
            present.next.take().into_iter().for_each(|next| debug_assert!(next != at));
            Some(core::mem::replace(&mut present.seat, at))
        };
        if let Some(over) = over {
            self.end_seat(over);
        }
    }

    fn describe(
        &mut self,
        id: ConferenceId,
        participant: ParticipantId,
        epoch: u32,
        offer: &str,
        now: Time,
    ) -> Result<String, RefusedBecause> {
        let unknown = RefusedBecause::Unknown;
        let index = self.by_id.get(&id).copied().ok_or(unknown)?;
        let present = self.conference(index).and_then(|c| c.participants.get(&participant)).ok_or(unknown)?;
        let at = [Some(present.seat), present.next]
            .into_iter()
            .flatten()
            .find(|at| self.seat(*at).is_some_and(|seat| seat.epoch == epoch))
            .ok_or(unknown)?;
        let chance = &mut self.chance;
        let seat = self.seats[at as usize].as_deref_mut().ok_or(unknown)?;
        let before: Box<str> = seat.peer.ufrag().into();
        let answer = seat.peer.redescribe(offer, now).map_err(|_| RefusedBecause::BadOffer)?;
        seat.describe_slots(chance);
        let mut incoming = seat.incoming.to_vec();
        incoming.resize(seat.peer.negotiated().lines.len(), NO_TRACK);
        seat.incoming = incoming.into();
        let ufrag: Box<str> = seat.peer.ufrag().into();
        // Checks by the name before are still taken, by those before that one not.
        self.by_ufrag.retain(|name, other| *other != at || *name == before);
        self.by_ufrag.insert(ufrag, at);
        self.describe_tracks(at);
        self.drain(at, now);
        self.follow_transport(at);
        self.stale(index, now);
        Ok(answer)
    }

    /// Gives each line on which the other side may send a track, keeping those that are there.
    fn describe_tracks(&mut self, at: u32) {
        let Some(seat) = self.seats.get_mut(at as usize).and_then(Option::as_deref_mut) else { return };
        for (line, kind, source) in seat.sources() {
            let place = &mut seat.incoming[usize::from(line.0)];
            if *place == NO_TRACK {
                let mut track = Track::new(at, seat.participant, source, kind);
                track.is_heard = seat.echo.is_some() && kind == Kind::Audio;
                *place = insert(&mut self.tracks, &mut self.free_tracks, track);
            }
        }
        self.follow_rights(at);
    }

    /// Whether packets of a seat's tracks are taken.
    fn follow_rights(&mut self, at: u32) {
        let Some(seat) = self.seat(at) else { return };
        let Some(participant) =
            self.conferences[seat.conference as usize].as_deref().and_then(|c| c.participants.get(&seat.participant))
        else {
            return;
        };
        let allowed = [Source::Microphone, Source::Camera, Source::Screen].map(|source| participant.may_send(source));
        for track in seat.incoming.clone() {
            if let Some(track) = self.track_mut(track) {
                track.is_allowed = allowed[track.source as usize];
            }
        }
    }

    fn change(&mut self, id: ConferenceId, who: ParticipantId, now: Time, change: impl FnOnce(&mut Participant)) {
        let Some(index) = self.by_id.get(&id).copied() else { return };
        let Some(participant) = self.conference_mut(index).and_then(|c| c.participants.get_mut(&who)) else { return };
        change(participant);
        let seats = [Some(participant.seat), participant.next];
        seats.into_iter().flatten().for_each(|at| self.follow_rights(at));
        self.stale(index, now);
    }

    /// A participant is gone, with all its peer connections; the last one takes the conference with it.
    fn leave(&mut self, index: u32, who: ParticipantId, now: Time) {
        let Some(conference) = self.conference_mut(index) else { return };
        let Some(participant) = conference.participants.remove(&who) else { return };
        conference.speakers.remove(who);
        self.end_messages(index, who, None, now);
        for at in [Some(participant.seat), participant.next].into_iter().flatten() {
            if let Some(seat) = self.seat_mut(at) {
                // Whoever is told by signalling only later sees the end at once.
                seat.peer.close(now);
                self.flush(at);
            }
            self.end_seat(at);
        }
        self.stale(index, now);
        self.close_if_empty(index);
    }

    fn close_if_empty(&mut self, index: u32) {
        if self.conference(index).is_some_and(|conference| conference.participants.is_empty())
            && let Some(conference) = remove(&mut self.conferences, &mut self.free_conferences, index)
        {
            self.by_id.remove(&conference.id);
            for track in conference.mixing.made {
                remove(&mut self.tracks, &mut self.free_tracks, track);
                self.dirty.retain(|other| *other != track);
            }
        }
    }

    /// Forgets a peer connection and everything that points to it.
    fn end_seat(&mut self, at: u32) {
        let Some(seat) = remove(&mut self.seats, &mut self.free_seats, at) else { return };
        self.by_address.remove_seat(at);
        self.by_ufrag.retain(|_, other| *other != at);
        for track in self.tracks.iter_mut().flatten() {
            track.subscribers.retain(|to| to.seat != at);
        }
        for gone in seat.incoming.iter().copied().filter(|track| *track != NO_TRACK) {
            remove(&mut self.tracks, &mut self.free_tracks, gone);
            self.dirty.retain(|track| *track != gone);
            for other in self.seats.iter_mut().flatten().filter(|other| other.conference == seat.conference) {
                other.slots.iter_mut().for_each(|slot| slot.forget(gone));
                other.pictures.retain(|chosen| chosen.track != gone);
            }
        }
    }

    /// Datagrams of a peer connection that is about to end.
    fn flush(&mut self, at: u32) {
        let Some(seat) = self.seats.get_mut(at as usize).and_then(Option::as_deref_mut) else { return };
        while let Some(output) = seat.peer.poll() {
            if let Output::Transmit { to, bytes } = output {
                self.outbox.add(to, &bytes);
            }
        }
    }

    /// Does what a peer connection says, until it says nothing.
    pub(super) fn drain(&mut self, at: u32, now: Time) {
        while let Some(output) = self.seat_mut(at).and_then(|seat| seat.peer.poll()) {
            match output {
                Output::Transmit { to, bytes } => self.outbox.add(to, &bytes),
                Output::Reachable(address) => self.by_address.insert(address, at),
                Output::Forgotten(address) => {
                    if self.by_address.find(address) == Some(at) {
                        self.by_address.remove(address);
                    }
                }
                Output::PathChanged(_) => {}
                Output::Connected => self.connected(at, now),
                Output::Interrupted => {
                    self.interrupt(at, true, now);
                    if let Some((conference, participant, _)) = self.place_of(at) {
                        self.events.push_back(Event::Interrupted { conference, participant });
                    }
                }
                Output::Resumed => {
                    self.interrupt(at, false, now);
                    if let Some((conference, participant, epoch)) = self.place_of(at) {
                        self.events.push_back(Event::Connected { conference, participant, epoch });
                    }
                }
                Output::ChannelOpened(opened) => self.channel_opened(at, opened, now),
                Output::ChannelMessage { channel, message } => self.channel_message(at, channel, message, now),
                Output::ChannelDrained(_) => self.channel_drained(at, now),
                Output::ChannelClosed(channel) => self.channel_closed(at, channel, now),
                Output::Closed(_) => {
                    self.gone(at, now);
                    return;
                }
            }
        }
    }

    /// Pictures are not sent into the void.
    fn interrupt(&mut self, at: u32, is_interrupted: bool, now: Time) {
        if let Some(seat) = self.seat_mut(at) {
            seat.is_interrupted = is_interrupted;
            self.share_out(at, now);
        }
    }

    fn place_of(&self, at: u32) -> Option<(ConferenceId, ParticipantId, u32)> {
        let seat = self.seat(at)?;
        Some((self.conference(seat.conference)?.id, seat.participant, seat.epoch))
    }

    /// A path is up; a peer connection that waited for this takes the place of the one before.
    fn connected(&mut self, at: u32, now: Time) {
        let Some(seat) = self.seat_mut(at) else { return };
        seat.phase = Phase::Connected;
        seat.reports_at = now;
        let (index, who) = (seat.conference, seat.participant);
        if let Some((conference, participant, epoch)) = self.place_of(at) {
            self.events.push_back(Event::Connected { conference, participant, epoch });
        }
        let Some(conference) = self.conference_mut(index) else { return };
        conference.speakers.add(who, now);
        let Some(participant) = conference.participants.get_mut(&who) else { return };
        if participant.next == Some(at) {
            participant.next = None;
            let over = core::mem::replace(&mut participant.seat, at);
            if let Some(seat) = self.seat_mut(over) {
                seat.peer.close(now);
                self.flush(over);
            }
            self.end_seat(over);
        }
        self.wake_seat(at, now);
        self.stale(index, now);
    }

    /// A peer connection is over by itself.
    fn gone(&mut self, at: u32, now: Time) {
        let place = self.place_of(at);
        let Some(seat) = self.seat(at) else { return };
        let (index, who) = (seat.conference, seat.participant);
        if let Some((conference, participant, epoch)) = place {
            self.events.push_back(Event::Gone { conference, participant, epoch });
        }
        self.end_seat(at);
        let Some(conference) = self.conference_mut(index) else { return };
        if let Some(participant) = conference.participants.get_mut(&who) {
            match participant.next.take() {
                Some(next) if next == at => {}
                // The old one ended before the new one is up: that one alone is left.
                Some(next) if participant.seat == at => participant.seat = next,
                other => {
                    participant.next = other;
                    if participant.seat == at {
                        conference.participants.remove(&who);
                        conference.speakers.remove(who);
                    }
                }
            }
        }
        if !self.conference(index).is_some_and(|conference| conference.participants.contains_key(&who)) {
            self.end_messages(index, who, None, now);
        }
        self.stale(index, now);
        self.close_if_empty(index);
    }
}

/// The most participants on the stage.
const MAX_SPOTLIGHT: usize = 16;
