//! STUN and TURN: the relay that a call falls back to when no path between its ends is open.
//!
//! RFC 8489 (STUN), RFC 8656 (TURN), RFC 5769 (test vectors), and the framing rules for TCP and TLS clients. [`Server`] is a
//! machine without sockets, clock or chance: it is handed bytes and time, and gives verdicts that borrow the bytes.
//! [`Credential`] is the user name and password that the machine accepts, computed from a shared secret and nothing else.
//! [`stun`] reads and writes the messages themselves.
//!
//! ```
//! use core::time::Duration;
//! use centrale_model::Timestamp;
//! use centrale_relay::Credential;
//!
//! let now = Timestamp::from_secs(1_700_000_000);
//! let credential = Credential::mint(b"the shared secret", "8:acs:resource_user", now, Duration::from_secs(3600));
//! assert_eq!(credential.username, "1700003600:8:acs:resource_user");
//! ```
//!
//! What a client may do is bounded: peers by [`PeerRules`], shares by [`Limits`], strangers by a ration of answers. Not here:
//! sockets, threads and TLS (the server's `relay` room), TCP allocations (RFC 6062; answered 442), mobility (RFC 8016), OAuth
//! (RFC 7635).

mod address;
mod credential;
mod filter;
mod index;
mod limit;

pub mod server;

pub use centrale_stun as stun;

pub use address::{ClientAddr, Family, PeerAddr, RelayId, Transport};
pub use credential::{Credential, LongTermKey};
pub use filter::{Network, NetworkError, PeerRules};
pub use server::{
    Cap, Config, Fact, Head, Limits, OpenWhen, Output, Reason, RecordId, Refused, RelayAddress, Server, Stats, Usage,
    Verdict, Whose, Why,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
