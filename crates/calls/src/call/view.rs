//! A call as one of its legs may see it: all that a client needs that comes back and remembers nothing.

use centrale_model::{CallId, CallState, Direction, GroupId, LegId, ParticipantId, ParticipantState};

use super::{Call, Phase};
use crate::{Leg, LegState, Notice, ParticipantView, Sending};

/// A call as one of its live legs sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// Who placed it, as this leg sees it.
    pub direction: Direction,
    /// Its state for this leg. A device that rings sees `Ringing`.
    pub state: CallState,
    /// The leg's own place, which a device that rings takes when it answers.
    pub participant_id: ParticipantId,
    /// Its user's name in the call, when it gave one.
    pub display_name: Option<String>,
    /// What the leg sends.
    pub sending: Sending,
    /// It is a group call.
    pub is_group: bool,
    /// The id under which a group call was joined.
    pub group: Option<GroupId>,
    /// Media goes to the media processor, or begins to: a client without a peer connection offers there.
    pub is_conference: bool,
    /// The leg as others see it.
    pub own: ParticipantView,
    /// Everybody else.
    pub others: Vec<ParticipantView>,
    /// The highest peer connection epoch seen; in a conference that of this leg. A client without its peer connection describes itself with the next one.
    pub epoch: u32,
    /// The [`Notice::Incoming`], with the caller's candidates so far, for a device that still rings.
    pub incoming: Option<Notice>,
    /// For the transferor, [`Notice::Transfer`] of the latest transfer; for the transferee of one that is under way, its
    /// [`Notice::TransferRequested`].
    pub transfer: Option<Notice>,
}

impl Call {
    /// The call as a leg sees it. `None` when there is no such leg or it is over.
    pub fn view_for(&self, leg: LegId) -> Option<CallView> {
        let leg = self.leg(leg)?;
        let state = match (leg.state(), &self.phase) {
            (LegState::Over(_), _) => return None,
            (LegState::Joining, _)
            | (
                LegState::Calling,
                Phase::Ringing { has_alerted: false, .. } | Phase::Gathering { has_alerted: false },
            ) => CallState::Connecting,
            (LegState::Calling | LegState::Ringing, _) => CallState::Ringing,
            (LegState::Connected, _) => self.talk_state(leg.id()),
        };
        let own = self.participants.get(leg.participant)?;
        let others = self
            .participants
            .iter()
            .filter(|(number, one)| *number != leg.participant && one.state != ParticipantState::Disconnected)
            .filter_map(|(number, _)| self.view_of(number))
            .collect();
        let rings = leg.state() == LegState::Ringing;
        let is_called = own.invited_by.is_some();
        Some(CallView {
            call: self.id(),
            direction: if is_called { Direction::Incoming } else { Direction::Outgoing },
            state,
            participant_id: leg.participant_id(),
            display_name: own.display_name().map(str::to_owned),
            sending: own.sending(),
            is_group: self.is_group(),
            group: self.group_id(),
            is_conference: self.is_conference(),
            own: self.view_of(leg.participant)?,
            others,
            epoch: leg.seat.as_ref().map_or(self.epoch, |seat| seat.epoch),
            incoming: if rings { self.incoming(leg.participant) } else { None },
            transfer: self.transfer_notice(leg),
        })
    }

    fn transfer_notice(&self, leg: &Leg) -> Option<Notice> {
        let transfer = self.transfer.as_ref()?;
        let transferor = self.leg(transfer.transferor())?;
        transfer.notice_for(leg.id(), transferor.identity())
    }
}
