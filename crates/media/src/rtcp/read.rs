//! Reading a compound packet.

use super::transport::TransportFeedback;
use super::{Report, SenderInfo, packet_type};

/// One packet of a compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A sender's report, with what it receives itself.
    SenderReport {
        /// Whose.
        ssrc: u32,
        /// Of its own stream.
        info: SenderInfo,
        /// Of others.
        reports: Reports<'a>,
    },
    /// A receiver's report.
    ReceiverReport {
        /// Whose.
        ssrc: u32,
        /// Of others.
        reports: Reports<'a>,
    },
    /// Names of sources (SDES), which WebRTC does not need.
    Description,
    /// These streams end.
    Goodbye(Ssrcs<'a>),
    /// Packets are missing (RFC 4585 §6.2.1).
    Nack {
        /// Whose they are.
        media: u32,
        /// Which.
        missing: Nacks<'a>,
    },
    /// A key frame is wanted (RFC 4585 §6.3.1).
    Pli {
        /// Of which stream.
        media: u32,
    },
    /// Key frames are wanted (RFC 5104 §4.3.1).
    Fir(Firs<'a>),
    /// What the receiver can take.
    Remb(Remb<'a>),
    /// When packets came.
    TransportFeedback(TransportFeedback<'a>),
    /// Something else.
    Unknown {
        /// Its packet type.
        packet_type: u8,
    },
}

/// Walks a compound (or reduced-size, RFC 5506) packet; ends at the first broken one.
pub fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// The packets of a compound packet.
#[derive(Clone, Copy, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        loop {
            let head = self.rest.get(..4)?;
            let length = 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
            if head[0] >> 6 != 2 || self.rest.len() < length {
                self.rest = &[];
                return None;
            }
            let (packet, rest) = self.rest.split_at(length);
            self.rest = rest;
            let padding = match packet.last() {
                Some(count) if packet[0] & 0x20 != 0 => usize::from(*count),
                _ => 0,
            };
            let Some(body) = packet.get(4..length.saturating_sub(padding)) else { continue };
            // A packet that is too short for its type is passed over; its neighbours are whole.
            if let Some(found) = parse(packet[0] & 0x1F, packet[1], body) {
                return Some(found);
            }
        }
    }
}

fn parse(count: u8, packet_type: u8, body: &[u8]) -> Option<Packet<'_>> {
    Some(match (packet_type, count) {
        (packet_type::SENDER_REPORT, count) => Packet::SenderReport {
            ssrc: word(body, 0)?,
            info: SenderInfo {
                ntp: (u64::from(word(body, 4)?) << 32) | u64::from(word(body, 8)?),
                timestamp: word(body, 12)?,
                packets: word(body, 16)?,
                bytes: word(body, 20)?,
            },
            reports: Reports::new(body.get(24..)?, count),
        },
        (packet_type::RECEIVER_REPORT, count) => {
            Packet::ReceiverReport { ssrc: word(body, 0)?, reports: Reports::new(body.get(4..)?, count) }
        }
        (packet_type::DESCRIPTION, _) => Packet::Description,
        (packet_type::GOODBYE, count) => Packet::Goodbye(Ssrcs(body.get(..4 * usize::from(count))?)),
        (packet_type::TRANSPORT_FEEDBACK, 1) => {
            Packet::Nack { media: word(body, 4)?, missing: Nacks::new(body.get(8..)?) }
        }
        (packet_type::TRANSPORT_FEEDBACK, 15) => Packet::TransportFeedback(TransportFeedback::parse(body)?),
        (packet_type::PAYLOAD_FEEDBACK, 1) => Packet::Pli { media: word(body, 4)? },
        (packet_type::PAYLOAD_FEEDBACK, 4) => Packet::Fir(Firs(body.get(8..)?)),
        (packet_type::PAYLOAD_FEEDBACK, 15) if body.get(8..12)? == b"REMB" => {
            let word = word(body, 12)?;
            let bitrate = u64::from(word & 0x3_FFFF) << ((word >> 18) & 0x3F).min(46);
            let count = 4 * (word >> 24) as usize;
            Packet::Remb(Remb { bitrate, ssrcs: Ssrcs(body.get(16..16 + count)?) })
        }
        (packet_type, _) => Packet::Unknown { packet_type },
    })
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Report blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reports<'a>(&'a [u8]);

impl<'a> Reports<'a> {
    /// At most `count` of what is there: profile-specific extensions may follow.
    fn new(bytes: &'a [u8], count: u8) -> Reports<'a> {
        Reports(&bytes[..bytes.len().min(24 * usize::from(count))])
    }
}

impl Iterator for Reports<'_> {
    type Item = Report;

    fn next(&mut self) -> Option<Report> {
        let (block, rest) = self.0.split_at_checked(24)?;
        self.0 = rest;
        let lost = word(block, 4)?;
        Some(Report {
            ssrc: word(block, 0)?,
            fraction_lost: (lost >> 24) as u8,
            // The shift up and down again spreads the sign of 24 bits over 32.
            lost: ((lost << 8) as i32) >> 8,
            highest_sequence: word(block, 8)?,
            jitter: word(block, 12)?,
            last_report: word(block, 16)?,
            delay: word(block, 20)?,
        })
    }
}

/// Streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssrcs<'a>(&'a [u8]);

impl Iterator for Ssrcs<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let ssrc = word(self.0, 0)?;
        self.0 = &self.0[4..];
        Some(ssrc)
    }
}

/// Sequence numbers of missing packets, in the order they were named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nacks<'a> {
    rest: &'a [u8],
    /// The pair being unfolded: first number and the mask of the 16 behind it.
    base: u16,
    mask: u16,
}

impl<'a> Nacks<'a> {
    fn new(rest: &'a [u8]) -> Nacks<'a> {
        Nacks { rest, base: 0, mask: 0 }
    }
}

impl Iterator for Nacks<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask != 0 {
            let bit = self.mask.trailing_zeros() as u16;
            self.mask &= self.mask - 1;
            return Some(self.base.wrapping_add(bit + 1));
        }
        let pair = word(self.rest, 0)?;
        self.rest = &self.rest[4..];
        self.base = (pair >> 16) as u16;
        self.mask = pair as u16;
        Some(self.base)
    }
}

/// Wishes for key frames: stream, and the number of the wish (the same number again is the same wish).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firs<'a>(&'a [u8]);

impl Iterator for Firs<'_> {
    type Item = (u32, u8);

    fn next(&mut self) -> Option<(u32, u8)> {
        let (entry, rest) = self.0.split_at_checked(8)?;
        self.0 = rest;
        Some((word(entry, 0)?, entry[4]))
    }
}

/// What a receiver can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remb<'a> {
    /// In all, in bits per second.
    pub bitrate: u64,
    /// For which streams together.
    pub ssrcs: Ssrcs<'a>,
}
