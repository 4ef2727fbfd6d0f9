//! Header extensions (RFC 8285), one-byte and two-byte form.

use core::ops::Range;

/// Numbers that a description gave to header extensions; 0 is "not agreed", others are 1..=14 (one-byte form) or up to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464).
    pub audio_level: u8,
    /// `urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 8843 §15).
    pub mid: u8,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id` (RFC 8852).
    pub rid: u8,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id` (RFC 8852).
    pub repaired_rid: u8,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`.
    pub transport_sequence: u8,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`.
    pub absolute_send_time: u8,
    /// `urn:3gpp:video-orientation`.
    pub orientation: u8,
}

/// How loud a packet's audio is (RFC 6464).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the sender thinks that it is voice.
    pub is_voice: bool,
    /// Level below the loudest, 0 (loudest) to 127 (silence), in dB.
    pub below_full: u8,
}

/// How a picture is turned and mirrored (3GPP TS 26.114 §7.4.5): the byte as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(pub u8);

/// A part of a packet: first byte and length. Use [`Span::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    begin: u16,
    length: u8,
}

impl Span {
    /// A span of `bytes`, from its beginning; nothing when it is longer than 255 bytes.
    pub fn whole(bytes: &[u8]) -> Option<Span> {
        Some(Span { begin: 0, length: u8::try_from(bytes.len()).ok()? })
    }

    /// A span of these bytes of a text; nothing when it is longer than 255 bytes, or begins behind 65,535.
    pub fn part(range: Range<usize>) -> Option<Span> {
        Some(Span { begin: u16::try_from(range.start).ok()?, length: u8::try_from(range.len()).ok()? })
    }

    /// The bytes of this span in the packet that it was parsed from; empty when it is another packet and too short.
    pub fn of<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        let begin = usize::from(self.begin);
        packet.get(begin..begin + usize::from(self.length)).unwrap_or_default()
    }
}

/// The values of the header extensions that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// How loud it is.
    pub audio_level: Option<AudioLevel>,
    /// Number of the packet in the whole transport (for congestion control).
    pub transport_sequence: Option<u16>,
    /// When it was sent: 24 bits, units of 1/2^18 seconds, wraps every 64 s.
    pub absolute_send_time: Option<u32>,
    /// How the picture is turned.
    pub orientation: Option<Orientation>,
    /// Which m-line it belongs to.
    pub mid: Option<Span>,
    /// Which simulcast layer it is.
    pub rid: Option<Span>,
    /// Which simulcast layer it repairs (RTX).
    pub repaired_rid: Option<Span>,
}

/// The profile word of the one-byte form.
const ONE_BYTE: u16 = 0xBEDE;

/// The profile word of the two-byte form, without its four application bits.
const TWO_BYTE: u16 = 0x1000;

impl Extensions {
    /// Reads the extension block that begins at `begin` and ends with `header`, whose lengths are checked.
    pub(super) fn parse(header: &[u8], begin: usize, ids: &ExtensionIds) -> Extensions {
        let mut found = Extensions::default();
        let profile = u16::from_be_bytes([header[begin], header[begin + 1]]);
        let is_short = profile == ONE_BYTE;
        if !is_short && profile & 0xFFF0 != TWO_BYTE {
            return found;
        }
        let mut at = begin + 4;
        while at < header.len() {
            // A zero byte is padding in both forms (RFC 8285 §4.1.1); id 15 ends a one-byte block.
            if header[at] == 0 {
                at += 1;
                continue;
            }
            let (id, length, value) = if is_short {
                (header[at] >> 4, usize::from(header[at] & 0x0F) + 1, at + 1)
            } else {
                let Some(length) = header.get(at + 1) else { break };
                (header[at], usize::from(*length), at + 2)
            };
            if is_short && id == 15 {
                break;
            }
            let Some(bytes) = header.get(value..value + length) else { break };
            found.set(id, bytes, Span { begin: value as u16, length: length as u8 }, ids);
            at = value + length;
        }
        found
    }

    fn set(&mut self, id: u8, bytes: &[u8], span: Span, ids: &ExtensionIds) {
        if id == 0 {
        } else if id == ids.audio_level {
            if let [level, ..] = *bytes {
                self.audio_level = Some(AudioLevel { is_voice: level & 0x80 != 0, below_full: level & 0x7F });
            }
        } else if id == ids.transport_sequence {
            if let [high, low, ..] = *bytes {
                self.transport_sequence = Some(u16::from_be_bytes([high, low]));
            }
        } else if id == ids.absolute_send_time {
            if let [a, b, c] = *bytes {
                self.absolute_send_time = Some(u32::from_be_bytes([0, a, b, c]));
            }
        } else if id == ids.orientation {
            if let [byte] = *bytes {
                self.orientation = Some(Orientation(byte));
            }
        } else if id == ids.mid {
            self.mid = Some(span);
        } else if id == ids.rid {
            self.rid = Some(span);
        } else if id == ids.repaired_rid {
            self.repaired_rid = Some(span);
        }
    }

    /// Writes the block; gives its length, 0 when there is nothing to write; nothing when `out` is too short.
    pub(super) fn write(&self, names: &[u8], ids: &ExtensionIds, out: &mut [u8]) -> Option<usize> {
        let names_of = |span: Option<Span>| span.map(|span| span.of(names)).unwrap_or_default();
        let level = self.audio_level.map(|l| [(u8::from(l.is_voice) << 7) | (l.below_full & 0x7F)]);
        let sequence = self.transport_sequence.map(u16::to_be_bytes);
        let sent = self.absolute_send_time.map(u32::to_be_bytes);
        let orientation = self.orientation.map(|o| [o.0]);
        let elements: [(u8, &[u8]); 7] = [
            (ids.transport_sequence, sequence.as_ref().map(|b| &b[..]).unwrap_or_default()),
            (ids.absolute_send_time, sent.as_ref().map(|b| &b[1..]).unwrap_or_default()),
            (ids.audio_level, level.as_ref().map(|b| &b[..]).unwrap_or_default()),
            (ids.orientation, orientation.as_ref().map(|b| &b[..]).unwrap_or_default()),
            (ids.mid, names_of(self.mid)),
            (ids.rid, names_of(self.rid)),
            (ids.repaired_rid, names_of(self.repaired_rid)),
        ];
        let wanted = || elements.iter().filter(|(id, value)| *id != 0 && !value.is_empty());
        let is_short = wanted().all(|(id, value)| *id < 15 && value.len() <= 16);
        let mut at = 4;
        for (id, value) in wanted() {
            let length = value.len();
            if is_short {
                *out.get_mut(at)? = (id << 4) | (length as u8 - 1);
                at += 1;
            } else {
                out.get_mut(at..at + 2)?.copy_from_slice(&[*id, u8::try_from(length).ok()?]);
                at += 2;
            }
            out.get_mut(at..at + length)?.copy_from_slice(value);
            at += length;
        }
        if at == 4 {
            return Some(0);
        }
        let end = at.next_multiple_of(4);
        out.get_mut(at..end)?.fill(0);
        out[..2].copy_from_slice(&if is_short { ONE_BYTE } else { TWO_BYTE }.to_be_bytes());
        out[2..4].copy_from_slice(&(((end - 4) / 4) as u16).to_be_bytes());
        Some(end)
    }
}
