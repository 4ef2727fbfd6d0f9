//! Sockets as types: a client's, a peer's and the relay's own can not be mistaken for one another.

use core::net::{IpAddr, SocketAddr};

/// How a client reaches the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// Whether messages arrive as a byte stream, where ChannelData is padded (RFC 8656 §12.5).
    pub fn is_stream(self) -> bool {
        matches!(self, Transport::Tcp | Transport::Tls)
    }
}

/// A client: its transport address as the relay sees it, and the door it came in by. Together the 5-tuple that names an
/// allocation (RFC 8656 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddr {
    pub addr: SocketAddr,
    pub transport: Transport,
    /// The shell's number for the listening socket (UDP) or the connection (TCP, TLS).
    pub door: u32,
}

/// A peer: whoever a client talks to through the relay (RFC 8656 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerAddr(pub SocketAddr);

/// Address family, as a small number that tables are indexed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    V4 = 0,
    V6 = 1,
}

impl Family {
    /// The family of `ip`.
    pub fn of(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// The family an attribute's byte means (RFC 8656 §18.6).
    pub fn from_byte(byte: u8) -> Option<Family> {
        match byte {
            1 => Some(Family::V4),
            2 => Some(Family::V6),
            _ => None,
        }
    }
}

/// One relayed address of one allocation: which socket. Small and dense, so that shells keep sockets in a plain vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId(pub u32);

impl RelayId {
    pub(crate) fn new(slot: u32, family: Family) -> RelayId {
        RelayId(slot * 2 + family as u32)
    }

    pub(crate) fn slot(self) -> u32 {
        self.0 / 2
    }

    /// The family of the relayed address.
    pub fn family(self) -> Family {
        if self.0.is_multiple_of(2) { Family::V4 } else { Family::V6 }
    }
}
