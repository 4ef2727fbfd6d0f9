//! H.264 in RTP (RFC 6184 §5): single units, aggregates (STAP-A) and fragments (FU-A).

use super::Picture;

/// Coded slice of an instantaneous decoding refresh picture.
const IDR: u8 = 5;
/// Sequence parameter set: senders put it in front of each key picture.
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

pub(super) fn look(payload: &[u8]) -> Option<Picture> {
    let kind = payload.first()? & 0x1f;
    let (is_key, begins) = match kind {
        STAP_A => (units(payload).any(is_key_unit), true),
        FU_A => {
            let header = *payload.get(1)?;
            let begins = header & 0x80 != 0;
            (begins && is_key_unit(header & 0x1f), begins)
        }
        other => (is_key_unit(other), true),
    };
    Some(Picture { is_key, begins, ..Picture::default() })
}

fn is_key_unit(kind: u8) -> bool {
    kind == IDR || kind == SPS
}

/// The kinds of the units in an aggregate.
fn units(payload: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = payload.get(1..).unwrap_or_default();
    core::iter::from_fn(move || {
        let [high, low, kind, ..] = *rest else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(2 + length..).unwrap_or_default();
        Some(kind & 0x1f)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_pictures_are_seen_alone_in_aggregates_and_in_first_fragments() {
        let key = |payload: &[u8]| look(payload).expect("readable").is_key;
        assert!(key(&[0x65, 0x88]));
        assert!(key(&[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]));
        assert!(key(&[0x7c, 0x85, 0x88]));
        assert!(!key(&[0x7c, 0x05, 0x88]));
        assert!(!key(&[0x41, 0x9a]));
        assert!(!key(&[0x78, 0, 9, 0x41]));
        assert_eq!(look(&[]), None);
    }
}
