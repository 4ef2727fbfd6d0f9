//! Event connections that go and come back (B-CALL-2, B-CALL-11), and tokens that run out.

use centrale_model::{EndReason, LegId};

use super::Call;
use crate::{Fact, LegState, Why};

impl Call {
    /// A leg's event connection is gone: its window begins. A page that says goodbye after its connection was lost shortens the
    /// window; a loss after a goodbye does not lengthen it.
    pub(super) fn lost(&mut self, id: LegId, is_leaving: bool) {
        let now = self.now;
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.is_live()) else {
            return;
        };
        if !core::mem::replace(&mut leg.is_lost, true) {
            self.record(Fact::Presence(id, false));
            let (why, window) = if is_leaving {
                (Why::Leaving(id), self.timers.leaving)
            } else {
                (Why::Reconnect(id), self.timers.reconnect)
            };
            self.deadlines.set(why, now + window);
            return;
        }
        let goodbye = now + self.timers.leaving;
        if is_leaving && self.deadlines.at(Why::Reconnect(id)).is_some_and(|at| at > goodbye) {
            self.deadlines.clear(Why::Reconnect(id));
            self.deadlines.set(Why::Leaving(id), goodbye);
        }
    }

    /// A leg's event connection is there again.
    pub(super) fn back(&mut self, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.is_live() && leg.is_lost) else {
            return;
        };
        leg.is_lost = false;
        self.record(Fact::Presence(id, true));
        self.forget_absence(id);
        self.extend_mending();
    }

    pub(super) fn forget_absence(&mut self, id: LegId) {
        self.deadlines.clear(Why::Reconnect(id));
        self.deadlines.clear(Why::Leaving(id));
    }

    /// A leg did not come back in time. `reason` is for the leg itself, should it ever look.
    ///
    /// A device that rings just stops ringing. A caller's or connected leg takes the call with it, but not a group call.
    pub(super) fn leg_vanished(&mut self, id: LegId, reason: EndReason) {
        let Some(leg) = self.leg(id) else { return };
        match leg.state() {
            LegState::Ringing => {
                self.end_ringing_leg(id, EndReason::OFFLINE, false);
                self.stopped_ringing(id);
            }
            LegState::Joining | LegState::Connected if self.is_group() => {
                self.leg_out(id, reason, EndReason::VANISHED);
            }
            LegState::Calling | LegState::Joining | LegState::Connected => {
                self.end_all(EndReason::VANISHED, |leg| if leg == id { reason } else { EndReason::VANISHED });
            }
            LegState::Over(_) => {}
        }
    }

    /// A leg's token is over: it may not go on.
    pub(super) fn token_over(&mut self, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        match leg.state() {
            LegState::Ringing => {
                self.end_ringing_leg(id, EndReason::TOKEN_INVALID, false);
                self.stopped_ringing(id);
            }
            LegState::Joining | LegState::Connected if self.is_group() => {
                self.leg_out(id, EndReason::TOKEN_INVALID, EndReason::VANISHED);
            }
            LegState::Calling | LegState::Joining | LegState::Connected => {
                self.end_all(EndReason::TOKEN_INVALID, |leg| {
                    if leg == id { EndReason::TOKEN_INVALID } else { EndReason::VANISHED }
                });
            }
            LegState::Over(_) => {}
        }
    }
}
