//! The peer connection.

use core::net::SocketAddr;

use centrale_model::Time;

use super::{Arrived, Config, Output};
use crate::data::{ChannelId, DataError, Reliability};
use crate::sdp::{Negotiated, OfferError};

/// One peer connection. See the [module](super).
#[derive(Debug)]
pub struct Peer {
    negotiated: Negotiated,
}

/// Why a peer wants to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The path: checks, silence, giving up.
    Ice,
    /// The handshake sends again.
    Dtls,
    /// The association sends again, or acknowledges.
    Sctp,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets that could not be opened: forged, damaged, or of another key.
    pub rtp_refused: u64,
    /// RTP packets that came twice, or too late for the window.
    pub rtp_replayed: u64,
    /// RTCP packets that could not be opened or came twice.
    pub rtcp_refused: u64,
    /// Datagrams of a kind nobody knows, before their time, or of more streams than [`crate::srtp::MAX_STREAMS`].
    pub dropped: u64,
}

impl Peer {
    /// Answers a client's offer: the ICE-lite side, DTLS server.
    ///
    /// Gives the peer connection and the SDP answer, candidates included.
    ///
    /// # Errors
    /// [`OfferError`] when the offer cannot be understood or lacks what a peer connection needs.
    ///
    /// RFC 8829 §5.3.
    pub fn answer(config: Config, offer: &str, now: Time) -> Result<(Peer, String), OfferError> {
        todo!("{config:?} {offer} {now}")
    }

    /// Takes another offer of the same peer connection: m-lines may be added or change direction, ICE may restart (other
    /// `ice-ufrag`; the old path is used until the new one is nominated). [`Peer::ufrag`] may be another one afterwards; checks
    /// with the old one are still taken.
    ///
    /// Gives the SDP answer.
    ///
    /// # Errors
    /// [`OfferError`]; the peer connection is then as before.
    pub fn redescribe(&mut self, offer: &str, now: Time) -> Result<String, OfferError> {
        todo!("{offer} {now}")
    }

    /// Takes a datagram. RTP and RTCP are decrypted in place.
    ///
    /// - `from`: where it came from; it need not be known.
    pub fn datagram(&mut self, from: SocketAddr, bytes: &mut [u8], now: Time) -> Arrived {
        todo!("{from} {bytes:?} {now}")
    }

    /// Encrypts an RTP packet in place, for [`Peer::path`]. Allocates nothing (but for the first packet of a stream).
    ///
    /// - `buffer`: the packet, with at least [`super::RTP_ROOM`] bytes behind it.
    /// - `length`: of the packet in plain.
    ///
    /// Gives the length to send, or nothing: not connected, no room, or not an RTP packet. Sequence numbers of one SSRC may come
    /// in any order within 2^15 of each other; the same one twice with other content breaks secrecy, so never write it twice
    /// (retransmissions go by RTX, or are the same bytes).
    pub fn seal_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        todo!("{buffer:?} {length}")
    }

    /// Encrypts an RTCP compound packet in place, for [`Peer::path`].
    ///
    /// - `buffer`: the packet, with at least [`super::RTCP_ROOM`] bytes behind it.
    /// - `length`: of the packet in plain.
    ///
    /// Gives the length to send, or nothing: not connected, no room, or not an RTCP packet.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        todo!("{buffer:?} {length}")
    }

    /// Opens a data channel towards the other side; may be called before the association is up, and is then sent when it is.
    ///
    /// - `label`, `protocol`: at most [`crate::data::MAX_LABEL`] bytes.
    ///
    /// # Errors
    /// `NotOpen` when the description has no data channels, `TooLong`, `TooMany`.
    pub fn open_channel(
        &mut self,
        label: &str,
        protocol: &str,
        reliability: Reliability,
        now: Time,
    ) -> Result<ChannelId, DataError> {
        todo!("{label} {protocol} {reliability:?} {now}")
    }

    /// Queues a message on an open channel. Empty messages are allowed (RFC 8831 §6.6).
    ///
    /// # Errors
    /// `NotOpen`, `TooLong`, or `Full`: then nothing was queued.
    pub fn send(&mut self, channel: ChannelId, is_text: bool, bytes: &[u8], now: Time) -> Result<(), DataError> {
        todo!("{channel:?} {is_text} {bytes:?} {now}")
    }

    /// How many bytes wait to be sent on a channel.
    pub fn buffered(&self, channel: ChannelId) -> usize {
        todo!("{channel:?}")
    }

    /// Closes a data channel, both ways (RFC 8831 §6.7); [`Output::ChannelClosed`] follows.
    pub fn close_channel(&mut self, channel: ChannelId, now: Time) {
        todo!("{channel:?} {now}")
    }

    /// Says goodbye (DTLS close_notify, which is to be sent once) and is over.
    pub fn close(&mut self, now: Time) {
        todo!("{now}")
    }

    /// What is to be done next; call until nothing comes.
    pub fn poll(&mut self) -> Option<Output> {
        todo!()
    }

    /// When to call [`Peer::handle_timeout`], and why.
    pub fn timeout(&self) -> Option<(Time, Why)> {
        todo!()
    }

    /// The deadline has come. Calling early or late does no harm.
    pub fn handle_timeout(&mut self, now: Time) {
        todo!("{now}")
    }

    /// What both sides agreed on.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Where media goes to, once there is a nominated path.
    pub fn path(&self) -> Option<SocketAddr> {
        todo!()
    }

    /// Whether packets can be sealed and opened.
    pub fn is_connected(&self) -> bool {
        todo!()
    }

    /// The ufrag of this side's latest description: what checks for this peer begin with, see [`super::stun_username`].
    pub fn ufrag(&self) -> &str {
        todo!()
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        todo!()
    }
}
