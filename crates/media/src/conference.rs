//! The media side of one call: who is in it, who may send what, who spoke.

use std::collections::BTreeMap;

use centrale_model::{ParticipantId, Time};

use crate::command::{ConferenceId, Mode, Rights, Source};
use crate::mixing::Mixing;
use crate::speakers::Speakers;

/// Somebody who joined.
#[derive(Debug)]
pub(crate) struct Participant {
    /// Its peer connection: the connected one, or the first while it connects.
    pub(crate) seat: u32,
    /// One that will take its place when it is connected.
    pub(crate) next: Option<u32>,
    pub(crate) rights: Rights,
    pub(crate) mode: Mode,
    /// Name drawn into composed pictures.
    pub(crate) name: Option<String>,
    pub(crate) is_held: bool,
    pub(crate) is_echo: bool,
    /// Number in order of joining.
    pub(crate) number: u32,
}

impl Participant {
    /// Whether what it sends from a source is taken.
    pub(crate) fn may_send(&self, source: Source) -> bool {
        !self.is_held
            && match source {
                Source::Microphone => self.rights.audio,
                Source::Camera => self.rights.video,
                Source::Screen => self.rights.screen,
            }
    }
}

/// A conference.
#[derive(Debug)]
pub(crate) struct Conference {
    pub(crate) id: ConferenceId,
    pub(crate) participants: BTreeMap<ParticipantId, Participant>,
    pub(crate) speakers: Speakers,
    /// On everybody's stage, in order.
    pub(crate) spotlight: Vec<ParticipantId>,
    /// Something changed that decides who receives what.
    pub(crate) is_stale: bool,
    /// When it is called again.
    pub(crate) wake: Time,
    pub(crate) ticks: u32,
    pub(crate) ticked_at: Time,
    /// Mixed voices and composed pictures.
    pub(crate) mixing: Mixing,
    joined: u32,
}

impl Conference {
    pub(crate) fn new(id: ConferenceId) -> Conference {
        Conference {
            id,
            participants: BTreeMap::new(),
            speakers: Speakers::default(),
            spotlight: Vec::new(),
            is_stale: false,
            wake: Time::FOREVER,
            ticks: 0,
            ticked_at: Time::ZERO,
            mixing: Mixing::new(),
            joined: 0,
        }
    }

    /// The next number in order of joining.
    pub(crate) fn number(&mut self) -> u32 {
        self.joined += 1;
        self.joined
    }

    /// Where a participant stands when a receiver does not say what it renders: spotlight, then who spoke last, then who joined first.
    pub(crate) fn order(&self, who: ParticipantId, participant: &Participant) -> (usize, usize, u32) {
        let place = |list: &[ParticipantId]| list.iter().position(|other| *other == who).unwrap_or(usize::MAX);
        (place(&self.spotlight), place(self.speakers.dominant()), participant.number)
    }
}
