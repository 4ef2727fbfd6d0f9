//! What this side sends.

use super::cipher::{Cipher, Which};
use super::{ENCRYPTED, MAX_STREAMS, nearest_index};
use crate::rtp;

/// Encrypts packets of one direction.
#[derive(Debug)]
pub(crate) struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    streams: Vec<Stream>,
    /// Where the stream of the packet before is: packets of a frame follow one another.
    last: usize,
    /// Of all streams together, which is allowed: a pair of SSRC and index never comes twice.
    rtcp_index: u32,
}

/// A stream that is sent: 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Stream {
    /// Rollover counter and sequence number of the packet that is furthest.
    highest: u64,
    ssrc: u32,
}

impl Sealer {
    pub(super) fn new(rtp: Cipher, rtcp: Cipher) -> Sealer {
        Sealer { rtp, rtcp, streams: Vec::new(), last: 0, rtcp_index: 0 }
    }

    /// Encrypts an RTP packet in place.
    ///
    /// - `buffer`: the packet with [`super::RTP_ROOM`] bytes behind it.
    /// - `length`: of the packet in plain.
    ///
    /// Gives the length to send; nothing when it is not RTP, has no room, or is of one stream too many.
    pub(crate) fn seal_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let packet = buffer.get(..length)?;
        let header = rtp::header_length(packet).ok()?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = rtp::ssrc(packet)?;
        let index = self.next_index(ssrc, sequence)?;
        self.rtp.seal_rtp(Which { ssrc, index }, buffer, header, length)
    }

    /// Encrypts an RTCP compound packet in place; see [`Sealer::seal_rtp`].
    pub(crate) fn seal_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        if length < 8 {
            return None;
        }
        let ssrc = u32::from_be_bytes(buffer.get(4..8)?.try_into().ok()?);
        let index = self.rtcp_index;
        if index >= ENCRYPTED - 1 {
            return None;
        }
        let sealed = self.rtcp.seal_rtcp(Which { ssrc, index: u64::from(index) }, buffer, length)?;
        self.rtcp_index = index + 1;
        Some(sealed)
    }

    fn next_index(&mut self, ssrc: u32, sequence: u16) -> Option<u64> {
        let place = match self.streams.get(self.last) {
            Some(stream) if stream.ssrc == ssrc => Some(self.last),
            _ => self.streams.iter().position(|stream| stream.ssrc == ssrc),
        };
        let Some(place) = place else {
            if self.streams.len() == MAX_STREAMS {
                return None;
            }
            self.last = self.streams.len();
            self.streams.push(Stream { ssrc, highest: u64::from(sequence) });
            return Some(u64::from(sequence));
        };
        self.last = place;
        let stream = &mut self.streams[place];
        let index = nearest_index(stream.highest, sequence);
        stream.highest = stream.highest.max(index);
        Some(index)
    }
}
