//! An identity's place in a call.

use centrale_model::{EndReason, Identity, LegId, ParticipantRole, ParticipantState, ReceiveMode};
use serde::{Deserialize, Serialize};

use crate::{Rights, Sending};

/// An identity's place in a call, whichever of its devices ring. Who is in a call on two devices has two.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Participant {
    pub(crate) identity: Identity,
    pub(crate) display_name: Option<String>,
    pub(crate) state: ParticipantState,
    pub(crate) sending: Sending,
    /// The device that speaks for it: the caller's from the start, another's from its answer.
    pub(crate) leg: Option<LegId>,
    pub(crate) role: ParticipantRole,
    /// Its hand is up, as the how manyth of the call.
    pub(crate) hand: Option<u32>,
    pub(crate) mute: Mute,
    pub(crate) receives: Option<ReceiveMode>,
    /// The leg that called it; `None` for whoever placed the call or joined it.
    pub(crate) invited_by: Option<LegId>,
    /// It was called when the call was placed, and so gets the context that the caller gave.
    pub(crate) has_context: bool,
    pub(crate) end_reason: Option<EndReason>,
}

/// Whether others muted a participant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Mute {
    /// They did not, or it has unmuted itself since.
    #[default]
    Own,
    /// They did; its client has not said yet that it knows. What it says of an open microphone was said before.
    Imposed,
    /// They did, and its client has muted: when it opens the microphone again, it means it.
    Known,
}

impl Participant {
    pub(crate) fn new(identity: Identity, sending: Sending) -> Participant {
        Participant {
            identity,
            display_name: None,
            state: ParticipantState::Connecting,
            sending,
            leg: None,
            role: ParticipantRole::default(),
            hand: None,
            mute: Mute::default(),
            receives: None,
            invited_by: None,
            has_context: false,
            end_reason: None,
        }
    }

    /// Who.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its name, when it gave one.
    pub fn display_name(&self) -> Option<&str> {
        self.display_name.as_deref()
    }

    /// Where it stands, as the others see it.
    pub fn state(&self) -> ParticipantState {
        self.state
    }

    /// What it sends.
    pub fn sending(&self) -> Sending {
        self.sending
    }

    /// Its device in the call: the caller's from the start, another's once it answered.
    pub fn leg(&self) -> Option<LegId> {
        self.leg
    }

    /// What it may do.
    pub fn role(&self) -> ParticipantRole {
        self.role
    }

    /// What it may send: its role's rights, less its voice while others have muted it.
    pub fn rights(&self) -> Rights {
        let rights = Rights::of(self.role);
        Rights { audio: rights.audio && self.mute == Mute::Own, ..rights }
    }
}
