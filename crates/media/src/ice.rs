//! ICE: which address the other side is at, and whether it still wants to hear from us.
//!
//! [`Lite`] answers checks (RFC 8445 §2.4, §7.3) and is what a media processor with public addresses needs; [`Client`] checks the
//! few candidates of such a server, nominates the first that answers and keeps asking for consent (RFC 7675).
//!
//! Not here: candidate pairs, gathering, relays; a client behind a TURN server of its own is seen at the relay's address.

mod client;
mod lite;

#[cfg(test)]
mod tests;

pub(crate) use client::Client;
pub(crate) use lite::{Check, Lite};

use core::net::SocketAddr;

use centrale_stun::{Message, attribute};

/// ICE-CONTROLLING (RFC 8445 §16.1).
const ICE_CONTROLLING: u16 = 0x802A;

/// A side's user name fragment and password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Credentials({})", self.ufrag)
    }
}

/// What an agent found, for the peer to pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Send this.
    Transmit(SocketAddr, Vec<u8>),
    /// A check from or to this address succeeded.
    Reachable(SocketAddr),
    /// The address was dropped for another.
    Forgotten(SocketAddr),
    /// This address is nominated.
    Selected(SocketAddr),
}

/// Whether a message is a STUN message as ICE wants it: with a right FINGERPRINT (RFC 8445 §7.1).
fn checked(datagram: &[u8]) -> Option<Message<'_>> {
    let message = Message::parse(datagram).ok()?;
    (message.fingerprint() == Some(true)).then_some(message)
}

/// The two halves of a USERNAME: who is asked, who asks.
fn username<'a>(message: &Message<'a>) -> Option<(&'a str, &'a str)> {
    core::str::from_utf8(message.get(attribute::USERNAME)?).ok()?.split_once(':')
}
