//! What the exchange tells a conference, and what it hears.
//!
//! Plain data: it crosses the bus as JSON (`media.<node>` is asked; events are published to the node that owns the call).

use centrale_model::{CallId, ParticipantId};
use serde::{Deserialize, Serialize};

/// A conference: the media side of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConferenceId(pub CallId);

/// How a participant receives (`media` of the participant).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Each sender's streams, chosen by what is rendered.
    Forwarded,
    /// One mixed audio and one composed video stream.
    Mixed,
    /// The media processor chooses: mixed for those who can take one stream or little bandwidth, forwarded for others.
    #[default]
    Auto,
}

/// What a track shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Voice.
    Microphone,
    /// A camera picture.
    Camera,
    /// A shared screen.
    Screen,
}

/// What a participant may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rights {
    /// Audio is taken; otherwise it is dropped (muted by others, consumers).
    pub audio: bool,
    /// Camera pictures are taken.
    pub video: bool,
    /// A shared screen is taken.
    pub screen: bool,
    /// Data messages are taken.
    pub data: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Rights = Rights { audio: true, video: true, screen: true, data: true };
}

/// A picture that a receiver renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Want {
    /// Whose.
    pub participant: ParticipantId,
    /// Camera or screen.
    pub source: Source,
    /// Width it is shown at, in pixels of the device.
    pub width: u32,
    /// Height it is shown at, in pixels of the device.
    pub height: u32,
}

/// What the exchange tells the media processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type", rename_all_fields = "camelCase")]
pub enum Command {
    /// Somebody joins, or a joined participant describes itself with a new peer connection (page reload, promotion, the loss of a
    /// worker): the new one takes the old one's place when it is connected. Answered by [`Event::Answered`] or [`Event::Refused`].
    Join {
        /// The call's conference; made when it is not there.
        conference: ConferenceId,
        /// Whose peer connection.
        participant: ParticipantId,
        /// Which peer connection of the participant: a higher one replaces a lower one.
        epoch: u32,
        /// Name drawn into composed pictures.
        display_name: Option<String>,
        /// The SDP offer.
        offer: String,
        /// What it may send.
        rights: Rights,
        /// How it receives.
        mode: Mode,
        /// Plays back to the sender what it said, a few seconds later (B-CALL-12).
        is_echo: bool,
    },
    /// A joined participant describes the same peer connection again (renegotiation, ICE restart). Answered like a join.
    Describe {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
        /// Which peer connection.
        epoch: u32,
        /// The SDP offer.
        offer: String,
    },
    /// A participant leaves; its peer connection ends.
    Leave {
        /// The conference.
        conference: ConferenceId,
        /// Who.
        participant: ParticipantId,
    },
    /// What a participant may send changed (muted by others, role).
    Allow {
        /// The conference.
        conference: ConferenceId,
        /// Who.
        participant: ParticipantId,
        /// What it may send.
        rights: Rights,
    },
    /// How a participant receives changed.
    Receive {
        /// The conference.
        conference: ConferenceId,
        /// Who.
        participant: ParticipantId,
        /// How.
        mode: Mode,
    },
    /// These participants are on everybody's stage, in this order.
    Spotlight {
        /// The conference.
        conference: ConferenceId,
        /// Who; empty: nobody.
        participants: Vec<ParticipantId>,
    },
    /// A participant neither sends nor receives while it holds.
    Hold {
        /// The conference.
        conference: ConferenceId,
        /// Who.
        participant: ParticipantId,
        /// Whether it holds.
        is_held: bool,
    },
    /// The conference is over.
    Close {
        /// The conference.
        conference: ConferenceId,
    },
    /// Who is in a conference, answered by [`Event::Summary`]. For: the switchboard, which makes good what was lost.
    Ask {
        /// The conference.
        conference: ConferenceId,
    },
}

/// Why a join was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusedBecause {
    /// The offer cannot be understood or lacks what is needed (ICE, a fingerprint, BUNDLE).
    BadOffer,
    /// The conference or the worker is full.
    Full,
    /// There is no such conference or participant (for [`Command::Describe`]).
    Unknown,
}

/// Who is in a conference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Participant, its epoch, whether its media path is up.
    pub participants: Vec<(ParticipantId, u32, bool)>,
}

/// What the media processor tells the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// The answer to an offer.
    Answered {
        /// The conference.
        conference: ConferenceId,
        /// Whose offer.
        participant: ParticipantId,
        /// Which peer connection.
        epoch: u32,
        /// The SDP answer, candidates included.
        answer: String,
    },
    /// An offer was not taken.
    Refused {
        /// The conference.
        conference: ConferenceId,
        /// Whose offer.
        participant: ParticipantId,
        /// Which peer connection.
        epoch: u32,
        /// Why.
        because: RefusedBecause,
    },
    /// A media path is up (again).
    Connected {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
        /// Which peer connection.
        epoch: u32,
    },
    /// Nothing has come from a participant for a while; its path may come back.
    Interrupted {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
    },
    /// A participant's peer connection is over: closed by its client, or never finished.
    Gone {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
        /// Which peer connection.
        epoch: u32,
    },
    /// How a participant receives, as the media processor chose it.
    Receives {
        /// The conference.
        conference: ConferenceId,
        /// Who.
        participant: ParticipantId,
        /// Forwarded or mixed.
        mode: Mode,
    },
    /// A conference was lost with its worker: its participants must describe themselves anew.
    Lost {
        /// The conference.
        conference: ConferenceId,
    },
    /// The answer to [`Command::Ask`].
    Summary {
        /// The conference.
        conference: ConferenceId,
        /// Who is in it; nothing when it is not here.
        summary: Option<Summary>,
    },
}
