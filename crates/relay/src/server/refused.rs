//! What was refused to whom: facts for whoever asks why a call went the way it did.
//!
//! Only users who proved who they are have a place here, so strangers cannot fill it. A refusal that repeats is counted and not
//! listed, so that a flood of packets over a limit is one line.

use core::fmt;
use std::sync::Arc;

use centrale_model::{Time, Timestamp};

use super::{Fact, Output, RecordId, Server};
use crate::Transport;

/// Different refusals that wait to be put out; beyond, they are in the counters only.
const WAITING: usize = 1_024;

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    User = 0,
    Source = 1,
    Resource = 2,
}

impl Whose {
    /// All of them, in the order in which allocations and limits list them.
    pub const ALL: [Whose; 3] = [Whose::User, Whose::Source, Whose::Resource];
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// An allocation, with 486: as many as there may be.
    Allocations(Whose),
    /// An allocation, with 486: the day's bytes are used up.
    Day(Whose),
    /// A packet, by dropping it: too many bytes in a second.
    Bandwidth(Whose),
    /// A packet, by dropping it: the day's bytes are used up.
    DayBytes(Whose),
    /// With 508: no port, no room, or the socket would not open.
    Capacity,
    /// An allocation, with 300 or 508: this relay is about to go.
    Draining,
    /// A permission or channel, with 403: the peer's address.
    Peer,
    /// With 401: the credential's hour has passed.
    Expired,
    /// With 401: the user was deleted.
    Revoked,
}

impl Reason {
    /// The reason's name in records and counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Allocations(Whose::User) => "user_allocations",
            Reason::Allocations(Whose::Source) => "source_allocations",
            Reason::Allocations(Whose::Resource) => "resource_allocations",
            Reason::Day(Whose::User) => "user_day",
            Reason::Day(Whose::Source) => "source_day",
            Reason::Day(Whose::Resource) => "resource_day",
            Reason::Bandwidth(Whose::User) => "user_bandwidth",
            Reason::Bandwidth(Whose::Source) => "source_bandwidth",
            Reason::Bandwidth(Whose::Resource) => "resource_bandwidth",
            Reason::DayBytes(Whose::User) => "user_day_bytes",
            Reason::DayBytes(Whose::Source) => "source_day_bytes",
            Reason::DayBytes(Whose::Resource) => "resource_day_bytes",
            Reason::Capacity => "capacity",
            Reason::Draining => "draining",
            Reason::Peer => "peer",
            Reason::Expired => "expired",
            Reason::Revoked => "revoked",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was refused to a user for one reason since the last such record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub id: RecordId,
    /// Raw id of the user.
    pub user: Arc<str>,
    /// How the client reached the relay the last time.
    pub transport: Transport,
    pub reason: Reason,
    /// How often: requests or packets.
    pub times: u64,
    /// The first time.
    pub from: Timestamp,
    /// The last time.
    pub to: Timestamp,
}

/// The same before it is put out.
pub(super) struct Note {
    transport: Transport,
    times: u64,
    from: Time,
    to: Time,
}

impl Server {
    /// Notes a refusal, to be put out with the next usage.
    pub(super) fn note_refusal(&mut self, user: Arc<str>, transport: Transport, reason: Reason, now: Time) {
        let key = (user, reason);
        if let Some(note) = self.refusals.get_mut(&key) {
            note.times += 1;
            note.transport = transport;
            note.to = now;
            return;
        }
        if self.refusals.len() >= WAITING {
            return;
        }
        self.refusals.insert(key, Note { transport, times: 1, from: now, to: now });
        if self.next_bill == Time::FOREVER {
            self.next_bill = now + self.config.usage_interval;
        }
    }

    /// Puts out what was refused.
    pub(super) fn report_refusals(&mut self) {
        for ((user, reason), note) in core::mem::take(&mut self.refusals) {
            let refused = Refused {
                // No allocation has this number, and the parts are counted for the whole machine.
                id: RecordId { instance: self.config.instance, allocation: u64::MAX, part: self.next_refusal },
                user,
                transport: note.transport,
                reason,
                times: note.times,
                from: self.wall(note.from),
                to: self.wall(note.to),
            };
            self.next_refusal = self.next_refusal.wrapping_add(1);
            self.outputs.push_back(Output::Usage(Fact::Refused(refused)));
        }
    }
}
