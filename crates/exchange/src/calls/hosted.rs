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
    taken: BTreeMap<LegId, VecDeque<String>>,
}

impl Hosted {
    pub(crate) fn new(id: CallId, born: Timestamp, timers: Timers) -> Hosted {
        Hosted { call: Call::new(id, timers), born, taken: BTreeMap::new() }
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
