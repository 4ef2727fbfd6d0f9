//! Watches what a group call puts out and objects to what must never be, whatever came in.

use std::collections::{BTreeMap, BTreeSet};

use centrale_calls::{Call, Fact, LegState, Notice, Order, Output};
use centrale_model::{EndReason, LegId, ParticipantId, Time};

#[derive(Default)]
pub(crate) struct GroupWitness {
    /// Devices that may be told something: placed, rung, or joining.
    known: BTreeSet<LegId>,
    told_end: BTreeMap<LegId, EndReason>,
    connected: BTreeMap<LegId, ParticipantId>,
    left: BTreeMap<LegId, u64>,
    joined: BTreeSet<LegId>,
    /// Who the media processor was asked to let in, and not to put out.
    seated: BTreeSet<ParticipantId>,
    ended: Option<EndReason>,
    /// For how long each leg was seen to be connected, up to the last look.
    seen: BTreeMap<LegId, u64>,
    looked: Time,
    in_call: BTreeSet<LegId>,
}

impl GroupWitness {
    pub(crate) fn see(&mut self, output: &Output) {
        assert_eq!(self.ended, None, "nothing follows the end, but {output:?} does");
        match output {
            Output::Tell(leg, notice) => self.see_notice(*leg, notice),
            Output::Record(fact) => self.see_fact(fact),
            Output::Order(order) => self.see_order(order),
            Output::Change(change) => panic!("a group changes no other call, but {change:?}"),
        }
    }

    fn see_notice(&mut self, leg: LegId, notice: &Notice) {
        assert!(!self.told_end.contains_key(&leg), "{leg} is told {notice:?} after its end");
        assert!(self.known.contains(&leg), "{leg} is told {notice:?} and is not in the call");
        let is_in = self.connected.contains_key(&leg) || leg == LegId(0);
        match notice {
            Notice::Ended(reason) => {
                self.told_end.insert(leg, *reason);
            }
            Notice::Joined => assert!(self.joined.insert(leg), "{leg} joins once"),
            Notice::Incoming { .. } => assert!(!is_in, "{leg} rings though it is in"),
            Notice::Participant(_)
            | Notice::Participants(_)
            | Notice::State(_)
            | Notice::Transfer { .. }
            | Notice::TransferRequested { .. }
            | Notice::MutedByOthers(_)
            | Notice::Convene { .. }
            | Notice::Convened { .. }
            | Notice::Adjourned { .. } => assert!(is_in, "{leg} is told {notice:?} though not in"),
            Notice::Ringing | Notice::Accepted { .. } => assert_eq!(leg, LegId(0)),
            Notice::Conference(_) | Notice::Description(..) | Notice::Candidates(..) => {}
        }
    }

    fn see_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Started { .. } | Fact::Opened { .. } => {
                self.known.insert(LegId(0));
            }
            Fact::Rung(leg, ..) => assert!(self.known.insert(*leg), "{leg} is rung once"),
            Fact::Joining(leg, ..) => {
                self.known.insert(*leg);
            }
            Fact::Connected(leg, _, place) => {
                assert_eq!(self.connected.insert(*leg, *place), None, "{leg} connects once");
            }
            Fact::Left { leg, reason, connected_ms, participant_id, .. } => {
                assert_eq!(self.connected.get(leg), Some(participant_id), "{leg} left and was never there");
                assert_eq!(self.told_end.get(leg), Some(reason));
                assert_eq!(self.left.insert(*leg, *connected_ms), None, "{leg} leaves once");
            }
            Fact::Ended(reason) => self.ended = Some(*reason),
            _ => {}
        }
    }

    fn see_order(&mut self, order: &Order) {
        match order {
            Order::Admit { place, .. } => {
                self.seated.insert(*place);
            }
            Order::Expel(place) => {
                self.seated.remove(place);
            }
            Order::Close => self.seated.clear(),
            Order::Describe { place, .. }
            | Order::Allow(place, _)
            | Order::Receive(place, _)
            | Order::Hold(place, _) => {
                assert!(self.seated.contains(place), "{order:?} for somebody who is not there");
            }
            Order::Spotlight(places) => assert!(places.len() <= Call::MAX_SPOTLIGHTED),
        }
    }

    /// What must hold whenever a call was drained.
    pub(crate) fn look_at(&mut self, call: &Call, now: Time) {
        assert_eq!(call.is_over(), self.ended);
        let passed = u64::try_from(now.since(self.looked).as_nanos()).expect("a short while");
        for leg in &self.in_call {
            *self.seen.entry(*leg).or_default() += passed;
        }
        self.looked = now;
        self.in_call = call.legs().filter(|leg| leg.state() == LegState::Connected).map(|leg| leg.id()).collect();
        if let Some((at, why)) = call.timeout() {
            assert!(at > now, "{why:?} at {at} is past, at {now}");
        }
        assert!(call.legs().filter(|leg| leg.is_live()).count() <= Call::MAX_GROUP_LEGS);
        for leg in call.legs() {
            let view = call.view_for(leg.id());
            assert_eq!(view.is_some(), leg.is_live());
            let Some(view) = view else { continue };
            let places: Vec<_> = view.others.iter().filter_map(|one| one.participant_id).collect();
            assert!(
                !places.contains(&view.participant_id) || leg.state() == LegState::Ringing,
                "nobody is its own other"
            );
            assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len(), "each place once");
            for other in call.legs().filter(|other| self.in_call.contains(&other.id()) && other.id() != leg.id()) {
                assert!(places.contains(&other.participant_id()), "{} does not see {}", leg.id(), other.id());
            }
        }
        for (leg, ms) in &self.left {
            let seen = self.seen.get(leg).copied().unwrap_or_default() / 1_000_000;
            assert_eq!(seen, *ms, "{leg} is metered for the time that it was seen to be connected");
        }
        if self.ended.is_some() {
            assert_eq!(call.timeout(), None);
            assert!(self.known.iter().all(|leg| self.told_end.contains_key(leg)), "somebody still waits");
            assert_eq!(self.left.len(), self.connected.len(), "who was connected has left");
            assert!(self.seated.is_empty(), "the conference is closed");
        }
    }
}
