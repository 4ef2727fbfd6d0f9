//! Calling people into a group call, and taking them out.

use centrale_model::{EndReason, LegId, ParticipantState, ReceiveMode};

use super::{CALLER, Call, Conference, Group, Phase};
use crate::leg::{Answer, Stage};
use crate::{Description, DescriptionKind, Fact, Leg, LegState, Notice, Participant, Sending, Target, Who, Why};

impl Call {
    /// Rings everybody who is called; the caller takes its seat meanwhile. Nobody to ring: the call is over.
    pub(super) fn start_group(&mut self, targets: Vec<Target>, offer: Description) {
        self.record_started(targets.iter().map(|target| target.identity.clone()).collect());
        self.begin_conference();
        self.group = Some(Group::default());
        let mut called = Vec::new();
        for target in &targets {
            called.extend(self.call_in(target, CALLER, true));
        }
        self.end_when_nobody_comes();
        if self.is_over().is_none() {
            self.announce_all(&called);
            self.take_seat(CALLER, offer, ReceiveMode::default(), true);
        }
    }

    /// A leg calls somebody into the call. A call between two becomes a group call by it, if there is anybody to ring (B-TYPE-5).
    pub(super) fn add(&mut self, id: LegId, target: &Target) {
        let before = self.talk_states();
        let was_group = self.is_group();
        self.group.get_or_insert_default();
        self.record(Fact::Added(id, target.identity.clone()));
        let called = self.call_in(target, id, false);
        match called {
            Some(called) => self.announce(called, None),
            None if !was_group => self.group = None,
            None => {}
        }
        if was_group || called.is_none() {
            return;
        }
        self.fail_transfer(Call::TIMED_OUT);
        match self.conference {
            Conference::No => self.convene(),
            Conference::Convening | Conference::Held => {
                for (leg, epoch) in self.seats() {
                    self.tell(leg, Notice::Convene { epoch, is_group: true });
                }
            }
        }
        self.tell_states_after(before);
    }

    /// Rings the devices of somebody who is not in the call. Nothing to ring: it is out at once.
    fn call_in(&mut self, target: &Target, by: LegId, has_context: bool) -> Option<u32> {
        let is_here = self
            .participants
            .values()
            .any(|one| one.identity == target.identity && one.state != ParticipantState::Disconnected);
        if is_here || self.is_full() {
            return None;
        }
        let participant = Participant {
            invited_by: Some(by),
            has_context,
            ..Participant::new(target.identity.clone(), Sending::default())
        };
        let number = self.participants.push(participant);
        for device in &target.devices {
            self.ring(number, *device);
        }
        if self.is_rung(number) {
            self.deadlines.set(Why::Alert(number), self.now + self.timers.establish);
            self.deadlines.set(Why::Answer(number), self.now + self.timers.ring);
            return Some(number);
        }
        let reason = if target.devices.is_empty() { target.absence } else { self.outcome_of(Some(number)) };
        self.not_reached(number, reason);
        None
    }

    /// A device of somebody who is called alerts: the others see it ring.
    pub(super) fn called_alerts(&mut self, number: u32) {
        self.deadlines.clear(Why::Alert(number));
        let Some(participant) = self.participants.get_mut(number) else { return };
        if core::mem::replace(&mut participant.state, ParticipantState::Ringing) != ParticipantState::Ringing {
            self.announce(number, None);
        }
    }

    /// Somebody who is called answers on this device: it takes its seat, and is in when the media processor says so.
    pub(super) fn answer_in_group(&mut self, id: LegId, answer: Answer) {
        if !self.is_leg(id, LegState::Ringing) || answer.description.kind != DescriptionKind::Offer {
            return;
        }
        let Some((identity, endpoint)) = self.leg(id).map(|leg| (leg.identity.clone(), leg.endpoint)) else { return };
        self.record(Fact::Joining(id, identity, endpoint));
        self.answer_for(id, answer.display_name, answer.sending);
        self.take_seat(id, answer.description, ReceiveMode::default(), false);
    }

    /// Somebody who is called no longer rings anywhere: it is out.
    pub(super) fn settle_calling(&mut self, number: u32) {
        let is_waiting = self.participants.get(number).is_some_and(|one| one.leg.is_none());
        if is_waiting && !self.is_rung(number) {
            self.not_reached(number, self.outcome_of(Some(number)));
            self.end_when_nobody_comes();
        }
    }

    /// Somebody who is called did not come in time, or is not wanted any more.
    pub(super) fn give_up_calling(&mut self, number: u32, reason: EndReason) {
        self.stop_ringing(number, reason);
        self.not_reached(number, reason);
        self.end_when_nobody_comes();
    }

    /// Whoever called is alone and nobody comes: the call is over.
    ///
    /// With the reason that all of them had; else as declined by all when some declined, else as not answered.
    pub(super) fn end_when_nobody_comes(&mut self) {
        let Phase::Gathering { .. } = self.phase else { return };
        let somebody_comes = self.legs.values().any(|leg| leg.is_ringing() || leg.state() == LegState::Joining);
        let Some(group) = &self.group else { return };
        if somebody_comes || !self.is_leg(CALLER, LegState::Calling) {
            return;
        }
        let first = group.unreached.first().copied().unwrap_or(EndReason::OFFLINE);
        let has_declined = |reason: &EndReason| [EndReason::DECLINED, EndReason::DECLINED_BY_ALL].contains(reason);
        self.end_unanswered(if group.unreached.iter().all(|reason| *reason == first) {
            first
        } else if group.unreached.iter().any(has_declined) {
            EndReason::DECLINED_BY_ALL
        } else {
            EndReason::NOT_ANSWERED
        });
    }

    /// A leg takes somebody out: devices that ring stop, those that are in are told that they were removed.
    pub(super) fn remove(&mut self, by: LegId, who: &Who) {
        let is_meant = |leg: &&Leg| {
            leg.is_live()
                && leg.id != by
                && match who {
                    Who::Place(place) => leg.participant_id == *place,
                    Who::Everything(identity) => leg.identity == *identity,
                }
        };
        let meant: Vec<(LegId, u32)> =
            self.legs.values().filter(is_meant).map(|leg| (leg.id, leg.participant)).collect();
        for (id, number) in meant {
            let Some(leg) = self.leg(id).filter(|leg| leg.is_live()) else { continue };
            let (identity, state) = (leg.identity.clone(), leg.state());
            self.record(Fact::Removed(by, identity));
            match state {
                LegState::Ringing => {
                    self.stop_ringing(number, EndReason::CANCELLED);
                    self.not_reached(number, EndReason::REMOVED);
                }
                LegState::Calling | LegState::Joining | LegState::Connected => {
                    self.leg_out(id, EndReason::REMOVED, EndReason::REMOVED);
                }
                LegState::Over(_) => {}
            }
        }
        self.end_when_nobody_comes();
    }

    fn stop_ringing(&mut self, number: u32, reason: EndReason) {
        let rung = self.legs.values().filter(|leg| leg.participant == number && leg.is_ringing());
        for id in rung.map(|leg| leg.id).collect::<Vec<_>>() {
            self.end_ringing_leg(id, reason, false);
        }
    }

    fn not_reached(&mut self, number: u32, reason: EndReason) {
        if let (Phase::Gathering { .. }, Some(group)) = (&self.phase, &mut self.group) {
            group.unreached.push(reason);
        }
        self.participant_out(number, reason);
    }

    fn is_rung(&self, number: u32) -> bool {
        self.legs.values().any(|leg| leg.participant == number && matches!(leg.stage, Stage::Ringing { .. }))
    }
}
