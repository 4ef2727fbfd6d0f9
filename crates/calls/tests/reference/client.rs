//! A client as it learns of a call: by notices alone.

use centrale_calls::{Call, Notice, ParticipantView};
use centrale_model::{CallState, EndReason, LegId, ParticipantState};

/// What one client believes.
#[derive(Debug)]
pub(crate) struct Client {
    leg: LegId,
    pub(crate) state: CallState,
    other: Option<ParticipantView>,
    pub(crate) ended: Option<EndReason>,
}

impl Client {
    pub(crate) fn caller() -> Client {
        Client { leg: LegId(0), state: CallState::Connecting, other: None, ended: None }
    }

    pub(crate) fn called(leg: LegId) -> Client {
        Client { leg, state: CallState::Ringing, other: None, ended: None }
    }

    pub(crate) fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Incoming { caller, .. } => self.other = Some(caller.clone()),
            Notice::Ringing => self.state = CallState::Ringing,
            Notice::Accepted { callee, .. } => {
                self.other = Some(callee.clone());
                self.state = CallState::Connected;
            }
            Notice::Joined => self.state = CallState::Connected,
            Notice::Participant(view) => self.other = Some(view.clone()),
            Notice::State(state) => self.state = *state,
            Notice::Ended(reason) => {
                self.ended = Some(*reason);
                self.state = CallState::Disconnected;
            }
            Notice::Conference(_)
            | Notice::Convene { .. }
            | Notice::Convened { .. }
            | Notice::Adjourned { .. }
            | Notice::MutedByOthers(_)
            | Notice::Participants(_) => panic!("a call between two has no {notice:?}"),
            Notice::Description(..)
            | Notice::Candidates(..)
            | Notice::TransferRequested { .. }
            | Notice::Transfer { .. } => {}
        }
    }

    /// Once it has heard everything, a client that stayed sees what one sees that comes back and asks.
    pub(crate) fn agrees_with(&self, call: &Call) {
        let Some(view) = call.view_for(self.leg) else {
            assert!(self.ended.is_some(), "{} was not told its end", self.leg);
            return;
        };
        assert_eq!(self.ended, None, "{} was told an end it does not have", self.leg);
        assert_eq!(self.state, view.state, "{}", self.leg);
        let is_talking = matches!(view.state, CallState::Connected | CallState::LocalHold | CallState::RemoteHold);
        if is_talking {
            assert_eq!(self.other.as_ref(), view.others.first(), "{}", self.leg);
            assert!(matches!(view.others[0].state, ParticipantState::Connected | ParticipantState::Hold));
        }
    }
}
