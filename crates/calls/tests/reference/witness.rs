//! Watches what a call puts out and objects to what must never be, whatever came in.

use std::collections::{BTreeMap, BTreeSet};

use centrale_calls::{Call, Change, Fact, Notice, Output};
use centrale_model::{EndReason, LegId, Time, TransferState};

#[derive(Default)]
pub(crate) struct Witness {
    rung: BTreeSet<LegId>,
    pub(crate) told_end: BTreeMap<LegId, EndReason>,
    pub(crate) joined: Option<LegId>,
    connected: Vec<LegId>,
    pub(crate) left: BTreeMap<LegId, u64>,
    has_heard_ringing: bool,
    has_accepted: bool,
    transfers: BTreeMap<u32, TransferState>,
    progress_reports: usize,
    pub(crate) ended: Option<EndReason>,
}

impl Witness {
    pub(crate) fn see(&mut self, output: &Output) {
        assert_eq!(self.ended, None, "nothing follows the end, but {output:?} does");
        match output {
            Output::Tell(leg, notice) => self.see_notice(*leg, notice),
            Output::Record(fact) => self.see_fact(fact),
            Output::Change(Change::TransferProgress { .. }) => {
                self.progress_reports += 1;
                assert_eq!(self.progress_reports, 1, "the other call hears of this one once");
            }
            Output::Change(Change::Replaced { .. }) => assert!(self.joined.is_some()),
            Output::Order(order) => panic!("a call between two orders {order:?}"),
        }
    }

    fn see_notice(&mut self, leg: LegId, notice: &Notice) {
        assert!(!self.told_end.contains_key(&leg), "{leg} is told {notice:?} after its end");
        assert!(leg == LegId(0) || self.rung.contains(&leg), "{leg} never rang");
        match notice {
            Notice::Ended(reason) => {
                self.told_end.insert(leg, *reason);
            }
            Notice::Joined => {
                assert_eq!(self.joined.replace(leg), None, "one device wins");
            }
            Notice::Ringing => {
                assert_eq!(leg, LegId(0));
                assert!(!core::mem::replace(&mut self.has_heard_ringing, true), "ringing is heard once");
            }
            Notice::Accepted { .. } => {
                assert_eq!(leg, LegId(0));
                assert!(!core::mem::replace(&mut self.has_accepted, true), "one answer");
            }
            Notice::Incoming { .. } => assert!(self.joined.is_none(), "nothing rings after the answer"),
            Notice::State(_) | Notice::TransferRequested { .. } | Notice::Transfer { .. } | Notice::Participant(_) => {
                assert!(self.connected.contains(&leg), "{leg} is told {notice:?} though not connected");
            }
            Notice::Description(..) | Notice::Candidates(..) => {}
            Notice::Conference(_)
            | Notice::Convene { .. }
            | Notice::Convened { .. }
            | Notice::Adjourned { .. }
            | Notice::MutedByOthers(_)
            | Notice::Participants(_) => panic!("a call between two has no {notice:?}"),
        }
    }

    fn see_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Rung(leg, ..) => assert!(self.rung.insert(*leg), "{leg} is rung once"),
            Fact::Connected(leg, ..) => {
                assert!(!self.connected.contains(leg), "{leg} connects once");
                self.connected.push(*leg);
            }
            Fact::Left { leg, connected_ms, reason, .. } => {
                assert!(self.connected.contains(leg), "{leg} left and was never there");
                assert_eq!(self.told_end.get(leg), Some(reason));
                assert_eq!(self.left.insert(*leg, *connected_ms), None, "{leg} leaves once");
            }
            Fact::Transfer(number, state) => {
                let before = self.transfers.insert(*number, *state);
                let is_step = match state {
                    TransferState::Transferring => before.is_none(),
                    TransferState::Transferred | TransferState::Failed => before == Some(TransferState::Transferring),
                };
                assert!(is_step, "transfer {number} goes from {before:?} to {state:?}");
            }
            Fact::Ended(reason) => self.ended = Some(*reason),
            Fact::Opened { .. }
            | Fact::Added(..)
            | Fact::Removed(..)
            | Fact::Joining(..)
            | Fact::Seat(..)
            | Fact::Convening
            | Fact::Convened
            | Fact::Adjourned
            | Fact::ConferenceLost
            | Fact::Muted(..)
            | Fact::Hand(..)
            | Fact::Spotlight(..)
            | Fact::Role(..)
            | Fact::Receives(..) => panic!("a call between two has no {fact:?}"),
            Fact::Started { .. }
            | Fact::Alerting(_)
            | Fact::Declined(..)
            | Fact::NotAnswered(..)
            | Fact::Media(..)
            | Fact::Presence(..)
            | Fact::Hold(..)
            | Fact::Sending(..)
            | Fact::Described(..) => {}
        }
    }

    /// What must hold whenever a call was drained.
    pub(crate) fn look_at(&self, call: &Call, now: Time) {
        assert_eq!(call.is_over(), self.ended);
        if let Some((at, why)) = call.timeout() {
            assert!(at > now, "{why:?} at {at} is past, at {now}");
        }
        assert!(call.legs().count() <= Call::MAX_LEGS);
        for leg in call.legs() {
            assert_eq!(call.view_for(leg.id()).is_some(), leg.is_live());
        }
        if self.ended.is_some() {
            assert_eq!(call.timeout(), None);
            assert!(self.rung.iter().all(|leg| self.told_end.contains_key(leg)), "somebody still rings");
            assert!(self.told_end.contains_key(&LegId(0)), "the caller still waits");
            assert_eq!(self.left.len(), self.connected.len(), "who was connected has left");
            assert!(self.transfers.values().all(|state| *state != TransferState::Transferring));
        }
        assert_eq!(self.connected.len(), if self.joined.is_some() { 2 } else { 0 });
    }
}
