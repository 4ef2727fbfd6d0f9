//! What a client is told of its calls.

use centrale_model::{CallId, CallState, EndReason, Identity, ParticipantId, TransferState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Signal;
use super::{Candidates, Description, Incoming, Participant, TransferTarget};

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A call rings here.
    IncomingCall(Box<Incoming>),
    /// A device of the callee alerts (to the caller).
    Ringing {
        /// The call.
        call_id: CallId,
    },
    /// The callee answered (to the caller).
    Accepted {
        /// The call.
        call_id: CallId,
        /// Who answered.
        callee: Participant,
        /// The answer to the offer.
        answer: Description,
    },
    /// This device is in the call (to the device that accepted).
    Joined {
        /// The call.
        call_id: CallId,
    },
    /// The call is over for this device. Nothing more comes about it.
    Ended {
        /// The call.
        call_id: CallId,
        /// Why.
        reason: EndReason,
    },
    /// The media processor's answer to this device's offer. What was joined or placed has it in its response instead.
    Conference {
        /// The call.
        call_id: CallId,
        /// The answer.
        description: Description,
    },
    /// Media goes to the media processor from now on: build a peer connection of this epoch and [`Signal::Describe`] an offer of it.
    ///
    /// Nothing to do for a client that has one of this epoch or a higher one. Where there is another peer connection that works it goes on
    /// until [`Event::Convened`].
    Convene {
        /// The call.
        call_id: CallId,
        /// Which peer connection of this device.
        epoch: u32,
        /// The call is a group call.
        is_group: bool,
    },
    /// All who moved to the media processor are there: the peer connection before this epoch may go.
    Convened {
        /// The call.
        call_id: CallId,
        /// The epoch of this device's peer connection to the media processor.
        epoch: u32,
    },
    /// The move to the media processor came to nothing: what was built for it may go, the peer connection of this epoch goes on.
    Adjourned {
        /// The call.
        call_id: CallId,
        /// The epoch of the peer connection that goes on.
        epoch: u32,
    },
    /// Somebody muted this participant: mute the microphone and say so ([`Signal::Sending`]); only then an unmute counts.
    MutedByOthers {
        /// The call.
        call_id: CallId,
        /// Who did.
        by: ParticipantId,
    },
    /// The other side describes itself.
    Description {
        /// The call.
        call_id: CallId,
        /// Who.
        from: ParticipantId,
        /// Offer or answer.
        description: Description,
    },
    /// The other side's candidates.
    Candidates {
        /// The call.
        call_id: CallId,
        /// Who.
        from: ParticipantId,
        /// Its candidates.
        candidates: Candidates,
    },
    /// Several participants changed, or, to a device that has just come in, everybody else.
    Participants {
        /// The call.
        call_id: CallId,
        /// How they are.
        participants: Vec<Participant>,
    },
    /// A participant changed; also this device's own, when others changed it (`participantId` tells).
    Participant {
        /// The call.
        call_id: CallId,
        /// How it is.
        participant: Participant,
    },
    /// The call's state for this device changed between connected, local hold and remote hold.
    State {
        /// The call.
        call_id: CallId,
        /// How it is.
        state: CallState,
    },
    /// Please call somebody else instead (to the transferee): place a call to the target with `transferOf`.
    TransferRequested {
        /// The call.
        call_id: CallId,
        /// Number of the transfer in this call.
        transfer: u32,
        /// Who asks.
        transferor: Identity,
        /// Whom to call.
        target: TransferTarget,
    },
    /// How a transfer goes (to the transferor).
    Transfer {
        /// The call.
        call_id: CallId,
        /// Number of the transfer in this call.
        transfer: u32,
        /// Where it stands.
        state: TransferState,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<EndReason>,
    },
}
