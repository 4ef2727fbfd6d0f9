//! The protocol that opens data channels (RFC 8832).

use super::{Limit, MAX_LABEL, Reliability};

/// What stands in DATA_CHANNEL_OPEN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) reliability: Reliability,
    pub(super) label: String,
    pub(super) protocol: String,
}

/// A message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Open(Open),
    Acknowledged,
}

const OPEN: u8 = 3;
const ACKNOWLEDGED: u8 = 2;

/// DATA_CHANNEL_ACK (RFC 8832 §5.2).
pub(super) const ACK: [u8; 1] = [ACKNOWLEDGED];

/// The bit of the channel type that says "unordered" (RFC 8832 §8.2.2).
const UNORDERED: u8 = 0x80;

/// The priority "normal" (RFC 8831 §6.4).
const NORMAL: u16 = 256;

impl Control {
    /// Reads a message; nothing when it is broken, of another type, or its texts are longer than [`MAX_LABEL`] or not UTF-8.
    ///
    /// RFC 8832 §5.1.
    pub(super) fn parse(bytes: &[u8]) -> Option<Control> {
        let head = match bytes {
            [ACKNOWLEDGED, ..] => return Some(Control::Acknowledged),
            [OPEN, ..] => bytes.get(..12)?,
            _ => return None,
        };
        let value = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let limit = match head[1] & !UNORDERED {
            0 => Limit::Never,
            1 => Limit::Retransmits(value),
            2 => Limit::Lifetime(value),
            _ => return None,
        };
        let label = usize::from(u16::from_be_bytes([head[8], head[9]]));
        let protocol = usize::from(u16::from_be_bytes([head[10], head[11]]));
        if label > MAX_LABEL || protocol > MAX_LABEL {
            return None;
        }
        let text = |begin: usize, length: usize| {
            Some(core::str::from_utf8(bytes.get(begin..begin + length)?).ok()?.to_owned())
        };
        Some(Control::Open(Open {
            reliability: Reliability { is_ordered: head[1] & UNORDERED == 0, limit },
            label: text(12, label)?,
            protocol: text(12 + label, protocol)?,
        }))
    }
}

impl Open {
    /// Writes DATA_CHANNEL_OPEN; the texts have at most [`MAX_LABEL`] bytes.
    pub(super) fn write(&self) -> Vec<u8> {
        let (kind, value) = match self.reliability.limit {
            Limit::Never => (0, 0),
            Limit::Retransmits(count) => (1, count),
            Limit::Lifetime(millis) => (2, millis),
        };
        let kind = if self.reliability.is_ordered { kind } else { kind | UNORDERED };
        let mut out = vec![OPEN, kind];
        out.extend_from_slice(&NORMAL.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
        out.extend_from_slice(&(self.label.len() as u16).to_be_bytes());
        out.extend_from_slice(&(self.protocol.len() as u16).to_be_bytes());
        out.extend_from_slice(self.label.as_bytes());
        out.extend_from_slice(self.protocol.as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_described_as_it_was_opened() {
        for limit in [Limit::Never, Limit::Retransmits(3), Limit::Lifetime(1500)] {
            for is_ordered in [true, false] {
                let reliability = Reliability { is_ordered, limit };
                let open = Open { reliability, label: "data/1/äöü".into(), protocol: "p".into() };
                assert_eq!(Control::parse(&open.write()), Some(Control::Open(open)));
            }
        }
        assert_eq!(Control::parse(&ACK), Some(Control::Acknowledged));
    }

    #[test]
    fn the_type_numbers_are_those_of_the_registry() {
        let lossy = Open { reliability: Reliability::LOSSY, label: "x".into(), protocol: String::new() };
        assert_eq!(lossy.write(), [3, 0x81, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, b'x']);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
            let _ = Control::parse(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = OPEN;
                let _ = Control::parse(&bytes);
            }
        }
    }
}
