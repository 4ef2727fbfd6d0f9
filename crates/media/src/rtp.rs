//! RTP packets: the header, and the header extensions that a media processor reads.
//!
//! [`Header::parse`] looks at a packet and copies a few words out of it; nothing is allocated. [`Header::write`] writes a header
//! with the numbers of another receiver into a buffer, the payload follows it. RFC 3550 §5.1, RFC 8285.
//!
//! Not here: encryption (`srtp`), and what a payload holds.

mod extension;
#[cfg(test)]
mod tests;

pub use extension::{AudioLevel, ExtensionIds, Extensions, Orientation, Span};

use core::ops::Range;

/// Length of the header in front of CSRCs and extensions, in bytes.
pub const FIXED_HEADER: usize = 12;

/// The longest header that [`Header::write`] makes when names have at most 32 bytes, as descriptions admit them, in bytes.
pub const MAX_HEADER: usize = FIXED_HEADER + 4 + 120;

/// What stands in front of an RTP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The marker bit: for video the last packet of a frame, for audio the first of a talk spurt.
    pub is_marked: bool,
    /// Payload type, 0..=127: which codec, in the numbers of this peer connection.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Media time, in units of the codec's clock (48 kHz for Opus, 90 kHz for video).
    pub timestamp: u32,
    /// Synchronization source: which stream.
    pub ssrc: u32,
    /// The header extensions that are known.
    pub extensions: Extensions,
}

/// Where the parts of an RTP packet are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Length of everything in front of the payload: fixed header, CSRCs and extensions, in bytes.
    pub header: usize,
    /// Length of the payload without padding, in bytes.
    pub payload: usize,
    /// Padding behind the payload, its count byte included, in bytes.
    pub padding: usize,
}

impl Layout {
    /// Where the payload is in the packet.
    pub fn payload_range(&self) -> Range<usize> {
        self.header..self.header + self.payload
    }
}

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Shorter than what its header says.
    TooShort,
    /// Of another version than 2.
    NotRtp,
    /// The padding count is zero or longer than the payload.
    BadPadding,
}

impl Header {
    /// Reads the header of a decrypted packet, with the extensions that `ids` names.
    ///
    /// - `packet`: the whole packet without authentication tag.
    ///
    /// # Errors
    /// [`ParseError`] when lengths do not fit. Broken extension elements are not an error: what follows them is not read (RFC 8285 §4.1.2).
    pub fn parse(packet: &[u8], ids: &ExtensionIds) -> Result<(Header, Layout), ParseError> {
        let length = header_length(packet)?;
        let fixed = &packet[..FIXED_HEADER];
        let mut header = Header {
            is_marked: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7F,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            extensions: Extensions::default(),
        };
        if fixed[0] & 0x10 != 0 {
            let begin = FIXED_HEADER + 4 * usize::from(fixed[0] & 0x0F);
            header.extensions = Extensions::parse(&packet[..length], begin, ids);
        }
        let body = packet.len() - length;
        let padding = match packet.last() {
            Some(count) if fixed[0] & 0x20 != 0 => usize::from(*count),
            _ => 0,
        };
        if padding > body || (fixed[0] & 0x20 != 0 && padding == 0) {
            return Err(ParseError::BadPadding);
        }
        Ok((header, Layout { header: length, payload: body - padding, padding }))
    }

    /// Writes the header into the beginning of `out`, without CSRCs, with those extensions that have a value and a number in `ids`.
    ///
    /// - `names`: what [`Extensions::mid`] and its like point into: the packet that the header was parsed from, or any text.
    /// - `out`: [`MAX_HEADER`] bytes are always enough.
    ///
    /// Gives the header's length, or nothing when `out` is too short.
    pub fn write(&self, names: &[u8], ids: &ExtensionIds, out: &mut [u8]) -> Option<usize> {
        let fixed = out.get_mut(..FIXED_HEADER)?;
        fixed[0] = 0x80;
        fixed[1] = (u8::from(self.is_marked) << 7) | (self.payload_type & 0x7F);
        fixed[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        let length = self.extensions.write(names, ids, out.get_mut(FIXED_HEADER..)?)?;
        if length > 0 {
            out[0] |= 0x10;
        }
        Some(FIXED_HEADER + length)
    }
}

/// The length of an RTP header with CSRCs and extensions, in bytes: what is not encrypted.
///
/// # Errors
/// [`ParseError`] when the packet is shorter than that or of another version.
pub fn header_length(packet: &[u8]) -> Result<usize, ParseError> {
    let fixed = packet.get(..FIXED_HEADER).ok_or(ParseError::TooShort)?;
    if fixed[0] >> 6 != 2 {
        return Err(ParseError::NotRtp);
    }
    let mut length = FIXED_HEADER + 4 * usize::from(fixed[0] & 0x0F);
    if fixed[0] & 0x10 != 0 {
        let head = packet.get(length..length + 4).ok_or(ParseError::TooShort)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    }
    if length > packet.len() {
        return Err(ParseError::TooShort);
    }
    Ok(length)
}

/// The stream of an RTP packet whose header is whole; encrypted or not.
pub fn ssrc(packet: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(packet.get(8..12)?.try_into().ok()?))
}
