//! RTCP: reports, feedback, farewells.
//!
//! [`packets`] walks a compound packet without allocating; the functions of [`write`] append packets to a buffer. RFC 3550 §6,
//! RFC 4585 (NACK, PLI), RFC 5104 (FIR), REMB (draft-alvestrand-rmcat-remb-03), transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! Not here: encryption (`srtp`), when to send what.

mod read;
mod transport;
pub mod write;

#[cfg(test)]
mod tests;

pub use read::{Firs, Nacks, Packet, Packets, Remb, Reports, Ssrcs, packets};
pub use transport::{Arrival, Arrivals, TransportFeedback};

/// Packet types (RFC 3550 §12.1, RFC 4585 §6.1, RFC 3611).
mod packet_type {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const DESCRIPTION: u8 = 202;
    pub(super) const GOODBYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// What a sender says of its own stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock in NTP's format: seconds since 1900 and 2^-32 seconds.
    pub ntp: u64,
    /// The same moment in the stream's media time.
    pub timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub bytes: u32,
}

impl SenderInfo {
    /// The middle 32 bits of the wall clock, which receivers give back as [`Report::last_report`]; units of 2^-16 seconds.
    pub fn middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// What a receiver says of a stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whose stream.
    pub ssrc: u32,
    /// Packets lost since the report before, of 256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; 24 bits with sign, so it saturates at about 8 million.
    pub lost: i32,
    /// Highest sequence number, with the count of its wraps in the upper 16 bits.
    pub highest_sequence: u32,
    /// Smoothed variance of arrival, in media time units.
    pub jitter: u32,
    /// [`SenderInfo::middle`] of the last sender report; 0: none.
    pub last_report: u32,
    /// Time since that sender report came, in units of 2^-16 seconds.
    pub delay: u32,
}

impl Report {
    /// The round trip, when the stream's sender reads this report at `now` (same format as [`SenderInfo::middle`]); units of 2^-16 seconds.
    ///
    /// Nothing when the receiver has seen no sender report, or the clocks disagree. RFC 3550 §6.4.1.
    pub fn round_trip(&self, now: u32) -> Option<u32> {
        if self.last_report == 0 {
            return None;
        }
        let span = now.wrapping_sub(self.last_report).wrapping_sub(self.delay);
        (span < 1 << 31).then_some(span)
    }
}
