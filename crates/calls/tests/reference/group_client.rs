//! A client of a group call as it learns of it: by the answer to its join, and by notices alone.

use std::collections::BTreeMap;

use centrale_calls::{Call, CallView, Notice, ParticipantView};
use centrale_model::{CallState, EndReason, Identity, LegId, ParticipantId, ParticipantState};

/// Others are told apart by place; who is called has none yet.
type Key = (Identity, Option<ParticipantId>);

/// What one client believes.
#[derive(Debug)]
pub(crate) struct GroupClient {
    leg: LegId,
    place: Option<ParticipantId>,
    state: CallState,
    others: BTreeMap<Key, ParticipantView>,
    pub(crate) ended: Option<EndReason>,
}

impl GroupClient {
    pub(crate) fn new(leg: LegId) -> GroupClient {
        GroupClient { leg, place: None, state: CallState::Connecting, others: BTreeMap::new(), ended: None }
    }

    /// The answer to its request came.
    pub(crate) fn look(&mut self, view: CallView) {
        self.state = view.state;
        self.place = Some(view.participant_id);
        self.others.clear();
        for one in view.others {
            self.meet(one);
        }
    }

    pub(crate) fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Incoming { .. } => self.state = CallState::Ringing,
            Notice::Ringing => self.state = CallState::Ringing,
            Notice::Joined => self.state = CallState::Connected,
            Notice::Accepted { callee, .. } => {
                self.state = CallState::Connected;
                self.meet(callee.clone());
            }
            Notice::State(state) => self.state = *state,
            Notice::Participant(one) => self.meet(one.clone()),
            Notice::Participants(all) => all.iter().for_each(|one| self.meet(one.clone())),
            Notice::Ended(reason) => self.ended = Some(*reason),
            _ => {}
        }
    }

    fn meet(&mut self, one: ParticipantView) {
        if one.participant_id.is_some() && one.participant_id == self.place {
            return;
        }
        self.others.remove(&(one.identity.clone(), None));
        let key = (one.identity.clone(), one.participant_id);
        if one.state == ParticipantState::Disconnected {
            self.others.remove(&key);
        } else {
            self.others.insert(key, one);
        }
    }

    /// Once it has heard everything, a client that stayed sees what one sees that comes back and asks.
    pub(crate) fn agrees_with(&mut self, call: &Call) {
        let Some(view) = call.view_for(self.leg) else {
            assert!(self.ended.is_some() || call.leg(self.leg).is_none(), "{} was not told its end", self.leg);
            return;
        };
        assert_eq!(self.ended, None, "{} was told an end it does not have", self.leg);
        self.place = Some(view.participant_id);
        if !matches!(view.state, CallState::Connected | CallState::LocalHold | CallState::RemoteHold) {
            return;
        }
        assert_eq!(self.state, view.state, "{}", self.leg);
        let settled =
            |one: &&ParticipantView| matches!(one.state, ParticipantState::Connected | ParticipantState::Hold);
        let theirs: Vec<_> = view.others.iter().filter(settled).collect();
        let mut ours: Vec<_> = self.others.values().filter(settled).collect();
        ours.sort_by_key(|one| theirs.iter().position(|other| other.participant_id == one.participant_id));
        assert_eq!(ours, theirs, "{} sees the others as they are", self.leg);
    }
}
