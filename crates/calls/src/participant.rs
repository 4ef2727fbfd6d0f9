//! An identity's place in a call.

use centrale_model::{Identity, LegId, ParticipantState};
use serde::{Deserialize, Serialize};

use crate::Sending;

/// An identity's place in a call, whichever of its devices ring.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Participant {
    pub(crate) identity: Identity,
    pub(crate) display_name: Option<String>,
    pub(crate) state: ParticipantState,
    pub(crate) sending: Sending,
    /// The device that speaks for it: the caller's from the start, the callee's from the answer.
    pub(crate) leg: Option<LegId>,
}

impl Participant {
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

    /// Its device in the call: the caller's from the start, the callee's once it answered.
    pub fn leg(&self) -> Option<LegId> {
        self.leg
    }
}
