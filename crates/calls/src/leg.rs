//! One device of a participant in a call.

use centrale_model::{EndReason, EndpointId, Identity, LegId, ParticipantId, ReceiveMode, Time};
use serde::{Deserialize, Serialize};

use crate::trickle::Trickle;
use crate::{MediaReport, Sealed, Sending};

/// Where a leg stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LegState {
    /// The caller's device, before the answer.
    Calling,
    /// A device that rings.
    Ringing,
    /// A device whose offer is with the media processor: it answered, or asked to join.
    Joining,
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
    /// Its participant's number in the call.
    pub(crate) participant: u32,
    /// Its event connection is gone.
    pub(crate) is_lost: bool,
    pub(crate) stage: Stage,
    /// Its place in the conference, once there is one.
    pub(crate) seat: Option<Seat>,
}

/// A leg's peer connection to the media processor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// Which peer connection: the latest that was described, or asked for.
    pub(crate) epoch: u32,
    /// Its offer, until it is answered.
    pub(crate) pending: Option<Pending>,
    /// The media processor has answered an offer of this epoch.
    pub(crate) is_admitted: bool,
    /// Its media path is up.
    pub(crate) is_up: bool,
    /// Some peer connection of this leg has carried media to the media processor.
    pub(crate) had_media: bool,
    /// How it wants to receive.
    pub(crate) mode: ReceiveMode,
    /// Its other peer connection, to the other side, goes on until all who moved are there.
    pub(crate) is_moving: bool,
}

/// An offer on its way to the media processor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) offer: Sealed,
    /// A peer connection that is there is described again.
    pub(crate) is_renewal: bool,
    /// Whoever asked waits for the answer itself, so that no notice is needed.
    pub(crate) in_response: bool,
}

impl Seat {
    /// A seat for a peer connection that is not described yet.
    pub(crate) fn of(epoch: u32, mode: ReceiveMode) -> Seat {
        Seat { epoch, pending: None, is_admitted: false, is_up: false, had_media: false, mode, is_moving: false }
    }
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
    /// Answered, or asked to join: waits for the media processor.
    Joining,
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
            Stage::Joining => LegState::Joining,
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

    /// It calls, is coming in, or is in.
    pub(crate) fn is_in(&self) -> bool {
        matches!(self.stage, Stage::Calling | Stage::Joining | Stage::Connected(_))
    }

    pub(crate) fn is_ringing(&self) -> bool {
        matches!(self.stage, Stage::Ringing { .. })
    }

    pub(crate) fn connected(&self) -> Option<&Connected> {
        match &self.stage {
            Stage::Connected(connected) => Some(connected),
            Stage::Calling | Stage::Ringing { .. } | Stage::Joining | Stage::Over { .. } => None,
        }
    }

    pub(crate) fn connected_mut(&mut self) -> Option<&mut Connected> {
        match &mut self.stage {
            Stage::Connected(connected) => Some(connected),
            Stage::Calling | Stage::Ringing { .. } | Stage::Joining | Stage::Over { .. } => None,
        }
    }
}

/// How a device joins: everything that the answer brings.
pub(crate) struct Answer {
    pub(crate) display_name: Option<String>,
    pub(crate) description: crate::Description,
    pub(crate) sending: Sending,
}
