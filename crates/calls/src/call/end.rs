//! How calls end, and what each leg is told of it.

use centrale_model::{EndReason, LegId, Time};

use super::{CALLER, Call, Phase};
use crate::leg::Stage;
use crate::{Change, Fact, LegState, Notice, Order, Origin};

impl Call {
    /// The user leaves. A caller who gives up cancels; a device that rings declines; a connected leg ends the call.
    pub(super) fn hang_up(&mut self, id: LegId, for_everyone: bool) {
        let Some(leg) = self.leg(id) else { return };
        let others = match leg.state() {
            LegState::Ringing => return self.decline(id, false),
            LegState::Over(_) => return,
            LegState::Calling => EndReason::CANCELLED,
            LegState::Connected if for_everyone => EndReason::ENDED_FOR_ALL,
            LegState::Joining | LegState::Connected if self.is_group() => {
                return self.leg_out(id, EndReason::HUNG_UP, EndReason::HUNG_UP);
            }
            LegState::Joining | LegState::Connected => EndReason::HUNG_UP,
        };
        self.end_all(others, |leg| if leg == id { EndReason::HUNG_UP } else { others });
    }

    /// Another call took this one's place.
    pub(super) fn replaced(&mut self) {
        match self.phase {
            Phase::Fresh | Phase::Over(_) => {}
            Phase::Ringing { .. } | Phase::Gathering { .. } | Phase::Talking { .. } => {
                self.end_all(EndReason::TRANSFERRED, |_| EndReason::TRANSFERRED);
            }
        }
    }

    /// Nobody answered, for one reason that all hear.
    pub(super) fn end_unanswered(&mut self, reason: EndReason) {
        if matches!(self.phase, Phase::Ringing { .. } | Phase::Gathering { .. }) {
            self.end_all(reason, |_| reason);
        }
    }

    /// An answered call cannot go on, for one reason that all hear.
    pub(super) fn end_connected(&mut self, reason: EndReason) {
        if self.is_connected() {
            self.end_all(reason, |_| reason);
        }
    }

    /// Ends a leg that rings; the call goes on.
    pub(super) fn end_ringing_leg(&mut self, id: LegId, reason: EndReason, has_declined: bool) {
        self.forget_absence(id);
        let Some(leg) = self.leg_mut(id) else { return };
        leg.stage = Stage::Over { reason, was_rung: true, has_declined };
        leg.is_lost = false;
        self.tell(id, Notice::Ended(reason));
        self.record(if has_declined { Fact::Declined(id, reason) } else { Fact::NotAnswered(id, reason) });
    }

    /// Ends the call: each live leg with its own reason, the call with `reason`.
    ///
    /// 1. Each live leg is told; a ringing one was not answered, a connected one has left, with its time in the call (B-USE-1).
    /// 2. A transfer that is under way has failed; a call that was made for a transfer and was not answered says so to the other call.
    /// 3. The last fact.
    pub(super) fn end_all(&mut self, reason: EndReason, reason_for: impl Fn(LegId) -> EndReason) {
        let was_answered = self.is_connected();
        for id in self.legs.values().map(|leg| leg.id).collect::<Vec<_>>() {
            self.end_leg(id, reason_for(id));
        }
        for participant in self.participants.values_mut() {
            participant.state = centrale_model::ParticipantState::Disconnected;
        }
        if self.is_conference() {
            self.order(Order::Close);
        }
        self.abandon_transfer(reason);
        if let Origin::TransferOf { call, transfer, .. } = self.setup.origin
            && !was_answered
        {
            self.change(Change::TransferProgress { call, transfer, outcome: Err(reason) });
        }
        self.phase = Phase::Over(reason);
        self.deadlines.clear_all();
        self.record(Fact::Ended(reason));
    }

    /// Ends one leg, whatever it does.
    pub(super) fn end_leg(&mut self, id: LegId, reason: EndReason) {
        let Some(leg) = self.leg(id) else { return };
        match &leg.stage {
            Stage::Over { .. } => {}
            Stage::Ringing { .. } => self.end_ringing_leg(id, reason, false),
            Stage::Calling => self.close_leg(id, reason),
            Stage::Joining => {
                self.close_leg(id, reason);
                self.record(Fact::NotAnswered(id, reason));
            }
            Stage::Connected(connected) => {
                let fact = Fact::Left {
                    leg: id,
                    identity: leg.identity.clone(),
                    participant_id: leg.participant_id,
                    reason,
                    connected_ms: milliseconds(connected.since, self.now),
                };
                self.close_leg(id, reason);
                self.record(fact);
            }
        }
    }

    fn close_leg(&mut self, id: LegId, reason: EndReason) {
        if let Some(leg) = self.leg_mut(id) {
            leg.is_lost = false;
            leg.seat = None;
            leg.stage = Stage::Over { reason, was_rung: id != CALLER, has_declined: false };
        }
        self.tell(id, Notice::Ended(reason));
    }
}

fn milliseconds(from: Time, to: Time) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}
