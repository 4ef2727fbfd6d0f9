//! AV1 in RTP: the aggregation header (AV1 RTP payload format §4.4).
//!
//! ```text
//!  0 1 2 3 4 5 6 7
//! |Z|Y| W |N|-|-|-|   Z: goes on from the packet before; N: first of a coded video sequence
//! ```
//!
//! The dependency descriptor header extension is passed on as it is and not read here.

use super::Picture;

pub(super) fn look(payload: &[u8]) -> Option<Picture> {
    let header = *payload.first()?;
    let is_key = header & 0x08 != 0;
    Some(Picture { is_key, begins: is_key || header & 0x80 == 0, ..Picture::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_packet_of_a_sequence_is_a_key() {
        assert!(look(&[0x18, 0x0a]).expect("readable").is_key);
        assert!(!look(&[0x10, 0x32]).expect("readable").is_key);
        assert_eq!(look(&[]), None);
    }
}
