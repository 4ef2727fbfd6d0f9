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
        self.record(Fact::Started {
            caller: self.participants[0].identity.clone(),
            targets: identities.take(Call::MAX_LEGS).collect(),
        });
        let [target] = targets.as_slice() else {
            return self.end_unanswered(Call::NOT_ONE_TO_ONE);
        };
        self.participants.push(Participant {
            identity: target.identity.clone(),
            display_name: None,
            state: ParticipantState::Connecting,
            sending: Sending::default(),
            leg: None,
        });
        for device in &target.devices {
            self.ring(1, *device);
        }
        if self.legs.len() > 1 {
            self.deadlines.set(Why::Establish, self.now + self.timers.establish);
            self.deadlines.set(Why::Ring, self.now + self.timers.ring);
            self.end_when_none_rings();
        } else {
            self.end_unanswered(target.absence);
        }
    }

    /// A device came online while the call rings: it rings too.
    pub(super) fn device_appeared(&mut self, identity: &Identity, device: Device) {
        let called = self.participants.iter().skip(1).position(|participant| participant.identity == *identity);
        if let (Phase::Ringing { .. }, Some(position)) = (&self.phase, called) {
            self.ring(position + 1, device);
        }
    }

    /// Rings a device, or notes that it is busy.
    ///
    /// Not rung: the caller's own device; one that rings already or has declined; one too many.
    fn ring(&mut self, participant: usize, device: Device) {
        let is_known = self.legs.iter().any(|leg| {
            leg.endpoint == device.endpoint
                && match leg.stage {
                    Stage::Calling | Stage::Ringing { .. } | Stage::Connected(_) => true,
                    Stage::Over { has_declined, .. } => has_declined || device.is_busy,
                }
        });
        let Ok(number) = u32::try_from(self.legs.len()) else {
            return;
        };
        if is_known || self.legs.len() >= Call::MAX_LEGS {
            return;
        }
        let id = LegId(number);
        let identity = self.participants[participant].identity.clone();
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
        });
        if device.is_busy {
            self.record(Fact::NotAnswered(id, EndReason::BUSY));
            return;
        }
        self.record(Fact::Rung(id, identity, device.endpoint));
        if let Some(incoming) = self.incoming() {
            self.tell(id, incoming);
        }
    }

    /// What a device that rings needs to know, while the call rings.
    pub(super) fn incoming(&self) -> Option<Notice> {
        let Phase::Ringing { offer, gathered, .. } = &self.phase else {
            return None;
        };
        let (transferor, replaces) = match &self.setup.origin {
            Origin::Dialled => (None, None),
            Origin::TransferOf { transferor, replaces, .. } => (Some(transferor.clone()), *replaces),
        };
        Some(Notice::Incoming {
            caller: self.view_of_participant(&self.participants[0]),
            offer: offer.clone(),
            candidates: gathered.batches().to_vec(),
            transferor,
            replaces,
            context: self.setup.context.clone(),
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
        if let Phase::Ringing { has_alerted, .. } = &mut self.phase
            && !core::mem::replace(has_alerted, true)
        {
            self.participants[participant].state = ParticipantState::Ringing;
            self.deadlines.clear(Why::Establish);
            self.tell(CALLER, Notice::Ringing);
        }
    }

    /// The first device that answers is in the call; the others stop ringing (B-CALL-9).
    pub(super) fn accept(&mut self, id: LegId, answer: Answer) {
        let now = self.now;
        let Some(leg) = self.leg_mut(id) else { return };
        let Stage::Ringing { gathered, .. } = &mut leg.stage else {
            return;
        };
        let mut gathered = core::mem::take(gathered);
        gathered.forget_before(answer.description.epoch);
        leg.stage = Stage::Connected(Connected::since(now));
        let (callee, callee_place) = (leg.participant, leg.participant_id);
        self.legs[0].stage = Stage::Connected(Connected::since(now));
        self.phase = Phase::Talking { had_media: false };
        self.epoch = self.epoch.max(answer.description.epoch);
        self.participants[0].state = ParticipantState::Connected;
        let participant = &mut self.participants[callee];
        participant.state = ParticipantState::Connected;
        participant.display_name = answer.display_name;
        participant.sending = answer.sending;
        participant.leg = Some(id);
        self.deadlines.clear(Why::Establish);
        self.deadlines.clear(Why::Ring);
        self.deadlines.set(Why::MediaSetup, now + self.timers.media_setup);

        self.record_connected(CALLER);
        self.record_connected(id);
        self.tell(id, Notice::Joined);
        let caller_view = self.view_of_participant(&self.participants[0]);
        self.tell(id, Notice::Participant(caller_view));
        self.tell(
            CALLER,
            Notice::Accepted {
                callee: self.view_of_participant(&self.participants[callee]),
                answer: answer.description,
                participant_id: callee_place,
            },
        );
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

    fn record_connected(&mut self, id: LegId) {
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
        self.end_when_none_rings();
    }

    /// Ends the call when no device rings, with what became of those that did.
    ///
    /// Some declined: `DECLINED` when one device was rung in all, `DECLINED_BY_ALL` when several were. None did, but some
    /// was busy: `BUSY`. Else they all went offline.
    pub(super) fn end_when_none_rings(&mut self) {
        if !matches!(self.phase, Phase::Ringing { .. }) || self.legs.iter().any(|leg| leg.is_ringing()) {
            return;
        }
        let (mut rung, mut declined, mut busy) = (0, 0, 0);
        for leg in &self.legs {
            if let Stage::Over { reason, was_rung, .. } = leg.stage {
                rung += u32::from(was_rung);
                declined += u32::from(reason == EndReason::DECLINED);
                busy += u32::from(reason == EndReason::BUSY);
            }
        }
        self.end_unanswered(match (declined, busy, rung) {
            (1.., _, ..=1) => EndReason::DECLINED,
            (1.., _, _) => EndReason::DECLINED_BY_ALL,
            (0, 1.., _) => EndReason::BUSY,
            (0, 0, _) => EndReason::OFFLINE,
        });
    }
}
