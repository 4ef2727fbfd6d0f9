//! What a server is told at birth.

use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;
use core::time::Duration;

use centrale_model::Timestamp;

use crate::{Family, PeerRules};

/// An address that ports are lent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// What sockets are bound to.
    pub local: IpAddr,
    /// What clients and peers are told; differs from `local` behind a one-to-one NAT.
    pub advertised: IpAddr,
}

/// When the socket of a relayed address is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenWhen {
    /// With the first permission. Nobody may speak to the address before, and a socket is most of what an idle
    /// allocation costs. That the port is free is seen at the allocation; should another program take it in between, the
    /// permission is answered 508.
    #[default]
    Permitted,
    /// With the allocation.
    Allocated,
}

/// The whole configuration.
#[derive(Clone)]
pub struct Config {
    /// The realm of the long-term credentials; the public name.
    pub realm: String,
    /// The secret that passwords are computed from.
    pub secret: Vec<u8>,
    /// Chance for nonces, ports and tables. The machines of one node share it.
    pub seed: [u8; 32],
    /// A number that no other machine of the house has or had, for the ids of usage records.
    pub instance: u64,
    /// The wall clock when `Time` was zero.
    pub wall_at_zero: Timestamp,
    /// Where IPv4 ports are lent from; absent: IPv4 is answered 440.
    pub relay_v4: Option<RelayAddress>,
    /// Where IPv6 ports are lent from; absent: IPv6 is answered 440.
    pub relay_v6: Option<RelayAddress>,
    /// The ports this machine lends.
    pub ports: RangeInclusive<u16>,
    /// The ports that the machines of this node lend together: a peer at one of them is a relayed address of ours.
    pub node_ports: RangeInclusive<u16>,
    /// Our own listening addresses. Nobody is relayed to them.
    pub listeners: Vec<SocketAddr>,
    pub peers: PeerRules,
    pub limits: Limits,
    /// How long a nonce is good. Shorter: less time for a replay, one more round trip per refresh.
    pub nonce_lifetime: Duration,
    /// How long usage may wait in memory before it is put out; what a crash can lose.
    pub usage_interval: Duration,
    pub open: OpenWhen,
}

/// What one user, one source or one resource may have; 0: without a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cap {
    /// Allocations at a time; beyond: 486.
    pub allocations: u32,
    /// Relayed bytes per second, both directions together; beyond: dropped and counted.
    pub bytes_per_second: u64,
    /// Relayed bytes per day (UTC), both directions together; beyond: dropped and counted, new allocations answered 486.
    pub bytes_per_day: u64,
}

/// Bounds. Zero means without a bound where it says so.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Allocations of this machine; beyond: 508.
    pub allocations: usize,
    /// For the user that a credential names.
    pub user: Cap,
    /// For a client's address: an IPv4 address, an IPv6 /64.
    pub source: Cap,
    /// For all users of one resource: of `8:acs:<resource>_<user>` what stands before the `_`. Other names are of one resource
    /// together, so that for a relay by itself this is the bound of everybody.
    pub resource: Cap,
    /// Permissions of one allocation; beyond: 508.
    pub permissions: usize,
    /// Channels of one allocation; beyond: 508.
    pub channels: u16,
    /// Unauthenticated answers over UDP per second and source; 0: without a bound. Beyond: silence, counted.
    pub stranger_answers_per_second: u64,
    /// Unauthenticated answers over UDP per second to everybody together; 0: without a bound.
    pub stranger_answers_in_all: u64,
    /// Buckets for the above, eight bytes each.
    pub stranger_buckets: usize,
    /// Users, sources and resources remembered at once, of each so many.
    pub users: usize,
    /// The longest lifetime of an allocation (RFC 8656 §7.2 recommends at least 3600 s).
    pub lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            allocations: 65_536,
            user: Cap { allocations: 64, ..Cap::default() },
            source: Cap { allocations: 1_024, ..Cap::default() },
            resource: Cap::default(),
            permissions: 64,
            channels: 64,
            stranger_answers_per_second: 50,
            stranger_answers_in_all: 20_000,
            stranger_buckets: 16_384,
            users: 65_536,
            lifetime: Duration::from_secs(3600),
        }
    }
}

impl Limits {
    /// The caps, in the order of [`super::Whose`].
    pub(super) fn caps(&self) -> [Cap; 3] {
        [self.user, self.source, self.resource]
    }
}

impl Config {
    /// The address that ports of a family are lent from.
    pub(crate) fn relay(&self, family: Family) -> Option<RelayAddress> {
        match family {
            Family::V4 => self.relay_v4,
            Family::V6 => self.relay_v6,
        }
    }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config").field("realm", &self.realm).field("ports", &self.ports).finish_non_exhaustive()
    }
}
