//! What comes from the other side.

use super::cipher::{Cipher, Which};
use super::window::Window;
use super::{MAX_STREAMS, nearest_index};
use crate::rtp;

/// Checks and decrypts packets of one direction.
///
/// - `T`: what the owner remembers of each stream.
#[derive(Debug)]
pub(crate) struct Opener<T = ()> {
    rtp: Cipher,
    rtcp: Cipher,
    streams: Vec<Stream<T>>,
    /// Where the stream of the packet before is: packets of a frame follow one another.
    last: usize,
    reporters: Vec<Reporter>,
}

/// A stream that comes: 28 bytes and what the owner remembers.
#[derive(Clone, Copy, Debug)]
struct Stream<T> {
    window: Window,
    ssrc: u32,
    note: T,
}

/// A source of RTCP.
#[derive(Clone, Copy, Debug)]
struct Reporter {
    window: Window,
    ssrc: u32,
}

/// A packet that is genuine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened<'a, T> {
    /// Its length without tag, in bytes.
    pub(crate) length: usize,
    /// What the owner remembers of its stream: the default for the first packet.
    pub(crate) note: &'a mut T,
}

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is no packet of this kind.
    Malformed,
    /// It came already, or is too old to tell.
    Replayed,
    /// Its tag is wrong: forged, damaged, or sealed with another key.
    Forged,
    /// It is genuine, and of one stream more than [`MAX_STREAMS`].
    TooMany,
}

impl Opener {
    pub(super) fn new(rtp: Cipher, rtcp: Cipher) -> Opener {
        Opener { rtp, rtcp, streams: Vec::new(), last: 0, reporters: Vec::new() }
    }

    /// The same keys, with something to remember of each stream. For: an opener that has not seen a packet.
    pub(crate) fn remembering<T>(self) -> Opener<T> {
        Opener { rtp: self.rtp, rtcp: self.rtcp, streams: Vec::new(), last: 0, reporters: self.reporters }
    }
}

impl<T: Default> Opener<T> {
    /// Checks and decrypts an RTP packet in place.
    ///
    /// # Errors
    /// [`Refused`]; the packet's content is then undefined.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8]) -> Result<Opened<'_, T>, Refused> {
        let header = rtp::header_length(packet).map_err(|_| Refused::Malformed)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = rtp::ssrc(packet).ok_or(Refused::Malformed)?;
        let place = match self.streams.get(self.last) {
            Some(stream) if stream.ssrc == ssrc => Some(self.last),
            _ => self.streams.iter().position(|stream| stream.ssrc == ssrc),
        };
        let index = match place {
            Some(place) => nearest_index(self.streams[place].window.highest(), sequence),
            None => u64::from(sequence),
        };
        if place.is_some_and(|place| !self.streams[place].window.admits(index)) {
            return Err(Refused::Replayed);
        }
        let length = self.rtp.open_rtp(Which { ssrc, index }, packet, header).ok_or(Refused::Forged)?;
        // Only genuine packets leave a trace (RFC 3711 §3.3, step 5).
        let place = match place {
            Some(place) => {
                self.streams[place].window.mark(index);
                place
            }
            None if self.streams.len() == MAX_STREAMS => return Err(Refused::TooMany),
            None => {
                self.streams.push(Stream { window: Window::starting(index), ssrc, note: T::default() });
                self.streams.len() - 1
            }
        };
        self.last = place;
        Ok(Opened { length, note: &mut self.streams[place].note })
    }

    /// Checks and decrypts an RTCP packet in place; gives its length in plain.
    ///
    /// # Errors
    /// [`Refused`]; the packet's content is then undefined.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let index = u64::from(self.rtcp.rtcp_index(packet).ok_or(Refused::Malformed)?);
        let ssrc = packet.get(4..8).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
        let ssrc = ssrc.ok_or(Refused::Malformed)?;
        let place = self.reporters.iter().position(|reporter| reporter.ssrc == ssrc);
        if place.is_some_and(|place| !self.reporters[place].window.admits(index)) {
            return Err(Refused::Replayed);
        }
        let length = self.rtcp.open_rtcp(Which { ssrc, index }, packet).ok_or(Refused::Forged)?;
        match place {
            Some(place) => self.reporters[place].window.mark(index),
            None if self.reporters.len() == MAX_STREAMS => return Err(Refused::TooMany),
            None => self.reporters.push(Reporter { window: Window::starting(index), ssrc }),
        }
        Ok(length)
    }
}
