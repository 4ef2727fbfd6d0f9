//! One device of a participant in a call.

use centrale_model::{EndReason, EndpointId, Identity, LegId, ParticipantId, Time};
use serde::{Deserialize, Serialize};

use crate::trickle::Trickle;
use crate::{MediaReport, Sending};

/// Where a leg stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LegState {
    /// The caller's device, before the answer.
    Calling,
    /// A device that rings.
    Ringing,
    /// In the call.
    Connected,
    /// No longer, or never, in the call; why.
    Over(EndReason),
}

/// One device of a participant: the caller's, or one that rings, talks or did so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leg {
    pub(crate) id: LegId,
    pub(crate) endpoint: EndpointId,
    pub(crate) identity: Identity,
    pub(crate) participant_id: ParticipantId,
    /// Its participant's place in the call's list.
    pub(crate) participant: usize,
    /// Its event connection is gone.
    pub(crate) is_lost: bool,
    pub(crate) stage: Stage,
}

/// A leg's state with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Stage {
    Calling,
    Ringing {
        is_alerting: bool,
        /// What the device gathered before it was known to have answered.
        gathered: Trickle,
    },
    Connected(Connected),
    Over {
        reason: EndReason,
        /// The device rang; not so when it was busy from the start.
        was_rung: bool,
        /// Its user turned the call down on this device, or the device did so by itself.
        has_declined: bool,
    },
}

/// What belongs to a leg that is in the call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Connected {
    pub(crate) since: Time,
    pub(crate) is_holding: bool,
    /// The last report of this peer connection.
    pub(crate) media: Option<MediaReport>,
    /// Some peer connection of this leg has carried media.
    pub(crate) had_media: bool,
}

impl Connected {
    pub(crate) fn since(now: Time) -> Connected {
        Connected { since: now, is_holding: false, media: None, had_media: false }
    }
}

impl Leg {
    /// Its number.
    pub fn id(&self) -> LegId {
        self.id
    }

    /// Which device.
    pub fn endpoint(&self) -> EndpointId {
        self.endpoint
    }

    /// Whose device.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its place in the call, as others see it once it is connected.
    pub fn participant_id(&self) -> ParticipantId {
        self.participant_id
    }

    /// Where it stands.
    pub fn state(&self) -> LegState {
        match &self.stage {
            Stage::Calling => LegState::Calling,
            Stage::Ringing { .. } => LegState::Ringing,
            Stage::Connected(_) => LegState::Connected,
            Stage::Over { reason, .. } => LegState::Over(*reason),
        }
    }

    /// It calls, rings or talks.
    pub fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Over { .. })
    }

    /// Its event connection is gone, and its window to come back still open.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// It holds.
    pub fn is_holding(&self) -> bool {
        self.connected().is_some_and(|c| c.is_holding)
    }

    pub(crate) fn is_ringing(&self) -> bool {
        matches!(self.stage, Stage::Ringing { .. })
    }

    pub(crate) fn connected(&self) -> Option<&Connected> {
        match &self.stage {
            Stage::Connected(connected) => Some(connected),
            Stage::Calling | Stage::Ringing { .. } | Stage::Over { .. } => None,
        }
    }

    pub(crate) fn connected_mut(&mut self) -> Option<&mut Connected> {
        match &mut self.stage {
            Stage::Connected(connected) => Some(connected),
            Stage::Calling | Stage::Ringing { .. } | Stage::Over { .. } => None,
        }
    }
}

/// How a device joins: everything that the answer brings.
pub(crate) struct Answer {
    pub(crate) display_name: Option<String>,
    pub(crate) description: crate::Description,
    pub(crate) sending: Sending,
}
