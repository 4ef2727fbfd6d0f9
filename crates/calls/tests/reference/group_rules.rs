//! What ought to be true after one input to a group call, told from what was true before: simpler than how it comes about.

use std::collections::BTreeMap;

use centrale_calls::{Call, CallView, Heard, Input, LegState, Who};
use centrale_model::{CallState, EndReason, LegId, ParticipantRole, ParticipantState};

/// A call at one moment.
pub(crate) struct Picture {
    states: BTreeMap<LegId, LegState>,
    views: BTreeMap<LegId, CallView>,
    epochs: BTreeMap<LegId, u32>,
    is_over: bool,
    is_permitted: bool,
    is_group: bool,
    highest_hand: u32,
}

impl Picture {
    pub(crate) fn of(call: &Call, input: &Input, highest_hand: u32) -> Picture {
        Picture {
            states: call.legs().map(|leg| (leg.id(), leg.state())).collect(),
            views: call.legs().filter_map(|leg| Some((leg.id(), call.view_for(leg.id())?))).collect(),
            epochs: call.legs().filter_map(|leg| Some((leg.id(), call.epoch_of(leg.id())?))).collect(),
            is_over: call.is_over().is_some(),
            is_permitted: call.permits(input).is_ok(),
            is_group: call.is_group(),
            highest_hand,
        }
    }

    fn is(&self, leg: &LegId, state: LegState) -> bool {
        self.states.get(leg) == Some(&state)
    }

    fn connected(&self) -> impl Iterator<Item = LegId> {
        self.states.iter().filter(|(_, state)| **state == LegState::Connected).map(|(leg, _)| *leg)
    }

    fn somebody_else_is_in(&self, leg: &LegId) -> bool {
        self.states.iter().any(|(other, state)| {
            other != leg && matches!(state, LegState::Calling | LegState::Joining | LegState::Connected)
        })
    }
}

/// Holds a call to what it ought to be. No deadline came with the input.
pub(crate) fn check(before: &Picture, input: &Input, call: &Call, outputs: usize) {
    if before.is_over || !before.is_permitted {
        assert_eq!(outputs, 0, "{input:?} is not permitted and changes something");
        return;
    }
    let over = |leg: &LegId| match call.leg(*leg).map(|leg| leg.state()) {
        Some(LegState::Over(reason)) => Some(reason),
        _ => None,
    };
    let own = |leg: &LegId| call.view_for(*leg).map(|view| view.own);
    match input {
        Input::HangUp { leg, for_everyone: false } if before.is_group && before.is(leg, LegState::Connected) => {
            assert_eq!(over(leg), Some(EndReason::HUNG_UP));
            assert_eq!(call.is_over().is_some(), !before.somebody_else_is_in(leg), "the last one ends the call");
            let others = before.connected().filter(|other| other != leg);
            others.for_each(|other| assert_eq!(over(&other), None, "{other} stays"));
        }
        Input::HangUp { leg, for_everyone: true } if before.is(leg, LegState::Connected) => {
            assert_eq!(call.is_over(), Some(EndReason::ENDED_FOR_ALL));
        }
        Input::Remove { leg, who: Who::Place(place) } => {
            let target = before.views.iter().find(|(id, view)| view.participant_id == *place && *id != leg);
            if let Some((target, _)) = target.filter(|(id, _)| before.is(id, LegState::Connected)) {
                assert_eq!(over(target), Some(EndReason::REMOVED));
            }
        }
        Input::Join { endpoint, offer, .. } => {
            let leg = call.leg_of(*endpoint).expect("who may join has a leg");
            assert_eq!(call.epoch_of(leg), Some(offer.epoch));
        }
        Input::MuteOthers { leg, whom: None } => {
            for other in before.connected().filter(|other| other != leg) {
                assert!(own(&other).is_some_and(|own| own.sending.muted), "{other} is muted");
                let was_open = !before.views[&other].sending.muted;
                assert!(!was_open || own(&other).is_some_and(|own| own.is_muted_by_others));
            }
        }
        Input::Sending(leg, sending) => {
            let Some(view) = call.view_for(*leg).filter(|_| before.is(leg, LegState::Connected)) else { return };
            match view.own.role {
                ParticipantRole::Consumer => assert!(view.sending.muted && !view.sending.video && !view.sending.screen),
                ParticipantRole::Attendee => assert!(!view.sending.screen),
                ParticipantRole::Presenter | ParticipantRole::Collaborator => {
                    assert_eq!((view.sending.video, view.sending.screen), (sending.video, sending.screen));
                }
            }
            assert!(!view.own.is_muted_by_others || view.sending.muted, "who is muted by others is muted");
        }
        Input::RaiseHand(leg, is_up) => {
            let hand = own(leg).and_then(|own| own.hand_raised);
            assert_eq!(hand.is_some(), *is_up);
            if before.views[leg].own.hand_raised.is_none() && *is_up {
                assert!(hand > Some(before.highest_hand), "hands are numbered in order");
            }
        }
        Input::LowerHands { whose: None, .. } => {
            assert!(before.connected().all(|leg| own(&leg).is_none_or(|own| own.hand_raised.is_none())));
        }
        Input::Spotlight { who: None, is_on: false, .. } => {
            assert!(before.connected().all(|leg| own(&leg).is_none_or(|own| !own.is_spotlighted)));
        }
        Input::Hold(leg) | Input::Resume(leg) if before.is_group && before.is(leg, LegState::Connected) => {
            let holds = matches!(input, Input::Hold(_));
            let state = call.view_for(*leg).map(|view| view.state);
            assert_eq!(state, Some(if holds { CallState::LocalHold } else { CallState::Connected }));
            for other in before.connected().filter(|other| other != leg) {
                assert_eq!(call.view_for(other).map(|view| view.state), Some(before.views[&other].state));
            }
            let seen = if holds { ParticipantState::Hold } else { ParticipantState::Connected };
            assert_eq!(own(leg).map(|own| own.state), Some(seen));
        }
        Input::Heard(Heard::Lost) => {
            for (leg, epoch) in &before.epochs {
                let is = call.epoch_of(*leg).unwrap_or(*epoch);
                assert!(is == *epoch || is == *epoch + 1, "asked for the next one, or for none");
            }
        }
        _ => {}
    }
    if before.is_group {
        let lit = call.legs().filter(|leg| own(&leg.id()).is_some_and(|own| own.is_spotlighted)).count();
        assert!(lit <= Call::MAX_SPOTLIGHTED);
    }
}
