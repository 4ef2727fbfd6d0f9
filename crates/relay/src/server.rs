//! The TURN server, as a machine.
//!
//! RFC 8656 over RFC 8489. It is handed each datagram (or each message cut from a stream) and says where the bytes inside go;
//! everything rarer than relaying is an [`Output`].
//!
//! ```text
//!   client ──▶ datagram() ──▶ Verdict::ToPeer   { relay, to, payload }          borrowed: a range of what was handed in
//!                        └──▶ Verdict::ToClient { client, head, payload }       both ends are here: one table hop
//!   peer ────▶ from_peer() ─▶ Verdict::ToClient { client, head, payload }
//!   requests ─▶ datagram() ─▶ poll(): Reply | Open | Close | Disconnect | Usage
//! ```
//!
//! Records lie flat: allocations and channels in slabs, found by three small indexes (client, channel number, peer) and one
//! array (relayed port), all of fixed-size cells, so that a kernel fast path can be fed from the same tables.
//!
//! Not here: sockets, threads, TLS, the clock. Several machines on one node share secret, seed and realm and own disjoint port
//! ranges; they share no state, so limits are per machine.

mod authenticate;
mod config;
mod nonce;
mod output;
mod records;
mod refused;
mod relaying;
mod request;
mod shares;
mod stats;
mod table;
mod usage;

use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use core::cmp::Reverse;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use centrale_model::{Time, Timestamp};

use crate::index::{Hasher, Index};
use crate::limit::{Bucket, Sources};
use crate::{ClientAddr, RelayId};

pub use config::{Cap, Config, Limits, OpenWhen, RelayAddress};
pub use output::{Head, Output, Verdict, Why};
pub use refused::{Reason, Refused, Whose};
pub use stats::Stats;
pub use usage::{Fact, RecordId, Usage};

use nonce::Nonces;
use output::Pending;
use records::{Allocation, Channel, Reservation};
use refused::Note;
use shares::{Share, Sharer};

/// How long a permission lasts (RFC 8656 §9).
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// How long a channel lasts (RFC 8656 §12).
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
/// How long a reserved port waits for its token (RFC 8656 §7.2).
const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);

/// The machine.
pub struct Server {
    config: Config,
    hasher: Hasher,
    nonces: Nonces,
    /// State of the port and token generator; see `chance`.
    chance: u64,

    allocations: Vec<Allocation>,
    free_allocations: Vec<u32>,
    live: usize,
    channels: Vec<Channel>,
    free_channels: Vec<u32>,
    by_client: Index,
    by_channel: Index,
    by_peer: Index,
    /// For each family, for each port of our range: the allocation's slot, `NOBODY`, or `RESERVED`.
    ports: [Vec<u32>; 2],
    reservations: Vec<Reservation>,

    shares: Vec<Share>,
    free_shares: Vec<u32>,
    shares_by_name: BTreeMap<Sharer, u32>,
    /// How many of each kind are remembered.
    share_counts: [usize; 3],
    /// Whether any limit is about bytes; without one a packet pays nothing for them.
    counts_bytes: bool,
    strangers: Sources,
    everyone: Bucket,
    revoked: BTreeMap<Arc<str>, Time>,

    /// When allocations end, by slot and serial; an entry whose allocation was refreshed since is put back when it comes up.
    ends: BinaryHeap<Reverse<(Time, u32, u64)>>,
    /// Allocations that relayed something since their last usage record.
    unbilled: Vec<u32>,
    refusals: BTreeMap<(Arc<str>, Reason), Note>,
    next_refusal: u32,
    next_bill: Time,
    next_serial: u64,

    outputs: VecDeque<Output>,
    pending: Vec<Pending>,
    drain: Option<Vec<SocketAddr>>,
    stats: Stats,
}

/// No allocation has this port.
const NOBODY: u32 = u32::MAX;
/// The port waits for a reservation token.
const RESERVED: u32 = u32::MAX - 1;
/// The port is another program's, or was when we tried to open it.
const TAKEN: u32 = u32::MAX - 2;

impl Server {
    /// Makes a server without allocations.
    pub fn new(config: Config) -> Server {
        let mut half = [0; 16];
        half.copy_from_slice(&config.seed[..16]);
        let hasher = Hasher::new(half);
        let mut word = [0; 8];
        word.copy_from_slice(&config.seed[16..24]);
        let chance = u64::from_le_bytes(word) ^ config.instance.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let nonces = Nonces::new(&config.seed);
        let width = config.ports.clone().count();
        let table = |is_there: bool| if is_there { vec![NOBODY; width] } else { Vec::new() };
        let ports = [table(config.relay_v4.is_some()), table(config.relay_v6.is_some())];
        let strangers = Sources::new(config.limits.stranger_buckets, hasher);
        let counts_bytes = config.limits.caps().iter().any(|cap| cap.bytes_per_second > 0 || cap.bytes_per_day > 0);
        Server {
            config,
            hasher,
            nonces,
            chance: chance | 1,
            allocations: Vec::new(),
            free_allocations: Vec::new(),
            live: 0,
            channels: Vec::new(),
            free_channels: Vec::new(),
            by_client: Index::new(),
            by_channel: Index::new(),
            by_peer: Index::new(),
            ports,
            reservations: Vec::new(),
            shares: Vec::new(),
            free_shares: Vec::new(),
            shares_by_name: BTreeMap::new(),
            share_counts: [0; 3],
            counts_bytes,
            strangers,
            everyone: Bucket::FULL,
            revoked: BTreeMap::new(),
            ends: BinaryHeap::new(),
            unbilled: Vec::new(),
            refusals: BTreeMap::new(),
            next_refusal: 0,
            next_bill: Time::FOREVER,
            next_serial: 0,
            outputs: VecDeque::new(),
            pending: Vec::new(),
            drain: None,
            stats: Stats::default(),
        }
    }

    /// Takes one whole datagram, or one message cut from a stream, from a client.
    ///
    /// The verdict's payload is a range of `bytes`. Poll until `None` afterwards when [`Server::has_output`].
    /// Whatever cannot be understood is dropped and counted.
    #[inline]
    pub fn datagram(&mut self, client: ClientAddr, bytes: &[u8], now: Time) -> Verdict {
        match bytes.first() {
            Some(first) if first >> 6 == 1 => self.channel_data(client, bytes, now),
            Some(_) => self.message(client, bytes, now),
            None => self.drop_garbage(),
        }
    }

    /// Takes the end of a client's connection: its allocation ends with it (RFC 8656 §7.3 leaves it to lapse; a stream cannot
    /// come back under the same 5-tuple, so its port is better used by somebody else).
    pub fn disconnected(&mut self, client: ClientAddr, now: Time) {
        if let Some(slot) = self.allocation_of(client) {
            self.close(slot, now);
        }
    }

    /// Takes the passing of time: allocations that lapsed end, usage that is due is put out.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(Reverse((at, slot, serial))) = self.ends.peek().copied() {
            if at > now {
                break;
            }
            self.ends.pop();
            let Some(allocation) = self.allocations.get(slot as usize) else { continue };
            if !allocation.is_live || allocation.serial != serial {
                continue;
            }
            if allocation.expires <= now {
                self.stats.expired += 1;
                self.close(slot, now);
            } else {
                self.ends.push(Reverse((allocation.expires, slot, serial)));
            }
        }
        self.release_reservations(now);
        self.revoked.retain(|_, until| *until > now);
        if self.next_bill <= now {
            self.bill(now);
        }
    }

    /// Says when to come back without input, and why.
    pub fn timeout(&self) -> Option<(Time, Why)> {
        let end = self.ends.peek().map(|Reverse((at, ..))| (*at, Why::AllocationEnds));
        let bill = (self.next_bill < Time::FOREVER).then_some((self.next_bill, Why::UsageIsDue));
        let reservation = self.reservations.iter().map(|r| (r.until, Why::ReservationEnds)).min_by_key(|(at, _)| *at);
        [end, bill, reservation].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Gives the next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether there is something to poll.
    #[inline]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Stops lending: each further Allocate is answered 300 with one of `alternates` of the client's family, or 508 when there
    /// is none. What is lent stays lent.
    pub fn drain(&mut self, alternates: Vec<SocketAddr>) {
        self.drain = Some(alternates);
    }

    /// Ends a user's allocations and refuses its credentials until `until`.
    ///
    /// - `until`: when the last credential that was issued to the user has expired.
    pub fn revoke(&mut self, user: &str, until: Time, now: Time) {
        if self.revoked.len() < self.config.limits.users {
            self.revoked.insert(Arc::from(user), until);
        }
        let slots: Vec<u32> = (0..self.allocations.len() as u32)
            .filter(|slot| {
                let allocation = &self.allocations[*slot as usize];
                allocation.is_live && *allocation.user == *user
            })
            .collect();
        for slot in slots {
            let client = self.allocations[slot as usize].client;
            self.close(slot, now);
            if client.transport.is_stream() {
                self.outputs.push_back(Output::Disconnect { client });
            }
        }
    }

    /// Ends everything, so that the last usage is put out.
    pub fn close_all(&mut self, now: Time) {
        for slot in 0..self.allocations.len() as u32 {
            if self.allocations[slot as usize].is_live {
                self.close(slot, now);
            }
        }
        self.report_refusals();
    }

    /// Sets what the wall clock says at `now`, which expiries are compared with.
    pub fn set_wall_clock(&mut self, wall: Timestamp, now: Time) {
        self.config.wall_at_zero = wall.minus(now.since(Time::ZERO));
    }

    /// Counters since birth.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How many allocations there are.
    pub fn allocation_count(&self) -> usize {
        self.live
    }

    /// Whether a client has an allocation.
    pub fn has_allocation(&self, client: ClientAddr) -> bool {
        self.allocation_of(client).is_some()
    }

    /// The socket address to bind for a relayed address; nothing when it is lent to nobody.
    pub fn local_address(&self, relay: RelayId) -> Option<SocketAddr> {
        let allocation = self.allocations.get(relay.slot() as usize).filter(|a| a.is_live)?;
        let port = allocation.ports[relay.family() as usize];
        let address = self.config.relay(relay.family())?;
        (port != 0).then(|| SocketAddr::new(address.local, port))
    }

    /// What the wall clock said at `time`.
    fn wall(&self, time: Time) -> Timestamp {
        self.config.wall_at_zero.plus(time.since(Time::ZERO))
    }

    /// The next number of a small generator (xorshift): for choosing ports and tokens, not for secrets.
    fn chance(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn drop_garbage(&mut self) -> Verdict {
        self.stats.garbage += 1;
        Verdict::Nothing
    }
}
