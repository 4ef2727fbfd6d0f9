//! What the sides of a call say to each other: descriptions, candidates, what they send, hold.

use centrale_model::{CallState, LegId, ParticipantId, ParticipantState};

use super::{Call, Phase};
use crate::leg::Stage;
use crate::{Candidates, Description, DescriptionKind, Fact, LegState, Notice, Sending};

impl Call {
    /// Passes a description to the other side. One of an epoch that is over is dropped.
    ///
    /// A higher epoch is a page that was reloaded: media is set up anew. While the call rings, only the caller's offer of a
    /// higher epoch counts; it takes the place of the one before, for those that ring and those to come.
    pub(super) fn describe(&mut self, id: LegId, description: Description) {
        let Some((place, state)) = self.speaker(id) else {
            return;
        };
        let rises = description.epoch > self.epoch;
        if description.epoch < self.epoch {
            return;
        }
        let listeners = match (&mut self.phase, state) {
            (Phase::Talking { .. }, LegState::Connected) => self.others(id, LegState::Connected),
            (Phase::Ringing { offer, gathered, .. }, LegState::Calling)
                if rises && description.kind == DescriptionKind::Offer =>
            {
                *offer = description.clone();
                gathered.forget_before(description.epoch);
                self.legs_that(LegState::Ringing)
            }
            (
                Phase::Fresh | Phase::Ringing { .. } | Phase::Talking { .. } | Phase::Over(_),
                LegState::Calling | LegState::Ringing | LegState::Connected | LegState::Over(_),
            ) => return,
        };
        self.record(Fact::Described(id, description.kind, description.epoch));
        for listener in listeners {
            self.tell(listener, Notice::Description(place, description.clone()));
        }
        if rises {
            self.epoch = description.epoch;
            self.rebuild_media();
        }
    }

    /// Passes candidates to the other side, or keeps them until there is one. Those of an epoch that is over are dropped.
    pub(super) fn candidates(&mut self, id: LegId, batch: Candidates) {
        let Some((place, state)) = self.speaker(id) else {
            return;
        };
        if batch.list.is_empty() || batch.epoch < self.epoch {
            return;
        }
        let listeners = match state {
            LegState::Connected => self.others(id, LegState::Connected),
            LegState::Calling => {
                if let Phase::Ringing { gathered, .. } = &mut self.phase {
                    gathered.keep(&batch);
                }
                self.legs_that(LegState::Ringing)
            }
            LegState::Ringing => {
                if let Some(leg) = self.leg_mut(id)
                    && let Stage::Ringing { gathered, .. } = &mut leg.stage
                {
                    gathered.keep(&batch);
                }
                Vec::new()
            }
            LegState::Over(_) => Vec::new(),
        };
        for listener in listeners {
            self.tell(listener, Notice::Candidates(place, batch.clone()));
        }
    }

    /// A leg changed what it sends: the other side sees it. The caller may do so while the call rings; who answers sees it then.
    pub(super) fn sending(&mut self, id: LegId, sending: Sending) {
        let Some((_, state)) = self.speaker(id) else {
            return;
        };
        let participant = match self.leg(id) {
            Some(leg) => leg.participant,
            None => return,
        };
        let is_speaker = match state {
            LegState::Calling | LegState::Connected => true,
            LegState::Ringing | LegState::Over(_) => false,
        };
        if !is_speaker || self.participants[participant].sending == sending {
            return;
        }
        self.participants[participant].sending = sending;
        self.record(Fact::Sending(id, sending));
        let view = self.view_of_participant(&self.participants[participant]);
        for other in self.others(id, LegState::Connected) {
            self.tell(other, Notice::Participant(view.clone()));
        }
    }

    /// A leg holds, or no longer does: everybody's state follows (B-CALL-5).
    pub(super) fn hold(&mut self, id: LegId, holds: bool) {
        let before = self.talk_states();
        let Some(leg) = self.leg_mut(id) else { return };
        let participant = leg.participant;
        let Some(connected) = leg.connected_mut() else {
            return;
        };
        if core::mem::replace(&mut connected.is_holding, holds) == holds {
            return;
        }
        self.participants[participant].state = if holds { ParticipantState::Hold } else { ParticipantState::Connected };
        self.record(Fact::Hold(id, holds));
        let view = self.view_of_participant(&self.participants[participant]);
        for (leg, was) in before {
            if leg != id {
                self.tell(leg, Notice::Participant(view.clone()));
            }
            let is = self.talk_state(leg);
            if is != was {
                self.tell(leg, Notice::State(is));
            }
        }
    }

    fn talk_states(&self) -> Vec<(LegId, CallState)> {
        let connected = self.legs_that(LegState::Connected);
        connected.into_iter().map(|leg| (leg, self.talk_state(leg))).collect()
    }

    fn speaker(&self, id: LegId) -> Option<(ParticipantId, LegState)> {
        let leg = self.leg(id)?;
        Some((leg.participant_id, leg.state()))
    }

    pub(super) fn others(&self, id: LegId, state: LegState) -> Vec<LegId> {
        let mut legs = self.legs_that(state);
        legs.retain(|leg| *leg != id);
        legs
    }

    /// The other side of a connected leg.
    pub(super) fn other_side(&self, id: LegId) -> Option<LegId> {
        self.others(id, LegState::Connected).first().copied()
    }
}
