//! The words between a call and its conference: what the call orders, what the media processor says of it.
//!
//! The call knows neither where the media processor is nor how it works. Whoever hosts the call carries orders there, one after the
//! other, and brings back what is said. Orders may be carried twice; what is said may come late, twice or never: then
//! [`Heard::Summary`] makes good what was lost.

use centrale_model::{ParticipantId, ParticipantRole, ReceiveMode};
use serde::{Deserialize, Serialize};

use crate::{Sealed, Sending};

/// What a participant may send in a conference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rights {
    /// Voice is taken.
    pub audio: bool,
    /// Camera pictures are taken.
    pub video: bool,
    /// A shared screen is taken.
    pub screen: bool,
    /// Data messages are taken.
    pub data: bool,
}

impl Rights {
    /// What a role may send (B-ROOM-3).
    pub fn of(role: ParticipantRole) -> Rights {
        let (sends, screen) = match role {
            ParticipantRole::Presenter | ParticipantRole::Collaborator => (true, true),
            ParticipantRole::Attendee => (true, false),
            ParticipantRole::Consumer => (false, false),
        };
        Rights { audio: sends, video: sends, screen, data: sends }
    }

    /// As much of `sending` as is permitted.
    pub(crate) fn clamp(self, sending: Sending) -> Sending {
        Sending {
            muted: sending.muted || !self.audio,
            video: sending.video && self.video,
            screen: sending.screen && self.screen,
        }
    }
}

/// Why an input changes nothing ([`Call::permits`](crate::Call::permits)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forbidden {
    /// Its role does not permit it.
    ByRole,
    /// This call does not have it: it is between two, or not in a conference, or not answered yet.
    HereAndNow,
    /// The call has as many participants as it may have.
    Full,
    /// The offer is of a peer connection that is over: offer with a higher epoch than this.
    Stale(u32),
}

/// What a call orders of the media processor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Take somebody in, or its new peer connection: answered by [`Heard::Answered`] or [`Heard::Refused`] of the same epoch.
    Admit {
        /// Its place in the call.
        place: ParticipantId,
        /// Which peer connection.
        epoch: u32,
        /// The name in composed pictures.
        display_name: Option<String>,
        /// The offer.
        offer: Sealed,
        /// What it may send.
        rights: Rights,
        /// How it wants to receive.
        mode: ReceiveMode,
        /// Plays back what it said (B-CALL-12).
        is_echo: bool,
    },
    /// Take another offer of the peer connection that is there. Answered like `Admit`.
    Describe {
        /// Whose.
        place: ParticipantId,
        /// Which peer connection.
        epoch: u32,
        /// The offer.
        offer: Sealed,
    },
    /// Somebody is out.
    Expel(ParticipantId),
    /// What somebody may send.
    Allow(ParticipantId, Rights),
    /// How somebody wants to receive.
    Receive(ParticipantId, ReceiveMode),
    /// Whether somebody neither sends nor receives.
    Hold(ParticipantId, bool),
    /// Who is on everybody's stage, in order.
    Spotlight(Vec<ParticipantId>),
    /// The conference is over.
    Close,
}

/// Why an offer was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// It cannot be understood.
    BadOffer,
    /// No room.
    Full,
    /// There is no such conference or peer connection (for [`Order::Describe`]).
    Unknown,
    /// No media processor answers.
    Unreachable,
}

/// What the media processor says of a conference, or its carrier finds out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Heard {
    /// The answer to an offer.
    Answered {
        /// Whose offer.
        place: ParticipantId,
        /// Of which peer connection.
        epoch: u32,
        /// The answer.
        answer: Sealed,
    },
    /// An offer was not taken.
    Refused {
        /// Whose offer.
        place: ParticipantId,
        /// Of which peer connection.
        epoch: u32,
        /// Why.
        because: Refusal,
    },
    /// A media path is up.
    Connected {
        /// Whose.
        place: ParticipantId,
        /// Which peer connection.
        epoch: u32,
    },
    /// Nothing comes from somebody at the moment.
    Interrupted(ParticipantId),
    /// A peer connection is over.
    Gone {
        /// Whose.
        place: ParticipantId,
        /// Which.
        epoch: u32,
    },
    /// How somebody receives: forwarded or mixed.
    Receives(ParticipantId, ReceiveMode),
    /// The conference is gone with all that was in it.
    Lost,
    /// Orders could not be carried and were dropped: they are given again.
    Dropped,
    /// Who is in the conference: place, epoch, whether its path is up. `None`: there is no conference.
    Summary(Option<Vec<(ParticipantId, u32, bool)>>),
}
