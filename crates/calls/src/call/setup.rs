//! From the first ring to the answer.

use centrale_model::{EndReason, Identity, LegId, ParticipantId, ParticipantState};

use super::{CALLER, Call, Phase};
use crate::leg::{Answer, Connected, Stage};
use crate::trickle::Trickle;
use crate::{Change, Description, Device, Fact, Leg, LegState, Notice, Origin, Participant, Sending, Target, Why};

impl Call {
    /// Rings the devices of the one who is called, or ends the call: nobody to ring.
    pub(super) fn start(&mut self, targets: Vec<Target>, offer: Description) {
        self.epoch = offer.epoch;
        self.phase = Phase::Ringing { offer, gathered: Trickle::default(), has_alerted: false };
        let identities = targets.iter().map(|target| target.identity.clone());
        let targets_told = identities.take(Call::MAX_LEGS).collect();
        self.record_started(targets_told);
        let [target] = targets.as_slice() else {
            return self.end_unanswered(Call::NOT_ONE_TO_ONE);
        };
        let callee = Participant {
            invited_by: Some(CALLER),
            has_context: true,
            ..Participant::new(target.identity.clone(), Sending::default())
        };
        let callee = self.participants.push(callee);
        for device in &target.devices {
            self.ring(callee, *device);
        }
        if self.legs.len() > 1 {
            self.deadlines.set(Why::Establish, self.now + self.timers.establish);
            self.deadlines.set(Why::Ring, self.now + self.timers.ring);
            self.end_when_none_rings();
        } else {
            self.end_unanswered(target.absence);
        }
    }

    pub(super) fn record_started(&mut self, targets: Vec<Identity>) {
        if let Some(caller) = self.caller().cloned() {
            self.record(Fact::Started { caller, targets });
        }
    }

    /// A device of somebody who is called came online: it rings too.
    pub(super) fn device_appeared(&mut self, identity: &Identity, device: Device) {
        let is_called = |one: &Participant| one.invited_by.is_some() && one.leg.is_none() && one.identity == *identity;
        let called = self.participants.iter().find(|(_, one)| is_called(one)).map(|(number, _)| number);
        let rings = match self.phase {
            Phase::Ringing { .. } => true,
            Phase::Gathering { .. } | Phase::Talking { .. } => self.is_group(),
            Phase::Fresh | Phase::Over(_) => false,
        };
        if let Some(called) = called.filter(|_| rings) {
            self.ring(called, device);
        }
    }

    /// Rings a device, or notes that it is busy.
    ///
    /// Not rung: a device that is in the call; one that rings already or has declined; one too many.
    pub(super) fn ring(&mut self, participant: u32, device: Device) {
        let is_known = self.legs.values().any(|leg| {
            leg.endpoint == device.endpoint
                && match leg.stage {
                    Stage::Calling | Stage::Ringing { .. } | Stage::Joining | Stage::Connected(_) => true,
                    Stage::Over { has_declined, .. } => {
                        leg.participant == participant && (has_declined || device.is_busy)
                    }
                }
        });
        let is_too_many = match &self.group {
            None => self.legs.len() >= Call::MAX_LEGS,
            Some(_) => self.legs.values().filter(|leg| leg.is_live()).count() >= Call::MAX_GROUP_LEGS,
        };
        let Some(identity) = self.participants.get(participant).map(|one| one.identity.clone()) else { return };
        if is_known || is_too_many {
            return;
        }
        let id = LegId(self.legs.next());
        let stage = if device.is_busy {
            Stage::Over { reason: EndReason::BUSY, was_rung: false, has_declined: false }
        } else {
            Stage::Ringing { is_alerting: false, gathered: Trickle::default() }
        };
        self.legs.push(Leg {
            id,
            endpoint: device.endpoint,
            identity: identity.clone(),
            participant_id: device.participant_id,
            participant,
            is_lost: false,
            stage,
            seat: None,
        });
        if device.is_busy {
            self.record(Fact::NotAnswered(id, EndReason::BUSY));
            return;
        }
        self.record(Fact::Rung(id, identity, device.endpoint));
        if let Some(incoming) = self.incoming(participant) {
            self.tell(id, incoming);
        }
    }

    /// What a device that rings for a participant needs to know.
    pub(super) fn incoming(&self, participant: u32) -> Option<Notice> {
        let (offer, candidates) = match &self.phase {
            Phase::Ringing { offer, gathered, .. } => (Some(offer.clone()), gathered.batches().to_vec()),
            Phase::Gathering { .. } | Phase::Talking { .. } => (None, Vec::new()),
            Phase::Fresh | Phase::Over(_) => return None,
        };
        let (transferor, replaces) = match &self.setup.origin {
            Origin::Dialled => (None, None),
            Origin::TransferOf { transferor, replaces, .. } => (Some(transferor.clone()), *replaces),
        };
        let called = self.participants.get(participant)?;
        let caller = called.invited_by.and_then(|leg| self.leg(leg)).map_or(0, |leg| leg.participant);
        Some(Notice::Incoming {
            // Who called may be gone meanwhile; the first participant is never forgotten.
            caller: self.view_of(caller).or_else(|| self.view_of(0))?,
            offer,
            candidates,
            transferor,
            replaces,
            context: self.setup.context.clone().filter(|_| called.has_context),
        })
    }

    /// A device alerts its user: the caller hears it, the first time.
    pub(super) fn ringing(&mut self, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let participant = leg.participant;
        let Stage::Ringing { is_alerting, .. } = &mut leg.stage else {
            return;
        };
        if core::mem::replace(is_alerting, true) {
            return;
        }
        self.record(Fact::Alerting(id));
        if self.is_group() {
            self.called_alerts(participant);
        }
        if let Phase::Ringing { has_alerted, .. } | Phase::Gathering { has_alerted } = &mut self.phase
            && !core::mem::replace(has_alerted, true)
        {
            if let Some(called) = self.participants.get_mut(participant) {
                called.state = ParticipantState::Ringing;
            }
            self.deadlines.clear(Why::Establish);
            if self.is_leg(CALLER, LegState::Calling) {
                self.tell(CALLER, Notice::Ringing);
            }
        }
    }

    /// The first device that answers is in the call; the others stop ringing (B-CALL-9).
    pub(super) fn accept(&mut self, id: LegId, answer: Answer) {
        if self.is_group() {
            return self.answer_in_group(id, answer);
        }
        let now = self.now;
        let Some(leg) = self.leg_mut(id) else { return };
        let Stage::Ringing { gathered, .. } = &mut leg.stage else {
            return;
        };
        let mut gathered = core::mem::take(gathered);
        gathered.forget_before(answer.description.epoch);
        leg.stage = Stage::Connected(Connected::since(now));
        let (callee, callee_place) = (leg.participant, leg.participant_id);
        if let Some(caller) = self.leg_mut(CALLER) {
            caller.stage = Stage::Connected(Connected::since(now));
        }
        self.phase = Phase::Talking { had_media: false };
        self.epoch = self.epoch.max(answer.description.epoch);
        if let Some(caller) = self.participants.get_mut(0) {
            caller.state = ParticipantState::Connected;
        }
        if let Some(participant) = self.participants.get_mut(callee) {
            participant.state = ParticipantState::Connected;
            participant.display_name = answer.display_name;
            participant.sending = answer.sending;
            participant.leg = Some(id);
        }
        self.deadlines.clear(Why::Establish);
        self.deadlines.clear(Why::Ring);
        self.deadlines.set(Why::MediaSetup, now + self.timers.media_setup);

        self.record_connected(CALLER);
        self.record_connected(id);
        self.tell(id, Notice::Joined);
        if let Some(caller) = self.view_of(0) {
            self.tell(id, Notice::Participant(caller));
        }
        if let Some(callee) = self.view_of(callee) {
            let notice = Notice::Accepted { callee, answer: answer.description, participant_id: callee_place };
            self.tell(CALLER, notice);
        }
        for batch in gathered.batches() {
            self.tell(CALLER, Notice::Candidates(callee_place, batch.clone()));
        }
        for other in self.legs_that(LegState::Ringing) {
            self.end_ringing_leg(other, EndReason::ACCEPTED_ELSEWHERE, false);
        }
        if let Origin::TransferOf { call, transfer, replaces, .. } = self.setup.origin {
            self.change(Change::TransferProgress { call, transfer, outcome: Ok(()) });
            if let Some(call) = replaces {
                self.change(Change::Replaced { call });
            }
        }
    }

    pub(super) fn record_connected(&mut self, id: LegId) {
        let place: Option<(Identity, ParticipantId)> =
            self.leg(id).map(|leg| (leg.identity.clone(), leg.participant_id));
        if let Some((identity, participant_id)) = place {
            self.record(Fact::Connected(id, identity, participant_id));
        }
    }

    /// A device turned the call down. The caller hears of it when no other rings.
    pub(super) fn decline(&mut self, id: LegId, is_busy: bool) {
        if !self.is_leg(id, LegState::Ringing) {
            return;
        }
        let reason = if is_busy { EndReason::BUSY } else { EndReason::DECLINED };
        self.end_ringing_leg(id, reason, true);
        self.stopped_ringing(id);
    }

    /// A device no longer rings: what follows when it was the last.
    pub(super) fn stopped_ringing(&mut self, id: LegId) {
        if self.is_group() {
            if let Some(participant) = self.leg(id).map(|leg| leg.participant) {
                self.settle_calling(participant);
            }
        } else {
            self.end_when_none_rings();
        }
    }

    /// Ends a call between two when no device rings, with what became of those that did.
    pub(super) fn end_when_none_rings(&mut self) {
        if matches!(self.phase, Phase::Ringing { .. }) && !self.legs.values().any(Leg::is_ringing) {
            self.end_unanswered(self.outcome_of(None));
        }
    }

    /// What became of the devices that rang: all, or those of one participant.
    ///
    /// Some declined: `DECLINED` when one device was rung in all, `DECLINED_BY_ALL` when several were. None did, but some
    /// was busy: `BUSY`. Else they all went offline.
    pub(super) fn outcome_of(&self, participant: Option<u32>) -> EndReason {
        let (mut rung, mut declined, mut busy) = (0, 0, 0);
        for leg in self.legs.values().filter(|leg| participant.is_none_or(|number| leg.participant == number)) {
            if let Stage::Over { reason, was_rung, .. } = leg.stage {
                rung += u32::from(was_rung);
                declined += u32::from(reason == EndReason::DECLINED);
                busy += u32::from(reason == EndReason::BUSY);
            }
        }
        match (declined, busy, rung) {
            (1.., _, ..=1) => EndReason::DECLINED,
            (1.., _, _) => EndReason::DECLINED_BY_ALL,
            (0, 1.., _) => EndReason::BUSY,
            (0, 0, _) => EndReason::OFFLINE,
        }
    }
}
