//! VP9's payload descriptor (RFC 9628 §4.2).
//!
//! ```text
//!  0 1 2 3 4 5 6 7
//! |I|P|L|F|B|E|V|Z|
//! |M| PICTURE ID  |   I: 7 bits, or 15 when M
//! | TID |U| SID |D|   L
//! | TL0PICIDX     |   L and not F
//! | P_DIFF      |N|   P and F, up to three while N
//! | SS …          |   V
//! ```

use super::Picture;

pub(super) fn look(payload: &[u8]) -> Option<Picture> {
    let first = *payload.first()?;
    let has = |bit: u8| first & bit != 0;
    let mut at = 1;
    if has(0x80) {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let mut picture = Picture { begins: has(0x08), ends_layer: has(0x04), ..Picture::default() };
    let mut depends_on_lower = false;
    if has(0x20) {
        let layer = *payload.get(at)?;
        picture.temporal = layer >> 5;
        picture.is_switch_up = layer & 0x10 != 0;
        picture.spatial = layer >> 1 & 0x07;
        depends_on_lower = layer & 0x01 != 0;
        at += if has(0x10) { 1 } else { 2 };
    }
    picture.is_key = picture.begins && !has(0x40) && !depends_on_lower && picture.spatial == 0;
    if has(0x40) && has(0x10) {
        for _ in 0..3 {
            let more = payload.get(at)? & 0x01 != 0;
            at += 1;
            if !more {
                break;
            }
        }
    }
    if has(0x02) {
        picture.size = structure_size(payload.get(at..)?);
    }
    Some(picture)
}

/// The size of the highest spatial layer that a scalability structure names (RFC 9628 §4.2.1).
fn structure_size(structure: &[u8]) -> Option<(u16, u16)> {
    let first = *structure.first()?;
    if first & 0x10 == 0 {
        return None;
    }
    let highest = usize::from(first >> 5);
    let size = structure.get(1 + highest * 4..5 + highest * 4)?;
    Some((u16::from_be_bytes([size[0], size[1]]), u16::from_be_bytes([size[2], size[3]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_picture_with_structure_names_its_size() {
        // I, L, B, E, V; 15-bit id; TID 0, SID 0; TL0; one layer 1280x720.
        let payload = [0xae, 0x80, 0x01, 0x00, 0x05, 0x10, 0x05, 0x00, 0x02, 0xd0, 0x82];
        let picture = look(&payload).expect("a descriptor");
        assert!(picture.is_key && picture.ends_layer);
        assert_eq!(picture.size, Some((1280, 720)));
    }

    #[test]
    fn upper_spatial_layer_of_a_key_picture_is_no_key() {
        // I, L, B; 7-bit id; TID 0, U, SID 1, D.
        let picture = look(&[0xa8, 0x01, 0x13, 0x05, 0x00]).expect("a descriptor");
        assert!(!picture.is_key && picture.begins && picture.is_switch_up);
        assert_eq!(picture.spatial, 1);
    }

    #[test]
    fn cut_descriptors_are_not_read() {
        assert_eq!(look(&[]), None);
        assert_eq!(look(&[0x80]), None);
        assert_eq!(look(&[0xa0, 0x01]), None);
        assert_eq!(look(&[0xd0, 0x01, 0x03]), None);
    }
}
