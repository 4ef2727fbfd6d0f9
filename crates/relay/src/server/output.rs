//! What a server says back.

use core::ops::Range;

use super::Fact;
use crate::stun::{Method, TransactionId};
use crate::{ClientAddr, Family, LongTermKey, PeerAddr, RelayId};

/// What to do with the bytes that were just handed in. The payload is a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to forward; there may be something to poll.
    Nothing,
    /// Send the payload from the relayed address to a peer.
    ToPeer {
        relay: RelayId,
        to: PeerAddr,
        payload: Range<usize>,
        /// The client asked that it be dropped rather than fragmented (RFC 8656 §14.8).
        dont_fragment: bool,
    },
    /// Send the head, the payload and the head's padding to a client.
    ToClient { client: ClientAddr, head: Head, payload: Range<usize> },
}

/// What stands in front of relayed bytes on their way to a client: four bytes of ChannelData, or a Data indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub(crate) bytes: [u8; Head::MOST],
    pub(crate) length: u8,
    pub(crate) padding: u8,
}

impl Head {
    /// The longest head: header, an IPv6 XOR-PEER-ADDRESS, the head of DATA.
    pub const MOST: usize = 20 + 24 + 4;

    /// The bytes to put in front.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// How many zero bytes to put behind: 0 to 3.
    #[inline]
    pub fn padding(&self) -> usize {
        usize::from(self.padding)
    }
}

/// What else to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send these bytes to a client.
    Reply { client: ClientAddr, bytes: Vec<u8> },
    /// See whether the socket of a relayed address could be opened, by opening and closing it, and say so with
    /// [`super::Server::opened`]. Another program may have the port.
    Probe { relay: RelayId },
    /// Open the socket of a relayed address (see [`super::Server::local_address`]) and say so with
    /// [`super::Server::opened`]. The answer to the client waits for it.
    Open { relay: RelayId },
    /// Close the socket of a relayed address, if it was opened.
    Close { relay: RelayId },
    /// Close a client's connection.
    Disconnect { client: ClientAddr },
    /// A port of another machine of this node is lent here, against its token. Tell the others with
    /// [`super::Server::lent_elsewhere`].
    Borrowed { family: Family, port: u16 },
    /// It no longer is. Tell the others.
    Returned { family: Family, port: u16 },
    /// Write down what was relayed, or refused.
    Usage(Fact),
}

/// Why to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    AllocationEnds,
    ReservationEnds,
    UsageIsDue,
}

/// Who is waiting for an answer, and how it is to be signed.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) client: ClientAddr,
    pub(crate) method: Method,
    pub(crate) transaction: TransactionId,
    pub(crate) seal: Seal,
    pub(crate) has_fingerprint: bool,
}

/// The integrity of an answer: that of its request (RFC 8489 §9.2.4).
#[derive(Clone)]
pub(crate) enum Seal {
    None,
    Sha1(LongTermKey),
    Sha256(LongTermKey),
}

/// An answer that waits for a socket.
pub(crate) struct Pending {
    pub(crate) relay: RelayId,
    pub(crate) asker: Asker,
    pub(crate) tries: u8,
}
