//! Plain counters.

use super::{Reason, Whose};

/// Counters since birth. The server gives them metric names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Binding requests answered.
    pub bindings: u64,
    /// Allocations made.
    pub allocations: u64,
    /// Allocations ended, for whatever reason.
    pub ended: u64,
    /// Of those: lapsed.
    pub expired: u64,
    pub refreshes: u64,
    pub permissions: u64,
    pub channel_binds: u64,
    /// Packets and payload bytes, clients to peers.
    pub packets_up: u64,
    pub bytes_up: u64,
    /// Packets and payload bytes, peers to clients.
    pub packets_down: u64,
    pub bytes_down: u64,
    /// Packets that went from one allocation of this machine to another without leaving it.
    pub packets_across: u64,

    /// Neither STUN nor ChannelData, or not for us.
    pub garbage: u64,
    /// FINGERPRINT did not fit.
    pub bad_fingerprint: u64,
    /// Unauthenticated answers not given: the source asks too often.
    pub stranger_limited: u64,
    /// 300: draining, another server named.
    pub refused_draining: u64,
    /// 400.
    pub refused_bad_request: u64,
    /// 401 to a request without credentials: the ordinary first round.
    pub challenged: u64,
    /// 401: wrong password, unknown form of user name.
    pub refused_credentials: u64,
    /// 401: the credential's hour has passed.
    pub refused_expired: u64,
    /// 403: the peer's address.
    pub refused_peer: u64,
    /// 420.
    pub refused_unknown_attribute: u64,
    /// 437.
    pub refused_mismatch: u64,
    /// 438: a nonce of yesterday, or of somebody else.
    pub stale_nonces: u64,
    /// 440 or 443.
    pub refused_family: u64,
    /// 441: another user's allocation.
    pub refused_wrong_user: u64,
    /// 442.
    pub refused_transport: u64,
    /// 401: the credential's user was deleted.
    pub refused_revoked: u64,
    /// 486: as many allocations as there may be, of the user, the source, the resource.
    pub refused_user_allocations: u64,
    pub refused_source_allocations: u64,
    pub refused_resource_allocations: u64,
    /// 486: the day's bytes, of the user, the source, the resource.
    pub refused_user_day: u64,
    pub refused_source_day: u64,
    pub refused_resource_day: u64,
    /// 508: no port, no room, or the socket would not open.
    pub refused_capacity: u64,

    /// Dropped on the way to a peer: no allocation.
    pub dropped_no_allocation: u64,
    /// Dropped on the way to a peer: the channel is bound to nobody, or broken framing.
    pub dropped_no_channel: u64,
    /// Dropped: no permission for the peer, either way.
    pub dropped_no_permission: u64,
    /// Dropped: the bandwidth of the user, the source, the resource.
    pub dropped_user_bandwidth: u64,
    pub dropped_source_bandwidth: u64,
    pub dropped_resource_bandwidth: u64,
    /// Dropped: the day's bytes of the user, the source, the resource.
    pub dropped_user_day_bytes: u64,
    pub dropped_source_day_bytes: u64,
    pub dropped_resource_day_bytes: u64,
}

impl Stats {
    /// The counter of a reason.
    pub(super) fn of(&mut self, reason: Reason) -> &mut u64 {
        match reason {
            Reason::Allocations(Whose::User) => &mut self.refused_user_allocations,
            Reason::Allocations(Whose::Source) => &mut self.refused_source_allocations,
            Reason::Allocations(Whose::Resource) => &mut self.refused_resource_allocations,
            Reason::Day(Whose::User) => &mut self.refused_user_day,
            Reason::Day(Whose::Source) => &mut self.refused_source_day,
            Reason::Day(Whose::Resource) => &mut self.refused_resource_day,
            Reason::Bandwidth(Whose::User) => &mut self.dropped_user_bandwidth,
            Reason::Bandwidth(Whose::Source) => &mut self.dropped_source_bandwidth,
            Reason::Bandwidth(Whose::Resource) => &mut self.dropped_resource_bandwidth,
            Reason::DayBytes(Whose::User) => &mut self.dropped_user_day_bytes,
            Reason::DayBytes(Whose::Source) => &mut self.dropped_source_day_bytes,
            Reason::DayBytes(Whose::Resource) => &mut self.dropped_resource_day_bytes,
            Reason::Capacity => &mut self.refused_capacity,
            Reason::Draining => &mut self.refused_draining,
            Reason::Peer => &mut self.refused_peer,
            Reason::Expired => &mut self.refused_expired,
            Reason::Revoked => &mut self.refused_revoked,
        }
    }

    /// Adds another machine's counters.
    pub fn add(&mut self, other: &Stats) {
        let mut mine = self.fields();
        for (mine, other) in mine.iter_mut().zip(other.clone().fields()) {
            **mine += *other;
        }
    }

    /// Name and value of each counter, in the order of the fields.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let mut copy = *self;
        let values = copy.fields().map(|value| *value);
        Self::NAMES.into_iter().zip(values)
    }
}

macro_rules! fields {
    ($count:literal: $($name:ident),* $(,)?) => {
        impl Stats {
            const NAMES: [&'static str; $count] = [$(stringify!($name)),*];
            fn fields(&mut self) -> [&mut u64; $count] {
                [$(&mut self.$name),*]
            }
        }
    };
}

fields!(44: bindings, allocations, ended, expired, refreshes, permissions, channel_binds, packets_up, bytes_up,
    packets_down, bytes_down, packets_across, garbage, bad_fingerprint, stranger_limited, refused_draining,
    refused_bad_request, challenged, refused_credentials, refused_expired, refused_peer, refused_unknown_attribute,
    refused_mismatch, stale_nonces, refused_family, refused_wrong_user, refused_transport, refused_revoked,
    refused_user_allocations, refused_source_allocations, refused_resource_allocations, refused_user_day,
    refused_source_day, refused_resource_day, refused_capacity, dropped_no_allocation, dropped_no_channel,
    dropped_no_permission, dropped_user_bandwidth, dropped_source_bandwidth, dropped_resource_bandwidth,
    dropped_user_day_bytes, dropped_source_day_bytes, dropped_resource_day_bytes);
