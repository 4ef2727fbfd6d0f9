//! The control channel: what fills the slots, who speaks, what is rendered.
//!
//! JSON text on the data channel that both sides know without opening it. Unknown types are ignored; messages that are too long or too
//! many are dropped.

use centrale_model::{ParticipantId, Time};
use serde::{Deserialize, Serialize};

use super::Sfu;
use crate::command::{Mode, Source, Want};
use crate::data::{CONTROL, Message};
use crate::forward::Carries;

/// The longest message that is read, in bytes.
const MAX_MESSAGE: usize = 16 << 10;

/// The most wishes of a receiver: nine cameras and one screen.
const MAX_WANTS: usize = 10;

/// The most messages in a second.
const MAX_RATE: u32 = 50;

/// What one client was told last, and how fast it speaks.
#[derive(Debug, Default)]
pub(super) struct Control {
    is_open: bool,
    /// What it was told last, so that nothing is said twice; also what is said again after the channel was full.
    slots: Option<Vec<Place>>,
    is_full: bool,
    second: u64,
    count: u32,
}

/// One filled slot as a client is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    mid: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<ParticipantId>,
    source: Shown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Shown {
    Microphone,
    Camera,
    Screen,
    Mix,
    Composition,
}

/// What a client is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
enum Told<'a> {
    Slots { slots: &'a [Place] },
    Speakers { dominant: &'a [ParticipantId], speaking: &'a [ParticipantId] },
    Mode { mode: Mode },
    Quality { participants: &'a [Figure] },
}

/// How well a participant is connected: 5 is best, 0 unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figure {
    pub(super) participant: ParticipantId,
    pub(super) send: u8,
    pub(super) receive: u8,
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
enum Said {
    Want {
        videos: Vec<Want>,
    },
    #[serde(other)]
    Unknown,
}

impl Sfu {
    /// The control channel is open: the client is told everything.
    pub(super) fn control_opened(&mut self, at: u32, now: Time) {
        let Some(seat) = self.seat_mut(at) else { return };
        seat.control.is_open = true;
        seat.control.slots = None;
        let (index, mode) = (seat.conference, seat.receives);
        self.tell(at, &Told::Mode { mode }, now);
        self.tell_slots(at, now);
        self.tell_speakers(index, Some(at), now);
    }

    /// There is room in channels again.
    pub(super) fn control_drained(&mut self, at: u32, now: Time) {
        if self.seat_mut(at).is_some_and(|seat| core::mem::take(&mut seat.control.is_full)) {
            self.tell_slots(at, now);
        }
    }

    /// A message of the client.
    pub(super) fn control_message(&mut self, at: u32, message: &Message, now: Time) {
        let Some(seat) = self.seat_mut(at) else { return };
        if message.bytes.len() > MAX_MESSAGE || !seat.control.may_speak(now) {
            return;
        }
        match serde_json::from_slice(&message.bytes) {
            Ok(Said::Want { mut videos }) => {
                videos.truncate(MAX_WANTS);
                videos.retain(|want| want.source != Source::Microphone);
                seat.wants = Some(videos);
                let conference = seat.conference;
                self.stale(conference, now);
            }
            Ok(Said::Unknown) | Err(_) => {}
        }
    }

    /// Tells a client what its slots carry, if that is news.
    pub(super) fn tell_slots(&mut self, at: u32, now: Time) {
        let Some(seat) = self.seat(at).filter(|seat| seat.control.is_open) else { return };
        let lines = &seat.peer.negotiated().lines;
        let mut places = Vec::with_capacity(seat.slots.len());
        for slot in &seat.slots {
            let mid = lines.get(usize::from(slot.line.0)).map(|line| line.mid.clone()).unwrap_or_default();
            match slot.carries() {
                Carries::Nothing => {}
                Carries::Mix => places.push(Place { mid, participant: None, source: Shown::Mix }),
                Carries::Track(track) => {
                    let Some(track) = self.track(track) else { continue };
                    if track.made_by.is_some() {
                        places.push(Place { mid, participant: None, source: Shown::Composition });
                        continue;
                    }
                    let source = match track.source {
                        Source::Microphone => Shown::Microphone,
                        Source::Camera => Shown::Camera,
                        Source::Screen => Shown::Screen,
                    };
                    places.push(Place { mid, participant: Some(track.participant), source });
                }
            }
        }
        if seat.control.slots.as_ref() == Some(&places) {
            return;
        }
        if self.tell(at, &Told::Slots { slots: &places }, now)
            && let Some(seat) = self.seat_mut(at)
        {
            seat.control.slots = Some(places);
        }
    }

    /// Tells everybody (or one client) who speaks.
    pub(super) fn tell_speakers(&mut self, index: u32, only: Option<u32>, now: Time) {
        let Some(conference) = self.conference(index) else { return };
        let dominant = conference.speakers.dominant().to_vec();
        let speaking: Vec<ParticipantId> = conference.speakers.speaking().collect();
        self.tell_all(index, only, &Told::Speakers { dominant: &dominant, speaking: &speaking }, now);
    }

    /// Tells everybody how well everybody is connected.
    pub(super) fn tell_quality(&mut self, index: u32, participants: &[Figure], now: Time) {
        self.tell_all(index, None, &Told::Quality { participants }, now);
    }

    /// Tells a client how it receives at present.
    pub(super) fn tell_mode(&mut self, at: u32, now: Time) {
        let Some(mode) = self.seat(at).map(|seat| seat.receives) else { return };
        self.tell(at, &Told::Mode { mode }, now);
    }

    fn tell_all(&mut self, index: u32, only: Option<u32>, told: &Told<'_>, now: Time) {
        let text = text(told);
        let seats: Vec<u32> = match only {
            Some(at) => vec![at],
            None => {
                self.conference(index).map(|c| c.participants.values().map(|p| p.seat).collect()).unwrap_or_default()
            }
        };
        for at in seats {
            self.say(at, &text, now);
        }
    }

    fn tell(&mut self, at: u32, told: &Told<'_>, now: Time) -> bool {
        self.say(at, &text(told), now)
    }

    /// Says something; a client that does not take it is told the state of its slots when it does again.
    fn say(&mut self, at: u32, text: &[u8], now: Time) -> bool {
        let Some(seat) = self.seat_mut(at).filter(|seat| seat.control.is_open) else { return false };
        let is_said = seat.peer.send(CONTROL, true, text, now).is_ok();
        seat.control.is_full |= !is_said;
        self.follow_transport(at);
        is_said
    }
}

fn text(told: &Told<'_>) -> Vec<u8> {
    serde_json::to_vec(told).expect("plain data with text keys is JSON")
}

impl Control {
    fn may_speak(&mut self, now: Time) -> bool {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.count = 0;
        }
        self.count += 1;
        self.count <= MAX_RATE
    }
}
