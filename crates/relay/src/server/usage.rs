//! Metering: what each allocation relayed, as facts to be added up.

use std::sync::Arc;

use centrale_model::{Time, Timestamp};

use super::{Output, Refused, Server};
use crate::Transport;

/// Names one usage record: no two records of the house are alike, so that writing one twice is writing it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    /// The machine that measured (see `Config::instance`).
    pub instance: u64,
    /// The allocation, counted by the machine.
    pub allocation: u64,
    /// The record, counted by the allocation.
    pub part: u32,
}

impl core::fmt::Display for RecordId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "relay-{:016x}-{:x}-{}", self.instance, self.allocation, self.part)
    }
}

/// Something for the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Relayed(Usage),
    Refused(Refused),
}

impl Fact {
    /// Its name: two with the same one are the same fact.
    pub fn id(&self) -> RecordId {
        match self {
            Fact::Relayed(usage) => usage.id,
            Fact::Refused(refused) => refused.id,
        }
    }
}

impl From<Usage> for Fact {
    fn from(usage: Usage) -> Fact {
        Fact::Relayed(usage)
    }
}

/// What an allocation relayed since its previous record. Payload bytes count: without STUN, ChannelData, UDP and IP headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub id: RecordId,
    /// Raw id of the user whose credential made the allocation.
    pub user: Arc<str>,
    /// How the client reaches the relay.
    pub transport: Transport,
    /// Client to peer, in bytes.
    pub bytes_up: u64,
    /// Peer to client, in bytes.
    pub bytes_down: u64,
    /// Client to peer.
    pub packets_up: u64,
    /// Peer to client.
    pub packets_down: u64,
    /// When the stretch that this record is about began.
    pub from: Timestamp,
    /// When it ended. The stretches of an allocation follow one another without gap or overlap.
    pub to: Timestamp,
    /// When the allocation was made.
    pub started: Timestamp,
    /// Whether the allocation has ended: this is its last record.
    pub is_last: bool,
}

impl Server {
    /// Notes that an allocation has something to bill.
    #[inline]
    pub(super) fn note_unbilled(&mut self, slot: u32, now: Time) {
        let allocation = &mut self.allocations[slot as usize];
        if !allocation.is_unbilled {
            allocation.is_unbilled = true;
            self.unbilled.push(slot);
            if self.next_bill == Time::FOREVER {
                self.next_bill = now + self.config.usage_interval;
            }
        }
    }

    /// Puts out a record for each allocation that relayed something, and for each refusal.
    pub(super) fn bill(&mut self, now: Time) {
        self.next_bill = Time::FOREVER;
        self.report_refusals();
        for slot in core::mem::take(&mut self.unbilled) {
            let allocation = &self.allocations[slot as usize];
            if allocation.is_live && allocation.is_unbilled {
                self.bill_one(slot, false, now);
            }
        }
    }

    /// Puts out one record and begins the next stretch.
    pub(super) fn bill_one(&mut self, slot: u32, is_last: bool, now: Time) {
        let zero = self.config.wall_at_zero;
        let wall = |time: Time| zero.plus(time.since(Time::ZERO));
        let allocation = &mut self.allocations[slot as usize];
        let meter = core::mem::take(&mut allocation.meter);
        let usage = Usage {
            id: RecordId { instance: self.config.instance, allocation: allocation.serial, part: allocation.part },
            user: allocation.user.clone(),
            transport: allocation.client.transport,
            bytes_up: meter.bytes_up,
            bytes_down: meter.bytes_down,
            packets_up: meter.packets_up,
            packets_down: meter.packets_down,
            from: wall(allocation.billed),
            to: wall(now),
            started: wall(allocation.started),
            is_last,
        };
        allocation.part += 1;
        allocation.billed = now;
        allocation.is_unbilled = false;
        self.outputs.push_back(Output::Usage(Fact::Relayed(usage)));
    }
}
