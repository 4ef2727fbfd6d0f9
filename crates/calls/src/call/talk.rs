//! What the sides of a call say to each other: descriptions, candidates, what they send, hold.

use centrale_model::{CallState, LegId, ParticipantId, ParticipantState};

use super::{Call, Conference, Phase};
use crate::leg::Stage;
use crate::participant::Mute;
use crate::{Candidates, Description, DescriptionKind, Fact, LegState, Notice, Order, Rights, Sending};

impl Call {
    /// Passes a description to the other side. One of an epoch that is over is dropped.
    ///
    /// A higher epoch is a page that was reloaded: media is set up anew. While the call rings, only the caller's offer of a
    /// higher epoch counts; it takes the place of the one before, for those that ring and those to come.
    ///
    /// In a conference an offer goes to the media processor; while a call moves there, what still belongs to the peer connection between
    /// the two goes to the other side.
    pub(super) fn describe(&mut self, id: LegId, description: Description) {
        let Some((place, state)) = self.speaker(id) else {
            return;
        };
        if let Some(seat) = self.leg(id).and_then(|leg| leg.seat.as_ref())
            && (!seat.is_moving || description.epoch >= seat.epoch)
        {
            return self.describe_seat(id, description, false);
        }
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
                Phase::Fresh | Phase::Ringing { .. } | Phase::Gathering { .. } | Phase::Talking { .. } | Phase::Over(_),
                LegState::Calling | LegState::Ringing | LegState::Joining | LegState::Connected | LegState::Over(_),
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

    /// Passes candidates to the other side, or keeps them until there is one. Those of an epoch that is over are dropped; the media
    /// processor needs none.
    pub(super) fn candidates(&mut self, id: LegId, batch: Candidates) {
        let Some((place, state)) = self.speaker(id) else {
            return;
        };
        let is_for_nobody = match self.conference {
            Conference::No => batch.epoch < self.epoch,
            Conference::Convening => batch.epoch != self.epoch,
            Conference::Held => true,
        };
        if batch.list.is_empty() || is_for_nobody {
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
            LegState::Joining | LegState::Over(_) => Vec::new(),
        };
        for listener in listeners {
            self.tell(listener, Notice::Candidates(place, batch.clone()));
        }
    }

    /// A leg changed what it sends: the others see it. The caller may do so while the call rings; who answers sees it then.
    ///
    /// It sends no more than it may. Who was muted by others has to say that it is, before its unmuting counts.
    pub(super) fn sending(&mut self, id: LegId, sending: Sending) {
        let Some((place, state)) = self.speaker(id) else {
            return;
        };
        let is_speaker = match state {
            LegState::Calling | LegState::Joining | LegState::Connected => true,
            LegState::Ringing | LegState::Over(_) => false,
        };
        let Some(participant) = self.participant_mut(id).filter(|_| is_speaker) else {
            return;
        };
        let mut sending = Rights::of(participant.role).clamp(sending);
        let was_muted = participant.mute;
        participant.mute = match was_muted {
            Mute::Own => Mute::Own,
            Mute::Imposed if sending.muted => Mute::Known,
            Mute::Imposed => {
                sending.muted = true;
                Mute::Imposed
            }
            Mute::Known if sending.muted => Mute::Known,
            Mute::Known => Mute::Own,
        };
        let is_unmuted = was_muted != Mute::Own && participant.mute == Mute::Own;
        if core::mem::replace(&mut participant.sending, sending) == sending && !is_unmuted {
            return;
        }
        let rights = participant.rights();
        self.record(Fact::Sending(id, sending));
        if is_unmuted && self.is_conference() {
            self.order(Order::Allow(place, rights));
        }
        let Some(view) = self.leg(id).and_then(|leg| self.view_of(leg.participant)) else { return };
        for other in self.others(id, LegState::Connected) {
            self.tell(other, Notice::Participant(view.clone()));
        }
    }

    /// A leg holds, or no longer does: everybody's state follows (B-CALL-5). In a group only its own.
    pub(super) fn hold(&mut self, id: LegId, holds: bool) {
        let before = self.talk_states();
        let Some(leg) = self.leg_mut(id) else { return };
        let (number, place, is_seated) = (leg.participant, leg.participant_id, leg.seat.is_some());
        let Some(connected) = leg.connected_mut() else {
            return;
        };
        if core::mem::replace(&mut connected.is_holding, holds) == holds {
            return;
        }
        if let Some(participant) = self.participants.get_mut(number) {
            participant.state = if holds { ParticipantState::Hold } else { ParticipantState::Connected };
        }
        self.record(Fact::Hold(id, holds));
        if is_seated {
            self.order(Order::Hold(place, holds));
        }
        let Some(view) = self.view_of(number) else { return };
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

    /// Tells each connected leg whose state is another than it was.
    pub(super) fn tell_states_after(&mut self, before: Vec<(LegId, CallState)>) {
        for (leg, was) in before {
            let is = self.talk_state(leg);
            if self.is_leg(leg, LegState::Connected) && is != was {
                self.tell(leg, Notice::State(is));
            }
        }
    }

    pub(super) fn talk_states(&self) -> Vec<(LegId, CallState)> {
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
