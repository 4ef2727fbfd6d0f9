//! Coming into a group call, and leaving it.

use centrale_model::{
    CallState, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, ParticipantRole, ParticipantState,
    ReceiveMode,
};

use super::{CALLER, Call, Conference, Group, Phase};
use crate::leg::{Connected, Stage};
use crate::{
    Description, Fact, Form, Leg, LegState, Notice, Order, Participant, ParticipantView, Rights, Sending, Target, Why,
};

/// Who joins, with what and how.
pub(super) struct Joiner {
    pub(super) identity: Identity,
    pub(super) endpoint: EndpointId,
    pub(super) participant_id: ParticipantId,
    pub(super) display_name: Option<String>,
    pub(super) sending: Sending,
    pub(super) mode: ReceiveMode,
    pub(super) role: ParticipantRole,
}

impl Call {
    /// A group call begins with the first who joins it.
    pub(super) fn open(&mut self, identity: Identity, group: Option<GroupId>, is_relay_allowed: bool) {
        self.setup.form = Form::Group;
        self.setup.is_relay_allowed = is_relay_allowed;
        self.begin_conference();
        self.group = Some(Group { id: group, ..Group::default() });
        self.record(Fact::Opened { identity, group });
    }

    /// The caller and the media processor: the caller is in as soon as its offer is answered (B-CALL-12).
    pub(super) fn start_echo(&mut self, targets: Vec<Target>, offer: Description) {
        self.record_started(targets.iter().map(|target| target.identity.clone()).collect());
        self.begin_conference();
        for target in targets.into_iter().take(1) {
            let bot = Participant { invited_by: Some(CALLER), ..Participant::new(target.identity, Sending::default()) };
            self.participants.push(bot);
        }
        self.take_seat(CALLER, offer, ReceiveMode::default(), true);
    }

    /// Media goes to the media processor from the start.
    pub(super) fn begin_conference(&mut self) {
        self.phase = Phase::Gathering { has_alerted: false };
        self.conference = Conference::Held;
    }

    /// A device joins, answers by joining where it rings, or comes back with a new peer connection.
    pub(super) fn join(&mut self, joiner: Joiner, offer: Description) {
        let known = self.legs.values().find(|leg| leg.endpoint == joiner.endpoint && leg.is_live());
        let id = match known.map(|leg| (leg.id, leg.state())) {
            Some((id, LegState::Calling | LegState::Joining | LegState::Connected)) => {
                self.sending(id, joiner.sending);
                return self.come_back(id, offer, joiner.mode);
            }
            Some((id, LegState::Ringing | LegState::Over(_))) => id,
            None => self.new_leg(&joiner),
        };
        let Joiner { identity, endpoint, display_name, sending, mode, role, .. } = joiner;
        self.record(Fact::Joining(id, identity, endpoint));
        if let Some(participant) = self.participant_mut(id) {
            participant.role = role;
        }
        self.answer_for(id, display_name, sending);
        self.take_seat(id, offer, mode, true);
    }

    /// A leg for somebody who joins: at the place where it is being called, or at one of its own.
    fn new_leg(&mut self, joiner: &Joiner) -> LegId {
        let rung = self.legs.values().find(|leg| leg.identity == joiner.identity && leg.is_ringing());
        let participant = match rung.map(|leg| leg.participant) {
            Some(participant) => participant,
            None => self.participants.push(Participant::new(joiner.identity.clone(), Sending::default())),
        };
        let id = LegId(self.legs.next());
        self.legs.push(Leg {
            id,
            endpoint: joiner.endpoint,
            identity: joiner.identity.clone(),
            participant_id: joiner.participant_id,
            participant,
            is_lost: false,
            stage: Stage::Joining,
            seat: None,
        });
        id
    }

    /// A leg speaks for its participant from now on; the participant's other devices stop ringing (B-CALL-9).
    pub(super) fn answer_for(&mut self, id: LegId, display_name: Option<String>, sending: Sending) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.stage = Stage::Joining;
        let number = leg.participant;
        if let Some(participant) = self.participants.get_mut(number) {
            participant.leg = Some(id);
            participant.display_name = display_name;
            participant.sending = Rights::of(participant.role).clamp(sending);
            participant.state = ParticipantState::Connecting;
        }
        self.deadlines.clear(Why::Alert(number));
        self.deadlines.clear(Why::Answer(number));
        let others = self.legs.values().filter(|leg| leg.participant == number && leg.is_ringing());
        for other in others.map(|leg| leg.id).collect::<Vec<_>>() {
            self.end_ringing_leg(other, EndReason::ACCEPTED_ELSEWHERE, false);
        }
    }

    /// The media processor has taken a leg in: it is in the call. `has_asked`: it learns so from the answer to its request.
    pub(super) fn come_in(&mut self, id: LegId, has_asked: bool) {
        let now = self.now;
        let Some(leg) = self.leg_mut(id) else { return };
        leg.stage = Stage::Connected(Connected::since(now));
        let number = leg.participant;
        if let Some(participant) = self.participants.get_mut(number) {
            participant.state = ParticipantState::Connected;
        }
        if let Phase::Gathering { .. } = self.phase {
            self.phase = Phase::Talking { had_media: false };
            if let Some(group) = &mut self.group {
                group.unreached.clear();
            }
            self.caller_comes_in(id);
        }
        self.record_connected(id);
        if !has_asked {
            self.tell(id, Notice::Joined);
            let others = self
                .participants
                .iter()
                .filter(|(other, one)| *other != number && one.state != ParticipantState::Disconnected);
            let others: Vec<ParticipantView> = others.filter_map(|(other, _)| self.view_of(other)).collect();
            self.tell(id, Notice::Participants(others));
        }
        self.announce(number, Some(id));
    }

    /// Somebody is in: so is whoever called, and its time counts from now on.
    pub(super) fn caller_comes_in(&mut self, first: LegId) {
        if first == CALLER || !self.is_leg(CALLER, LegState::Calling) {
            return;
        }
        self.connect_caller();
        self.tell(CALLER, Notice::State(CallState::Connected));
    }

    /// The caller's leg is connected.
    pub(super) fn connect_caller(&mut self) {
        let now = self.now;
        if let Some(leg) = self.leg_mut(CALLER) {
            leg.stage = Stage::Connected(Connected::since(now));
        }
        if let Some(caller) = self.participants.get_mut(0) {
            caller.state = ParticipantState::Connected;
        }
        self.record_connected(CALLER);
    }

    /// A leg of a group call is out. `own` is what it is told, `seen` what the others see.
    ///
    /// The last one ends the call.
    pub(super) fn leg_out(&mut self, id: LegId, own: EndReason, seen: EndReason) {
        let Some(leg) = self.leg(id).filter(|leg| leg.is_live()) else { return };
        let (number, place, is_seated) = (leg.participant, leg.participant_id, leg.seat.is_some());
        if leg.state() == LegState::Calling {
            return self.end_all(seen, |leg| if leg == id { own } else { EndReason::CANCELLED });
        }
        self.forget_absence(id);
        for why in [Why::Admit(id), Why::Seat(id), Why::MediaLost(id)] {
            self.deadlines.clear(why);
        }
        self.end_leg(id, own);
        if is_seated {
            self.order(Order::Expel(place));
        }
        self.participant_out(number, seen);
        if !self.legs.values().any(Leg::is_in) {
            return self.end_all(seen, |_| EndReason::CANCELLED);
        }
        self.look_at_move();
        self.end_when_nobody_comes();
    }

    /// A participant is out: the others see why, and it is forgotten but for the first.
    pub(super) fn participant_out(&mut self, number: u32, reason: EndReason) {
        let Some(participant) = self.participants.get_mut(number) else { return };
        participant.state = ParticipantState::Disconnected;
        participant.end_reason = Some(reason);
        participant.hand = None;
        self.deadlines.clear(Why::Alert(number));
        self.deadlines.clear(Why::Answer(number));
        self.leave_stage(number);
        self.announce(number, None);
        if number != 0 {
            self.participants.forget(number);
        }
        let over: Vec<u32> =
            self.legs.values().filter(|leg| !leg.is_live() && leg.id != CALLER).map(|leg| leg.id.0).collect();
        for oldest in over.iter().take(over.len().saturating_sub(Call::KEPT_LEGS)) {
            self.legs.forget(*oldest);
        }
    }
}
