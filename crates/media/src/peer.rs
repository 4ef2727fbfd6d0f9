//! One peer connection: ICE, DTLS, SRTP and data channels behind one door.
//!
//! [`Peer::answer`] takes a client's offer and plays the ICE-lite, DTLS-server side: what a media processor is. [`Peer::dial`] plays
//! the client: for native clients and load generators.
//!
//! ```text
//!   datagram ──▶ datagram() ── Arrived::Rtp ──▶ who forwards it, decrypted in place
//!                    │          Arrived::Rtcp
//!                    └─ everything rarer ──▶ poll() ──▶ Output
//!   packet in plain ──▶ seal_rtp() ──▶ to path()
//! ```
//!
//! After each call that takes `now`, [`Peer::poll`] is drained, and [`Peer::timeout`] says when to come back. RTP never goes through
//! [`Peer::poll`] and is never copied or allocated for.
//!
//! Not here: who gets which packet, retransmission, congestion control; sockets.

mod agent;
mod answer;
mod config;
mod dial;
mod route;
mod webrtc;

#[cfg(test)]
mod tests;

pub(crate) use config::Chance;
pub use config::{Config, Host};
pub use dial::{Dialing, OfferedLine, Reoffer};
pub use webrtc::{Peer, Stats, Why};

use core::net::SocketAddr;
use core::ops::Range;

use crate::data::{ChannelId, Message, Opened};
use crate::rtp::{Header, Layout};
use crate::sdp::{LineIndex, RidIndex};

/// What a datagram held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// An RTP packet, checked and decrypted in place.
    Rtp(Rtp),
    /// RTCP, checked and decrypted in place: a compound packet in this part of the datagram, for [`crate::rtcp::packets`].
    Rtcp {
        /// First byte.
        begin: usize,
        /// Behind the last byte.
        end: usize,
    },
    /// Nothing to forward: signalling of the transport, or something that was dropped and counted.
    Nothing,
}

/// An RTP packet that was decrypted in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// Its header.
    pub header: Header,
    /// Where its parts are in the datagram, which begins with the header.
    pub layout: Layout,
    /// Whose packet it is, as far as the description and the packets so far tell; nothing: the stream is not known (yet), drop it.
    pub track: Option<Track>,
}

impl Rtp {
    /// Where the payload is in the datagram.
    pub fn payload(&self) -> Range<usize> {
        self.layout.payload_range()
    }
}

/// What a stream is: the m-line, the layer, whether it repairs.
///
/// Found by mid and rid of the first packets, by announced SSRCs, or by payload type where only one m-line has it
/// (RFC 8843 §9.2), then remembered for the SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Track {
    /// Which m-line.
    pub line: LineIndex,
    /// Which simulcast layer; nothing without simulcast.
    pub rid: Option<RidIndex>,
    /// Whether it carries retransmissions (RFC 4588) of that layer.
    pub is_repair: bool,
}

/// What is to be done or known; rarer than a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes as they are.
    /// For: the socket of the address's family.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// An address has shown that it belongs to this peer: its datagrams are for [`Peer::datagram`].
    /// For: the worker's table of addresses.
    Reachable(SocketAddr),
    /// An address no longer belongs to this peer (at most [`MAX_ADDRESSES`] are kept).
    /// For: the worker's table of addresses.
    Forgotten(SocketAddr),
    /// Media goes to this address from now on: nominated, or where a nominated client now speaks from.
    /// For: whoever batches packets by destination.
    PathChanged(SocketAddr),
    /// The handshake is done: packets can be sealed and opened.
    Connected,
    /// Nothing was heard for [`INTERRUPTED_AFTER`]; keep the peer, it may come back.
    Interrupted,
    /// After [`Output::Interrupted`] something was heard again.
    Resumed,
    /// A data channel is open: the negotiated one, one the other side opened, or one asked for with [`Peer::open_channel`] when the
    /// association is up.
    ChannelOpened(Opened),
    /// A message on a data channel.
    ChannelMessage {
        /// Which channel.
        channel: ChannelId,
        /// What.
        message: Message,
    },
    /// What was queued on a channel has gone below [`crate::data::LOW_WATER`] after it was above.
    ChannelDrained(ChannelId),
    /// A data channel is closed, by whichever side.
    ChannelClosed(ChannelId),
    /// The peer connection is over; nothing else comes. Drop it.
    Closed(CloseReason),
}

/// Why a peer connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The other side said so (DTLS close_notify).
    ByPeer,
    /// This side said so ([`Peer::close`]).
    Local,
    /// No path or no handshake within [`CONNECT_WITHIN`].
    NeverConnected,
    /// Nothing authenticated was heard for [`GONE_AFTER`] (RFC 7675 §5.1).
    ConsentExpired,
    /// The other side's certificate is not the one of its description, or the handshake broke.
    Handshake,
}

/// What a datagram is, by its first byte (RFC 7983 §7, RFC 5761 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramKind {
    /// STUN.
    Stun,
    /// A DTLS record.
    Dtls,
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
    /// Something else: drop it.
    Unknown,
}

/// Tells protocols apart by the first bytes of a datagram (RFC 7983 §7; RTCP by its packet type, RFC 5761 §4).
pub fn kind(datagram: &[u8]) -> DatagramKind {
    match datagram {
        [0..=3, ..] => DatagramKind::Stun,
        [20..=63, ..] => DatagramKind::Dtls,
        [128..=191, 192..=223, ..] => DatagramKind::Rtcp,
        [128..=191, ..] => DatagramKind::Rtp,
        _ => DatagramKind::Unknown,
    }
}

/// The USERNAME's first half of an ICE check, that is the ufrag of the peer that it is for: how a worker finds the peer of an
/// address that it does not know. Nothing is proven yet; [`Peer::datagram`] checks.
///
/// RFC 8445 §7.2.2.
pub fn stun_username(datagram: &[u8]) -> Option<&str> {
    let message = centrale_stun::Message::parse(datagram).ok()?;
    let name = core::str::from_utf8(message.get(centrale_stun::attribute::USERNAME)?).ok()?;
    Some(name.split_once(':')?.0)
}

/// Room that [`Peer::seal_rtp`] needs behind a packet, in bytes.
pub const RTP_ROOM: usize = crate::srtp::RTP_ROOM;

/// Room that [`Peer::seal_rtcp`] needs behind a packet, in bytes.
pub const RTCP_ROOM: usize = crate::srtp::RTCP_ROOM;

/// How many addresses of one peer are kept at a time. More: roaming clients keep old paths warm. Fewer: less memory.
pub const MAX_ADDRESSES: usize = 8;

/// How long a peer may take to connect. Longer: patience with TURN over TLS. Shorter: less memory for abandoned joins.
pub const CONNECT_WITHIN: core::time::Duration = core::time::Duration::from_secs(30);

/// Silence after which a peer counts as interrupted. Shorter: quicker notice. Longer: fewer false ones. Clients that follow RFC 7675
/// to the letter check every 4 to 6 s, browsers every 2.5 s.
pub const INTERRUPTED_AFTER: core::time::Duration = core::time::Duration::from_secs(8);

/// Silence after which consent is over (RFC 7675 §5.1).
pub const GONE_AFTER: core::time::Duration = core::time::Duration::from_secs(30);
