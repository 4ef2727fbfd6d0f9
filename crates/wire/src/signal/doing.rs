//! What a client does in a call.

use centrale_model::{Identity, ParticipantId, ReceiveMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Candidates, Description, MediaReport, Sending, TransferTarget};

/// One thing that a client does in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::large_enum_variant, reason = "at most 32 live at once, and shortly")]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Signal {
    /// The device alerts its user.
    Ringing,
    /// The user answered here.
    Accept {
        /// The answer to the caller's offer, in a call between two.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Description>,
        /// This device's offer, in a conference; the answer comes as [`Event::Conference`](super::Event::Conference).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offer: Option<Description>,
        /// What this device sends.
        #[serde(default)]
        sending: Sending,
    },
    /// The user declined here.
    Decline {
        /// Because of another call, decided by the client.
        #[serde(default)]
        busy: bool,
    },
    /// The user left, or gave up calling.
    HangUp {
        /// End the call for everyone.
        #[serde(default)]
        for_everyone: bool,
    },
    /// A description for the other side; in a conference an offer for the media processor.
    Describe {
        /// Offer or answer.
        description: Description,
    },
    /// Candidates for the other side.
    Candidates {
        /// The candidates.
        candidates: Candidates,
    },
    /// What this device sends changed.
    Sending {
        /// What it sends.
        sending: Sending,
    },
    /// Hold.
    Hold,
    /// No longer hold.
    Resume,
    /// Ask the other side to call somebody else.
    Transfer {
        /// Whom.
        target: TransferTarget,
    },
    /// Call somebody else into this call. A call between two becomes a group call by it (B-TYPE-5).
    AddParticipant {
        /// Whom.
        identity: Identity,
        /// Caller id for calls to telephones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alternate_caller_id: Option<String>,
    },
    /// Take somebody out of a group call, or stop calling it. One of the two fields.
    RemoveParticipant {
        /// One device's place in the call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        /// Everything of somebody: all its devices, and what still rings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Identity>,
    },
    /// Mute others in a group call (B-CALL-6).
    MuteOthers {
        /// Whom; absent: all others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participants: Option<Vec<ParticipantId>>,
    },
    /// Raise the own hand, or lower it.
    RaiseHand {
        /// Up or down.
        raised: bool,
    },
    /// Lower the hands of others.
    LowerHands {
        /// Whose; absent: everybody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participants: Option<Vec<ParticipantId>>,
    },
    /// Put participants of a group call on everybody's stage, or take them off it.
    Spotlight {
        /// Who; absent with `on: false`: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participants: Option<Vec<ParticipantId>>,
        /// On the stage or off.
        on: bool,
    },
    /// How this device wants to receive in a conference.
    Receive {
        /// How.
        mode: ReceiveMode,
    },
    /// Move a call between two to the media processor without adding anybody (B-TOPO-2).
    Convene,
    /// How the media path is.
    Media {
        /// What the client sees.
        report: MediaReport,
    },
}
