//! One hosted call: its machine, its clock, and the requests it has taken.

use std::collections::{BTreeMap, VecDeque};

use centrale_calls::{Call, Input, Output, Timers};
use centrale_model::{CallId, LegId, Time, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How many request ids of each leg are remembered, so that a repeated request changes nothing.
///
/// Clients send one request at a time, so one would do; the rest is for a request that was delayed in a proxy.
const REMEMBERED: usize = 16;

/// A machine with what its host must remember. Serialized, it is the call's snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hosted {
    pub(crate) call: Call,
    /// The call's birth on the wall clock: its `Time::ZERO`.
    pub(crate) born: Timestamp,
    /// The node whose media processor holds its conference.
    #[serde(default)]
    pub(crate) media_node: Option<String>,
    taken: BTreeMap<LegId, VecDeque<String>>,
    /// The request with which each leg joined last, so that the same one can be told from another client that uses the same epoch.
    #[serde(default)]
    joins: BTreeMap<LegId, String>,
}

impl Hosted {
    pub(crate) fn new(id: CallId, born: Timestamp, timers: Timers, participants: usize) -> Hosted {
        let call = Call::new(id, timers).limited_to(participants);
        Hosted { call, born, media_node: None, taken: BTreeMap::new(), joins: BTreeMap::new() }
    }

    /// Gives one input to the machine and takes all that it wants done.
    pub(crate) fn step(&mut self, input: Input, now: Timestamp, outputs: &mut Vec<Output>) {
        self.call.handle(input, self.time(now));
        while let Some(output) = self.call.poll() {
            outputs.push(output);
        }
    }

    /// When the machine wants to be woken, on the wall clock.
    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        let (at, _why) = self.call.timeout()?;
        Some(self.born.plus(at.since(Time::ZERO)))
    }

    /// Remembers a request id of a leg; `false` when it was taken before.
    pub(crate) fn take(&mut self, leg: LegId, request: &str) -> bool {
        let taken = self.taken.entry(leg).or_default();
        if taken.iter().any(|known| known == request) {
            return false;
        }
        if taken.len() == REMEMBERED {
            taken.pop_front();
        }
        taken.push_back(request.to_owned());
        true
    }

    /// Remembers the request with which a leg joined.
    pub(crate) fn joined_by(&mut self, leg: LegId, request: &str) {
        self.joins.insert(leg, request.to_owned());
    }

    /// Whether a leg joined by this very request.
    pub(crate) fn is_joined_by(&self, leg: LegId, request: &str) -> bool {
        self.joins.get(&leg).is_some_and(|known| known == request)
    }

    /// Forgets what belongs to legs that the machine has forgotten.
    pub(crate) fn forget_old_legs(&mut self) {
        let call = &self.call;
        self.taken.retain(|leg, _| call.leg(*leg).is_some());
        self.joins.retain(|leg, _| call.leg(*leg).is_some_and(|leg| leg.is_live()));
    }

    pub(crate) fn to_snapshot(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::bug(format!("a call cannot be written down: {error}")))
    }

    pub(crate) fn from_snapshot(text: &str) -> Result<Hosted> {
        serde_json::from_str(text).map_err(|error| Error::bug(format!("a call's snapshot cannot be read: {error}")))
    }

    fn time(&self, now: Timestamp) -> Time {
        Time::ZERO + now.since(self.born)
    }
}
