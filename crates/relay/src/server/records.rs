//! The records of the tables. Fixed in size but for the permissions, which an idle allocation has none of.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use centrale_model::Time;

use crate::{ClientAddr, Family};

/// The end of a list of slots.
pub(super) const NONE: u32 = u32::MAX;

/// What was relayed since the last usage record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) packets_up: u64,
    pub(super) packets_down: u64,
}

/// One allocation (RFC 8656 §3.2).
pub(super) struct Allocation {
    pub(super) client: ClientAddr,
    /// The relayed ports, by family; 0: none.
    pub(super) ports: [u16; 2],
    /// Whether the socket is open, by family.
    pub(super) open: [bool; 2],
    pub(super) is_live: bool,
    pub(super) is_unbilled: bool,
    pub(super) channel_count: u16,
    pub(super) first_channel: u32,
    /// What it counts for: slots of shares, in the order of `Whose::ALL`; `NONE` where there is no limit.
    pub(super) shares: [u32; 3],
    /// Raw id of the user whose credential made it.
    pub(super) user: Arc<str>,
    pub(super) part: u32,
    pub(super) serial: u64,
    pub(super) meter: Meter,
    pub(super) expires: Time,
    pub(super) started: Time,
    /// When the current stretch of usage began.
    pub(super) billed: Time,
    pub(super) permissions: Vec<Permission>,
    /// The transaction that made it: the same one again is a repeat, not a second wish (RFC 8656 §7.2 step 2).
    pub(super) transaction: [u8; 12],
    /// The token that was given out with it.
    pub(super) token: Option<[u8; 8]>,
    /// Why the additional IPv6 address could not be lent, as an error code.
    pub(super) missing_v6: Option<u16>,
}

/// Leave to exchange data with an address, whatever its port (RFC 8656 §9).
#[derive(Clone, Copy, Debug)]
pub(super) struct Permission {
    pub(super) ip: IpAddr,
    pub(super) until: Time,
    /// The rules allow the whole address; otherwise it is our own, and only relayed ports may be talked to.
    pub(super) is_whole: bool,
}

/// A channel (RFC 8656 §12): one cell of a list that begins in its allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) peer: SocketAddr,
    pub(super) until: Time,
    pub(super) allocation: u32,
    pub(super) next: u32,
    pub(super) number: u16,
}

/// A port that is kept back: for whoever shows the token, or because it would not open.
pub(super) struct Reservation {
    pub(super) token: Option<[u8; 8]>,
    pub(super) family: Family,
    pub(super) port: u16,
    pub(super) until: Time,
}
