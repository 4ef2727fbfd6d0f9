//! Who may do what, and when: asked before anything is done, so that whoever hosts the call can say why not.

use centrale_model::{LegId, ParticipantRole, ParticipantState};

use super::{Call, Conference, Phase};
use crate::{Forbidden, Form, Input, Leg, LegState, Who};

impl Call {
    /// Whether an input of a group call's kind makes sense, and if not, why. Others are always permitted: those that make no sense are late.
    ///
    /// # Errors
    /// [`Forbidden`]: the input would change nothing.
    pub fn permits(&self, input: &Input) -> Result<(), Forbidden> {
        match input {
            Input::Join { identity, endpoint, offer, .. } => {
                let is_open = self.phase == Phase::Fresh || self.is_group() && self.is_over().is_none();
                let known = self.legs.values().find(|leg| leg.endpoint == *endpoint && leg.is_live());
                let is_called = |leg: &Leg| leg.identity == *identity && leg.is_ringing();
                match known {
                    _ if !is_open => Err(Forbidden::HereAndNow),
                    Some(leg) if leg.identity != *identity => Err(Forbidden::HereAndNow),
                    Some(leg) => match &leg.seat {
                        Some(seat) if offer.epoch < seat.epoch => Err(Forbidden::Stale(seat.epoch)),
                        Some(_) | None => Ok(()),
                    },
                    // Who is called has a place already.
                    None if self.legs.values().any(is_called) => Ok(()),
                    None if self.is_full() => Err(Forbidden::Full),
                    None => Ok(()),
                }
            }
            Input::Add { leg, .. } => {
                let is_possible = match self.phase {
                    Phase::Gathering { .. } => self.is_group(),
                    Phase::Talking { .. } => self.setup.form != Form::Echo,
                    Phase::Fresh | Phase::Ringing { .. } | Phase::Over(_) => false,
                };
                self.acts(*leg, is_possible)?;
                if self.is_full() { Err(Forbidden::Full) } else { Ok(()) }
            }
            Input::Remove { leg, who } => {
                let is_own =
                    matches!(who, Who::Place(place) if self.leg(*leg).is_some_and(|own| own.participant_id == *place));
                self.acts(*leg, self.is_group() && !is_own)
            }
            Input::MuteOthers { leg, .. } => self.acts(*leg, self.is_group()),
            Input::LowerHands { leg, .. } => self.acts(*leg, true),
            Input::HangUp { leg, for_everyone: true } if self.is_leg(*leg, LegState::Connected) => {
                self.acts(*leg, true)
            }
            Input::Spotlight { leg, who, is_on } => {
                let own = self.leg(*leg).map(Leg::participant_id);
                let steps_down = !is_on && matches!(who.as_deref(), Some([one]) if Some(*one) == own);
                if steps_down { self.is_in(*leg, self.is_group()) } else { self.acts(*leg, self.is_group()) }
            }
            Input::RaiseHand(leg, _) => self.is_in(*leg, true),
            Input::Receive(leg, _) => self.is_in(*leg, self.is_conference()),
            Input::Convene(leg) => self.is_in(*leg, self.is_connected() && self.conference == Conference::No),
            Input::Transfer(leg, _) => self.is_in(*leg, !self.is_group() && self.setup.form == Form::Pair),
            Input::Start { .. }
            | Input::Role { .. }
            | Input::Heard(_)
            | Input::DeviceAppeared { .. }
            | Input::Ringing(_)
            | Input::Accept { .. }
            | Input::Decline { .. }
            | Input::HangUp { .. }
            | Input::Describe(..)
            | Input::Candidates(..)
            | Input::Sending(..)
            | Input::Hold(_)
            | Input::Resume(_)
            | Input::TransferProgress { .. }
            | Input::Replaced
            | Input::Media(..)
            | Input::Lost { .. }
            | Input::Back(_)
            | Input::TokenOver(_)
            | Input::TakenOver
            | Input::Tick => Ok(()),
        }
    }

    /// Whether nobody else may come in.
    pub fn is_full(&self) -> bool {
        self.participants.values().filter(|one| one.state != ParticipantState::Disconnected).count() >= self.limit
    }

    /// The leg acts on others.
    fn acts(&self, leg: LegId, is_possible: bool) -> Result<(), Forbidden> {
        self.is_in(leg, is_possible)?;
        let role = self.leg(leg).and_then(|leg| self.participants.get(leg.participant)).map(|one| one.role);
        if role == Some(ParticipantRole::Presenter) { Ok(()) } else { Err(Forbidden::ByRole) }
    }

    /// The leg is in the call.
    fn is_in(&self, leg: LegId, is_possible: bool) -> Result<(), Forbidden> {
        let is_in = match self.leg(leg).map(Leg::state) {
            Some(LegState::Connected) => true,
            Some(LegState::Calling) => self.is_conference(),
            Some(LegState::Ringing | LegState::Joining | LegState::Over(_)) | None => false,
        };
        if is_in && is_possible { Ok(()) } else { Err(Forbidden::HereAndNow) }
    }
}
