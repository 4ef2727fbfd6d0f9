//! What participants do to each other: muting, hands, the stage, roles; and how they receive.

use centrale_model::{Identity, LegId, ParticipantId, ParticipantRole, ReceiveMode};

use super::Call;
use crate::participant::Mute;
use crate::{Fact, LegState, Notice, Order, Rights};

impl Call {
    /// Mutes others: the media processor drops their voices at once, their clients are asked to mute (B-CALL-6).
    pub(super) fn mute_others(&mut self, by: LegId, whom: Option<&[ParticipantId]>) {
        let Some(own) = self.leg(by).map(|leg| leg.participant_id) else { return };
        let (mut muted, mut numbers) = (Vec::new(), Vec::new());
        for id in self.others(by, LegState::Connected) {
            let Some((place, number)) = self.leg(id).map(|leg| (leg.participant_id, leg.participant)) else { continue };
            let is_meant = whom.is_none_or(|whom| whom.contains(&place));
            let Some(participant) = self.participants.get_mut(number) else { continue };
            if !is_meant || participant.sending.muted {
                continue;
            }
            participant.sending.muted = true;
            participant.mute = Mute::Imposed;
            let rights = participant.rights();
            self.order(Order::Allow(place, rights));
            self.tell(id, Notice::MutedByOthers(own));
            muted.push(id);
            numbers.push(number);
        }
        if !muted.is_empty() {
            self.record(Fact::Muted(by, muted));
            self.announce_all(&numbers);
        }
    }

    /// A hand goes up, after all that are up already, or down.
    pub(super) fn raise_hand(&mut self, id: LegId, is_up: bool) {
        let next = self.hands + 1;
        let Some(number) = self.leg(id).map(|leg| leg.participant) else { return };
        let Some(participant) = self.participants.get_mut(number) else { return };
        if participant.hand.is_some() == is_up {
            return;
        }
        participant.hand = is_up.then_some(next);
        if is_up {
            self.hands = next;
        }
        self.record(Fact::Hand(id, is_up));
        self.announce(number, None);
    }

    /// Hands of others go down.
    pub(super) fn lower_hands(&mut self, whose: Option<&[ParticipantId]>) {
        let mut lowered = Vec::new();
        for (leg, place, number) in self.connected_places() {
            let is_meant = whose.is_none_or(|whose| whose.contains(&place));
            let hand = self.participants.get_mut(number).filter(|_| is_meant).and_then(|one| one.hand.take());
            if hand.is_some() {
                self.record(Fact::Hand(leg, false));
                lowered.push(number);
            }
        }
        self.announce_all(&lowered);
    }

    /// Participants step on everybody's stage, in this order after those that are there, or off it.
    pub(super) fn spotlight(&mut self, who: Option<&[ParticipantId]>, is_on: bool) {
        let places = self.connected_places();
        let Some(group) = &mut self.group else { return };
        let on_stage = |stage: &[u32]| {
            let is_there = |(_, _, number): &&(LegId, ParticipantId, u32)| stage.contains(number);
            places.iter().filter(is_there).map(|(_, place, _)| *place).collect::<Vec<_>>()
        };
        let everybody = on_stage(&group.stage);
        let mut changed = Vec::new();
        for place in who.unwrap_or(&everybody) {
            let Some((leg, _, number)) = places.iter().find(|(_, other, _)| other == place) else { continue };
            let is_there = group.stage.contains(number);
            if is_on && !is_there && group.stage.len() < Call::MAX_SPOTLIGHTED {
                group.stage.push(*number);
            } else if !is_on && is_there {
                group.stage.retain(|other| other != number);
            } else {
                continue;
            }
            changed.push((*leg, *number));
        }
        for (leg, _) in &changed {
            self.record(Fact::Spotlight(*leg, is_on));
        }
        if !changed.is_empty() {
            self.order_spotlight();
            self.announce_all(&changed.iter().map(|(_, number)| *number).collect::<Vec<_>>());
        }
    }

    /// A participant that is out is no longer on the stage.
    pub(super) fn leave_stage(&mut self, number: u32) {
        let Some(group) = self.group.as_mut().filter(|group| group.stage.contains(&number)) else { return };
        group.stage.retain(|other| *other != number);
        self.order_spotlight();
    }

    /// Tells the media processor who is on the stage.
    pub(super) fn order_spotlight(&mut self) {
        let stage = self.group.as_ref().map(|group| group.stage.as_slice()).unwrap_or_default();
        let place = |number: &u32| self.leg(self.participants.get(*number)?.leg?).map(|leg| leg.participant_id);
        let places = stage.iter().filter_map(place).collect();
        self.order(Order::Spotlight(places));
    }

    /// A leg says how it wants to receive. Forwarded or mixed is so at once; otherwise the media processor says what it chose.
    pub(super) fn receive(&mut self, id: LegId, mode: ReceiveMode) {
        let Some(leg) = self.leg_mut(id) else { return };
        let place = leg.participant_id;
        let Some(seat) = &mut leg.seat else { return };
        if core::mem::replace(&mut seat.mode, mode) == mode {
            return;
        }
        self.order(Order::Receive(place, mode));
        match mode {
            ReceiveMode::Auto => {}
            ReceiveMode::Forwarded | ReceiveMode::Mixed => self.receives(id, mode),
        }
    }

    /// How a leg receives is known.
    pub(super) fn receives(&mut self, id: LegId, mode: ReceiveMode) {
        let Some(number) = self.leg(id).map(|leg| leg.participant) else { return };
        let Some(participant) = self.participants.get_mut(number) else { return };
        if participant.receives.replace(mode) != Some(mode) {
            self.record(Fact::Receives(id, mode));
            self.announce(number, None);
        }
    }

    /// Somebody's role changed, on all its devices: it sends no more than it may.
    pub(super) fn change_role(&mut self, identity: &Identity, role: ParticipantRole) {
        let mut changed = Vec::new();
        for (number, participant) in self.participants.iter() {
            if participant.identity == *identity && participant.role != role {
                changed.push((number, participant.leg));
            }
        }
        for (number, leg) in &changed {
            let Some(participant) = self.participants.get_mut(*number) else { continue };
            participant.role = role;
            participant.sending = Rights::of(role).clamp(participant.sending);
            let rights = participant.rights();
            let Some(leg) = leg.and_then(|leg| self.leg(leg)).filter(|leg| leg.is_live()) else { continue };
            let (id, place, is_seated) = (leg.id, leg.participant_id, leg.seat.is_some());
            self.record(Fact::Role(id, role));
            if is_seated {
                self.order(Order::Allow(place, rights));
            }
        }
        self.announce_all(&changed.iter().map(|(number, _)| *number).collect::<Vec<_>>());
    }

    fn connected_places(&self) -> Vec<(LegId, ParticipantId, u32)> {
        let connected = self.legs.values().filter(|leg| leg.connected().is_some());
        connected.map(|leg| (leg.id, leg.participant_id, leg.participant)).collect()
    }
}
