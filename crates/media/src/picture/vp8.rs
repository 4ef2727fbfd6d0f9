//! VP8's payload descriptor (RFC 7741 §4.2).
//!
//! ```text
//!  0 1 2 3 4 5 6 7
//! |X|R|N|S|R| PID |   S: begins a partition; PID: which
//! |I|L|T|K| RSV   |   X: what follows
//! |M| PictureID   |   I: 7 bits, or 15 when M
//! | TL0PICIDX     |   L
//! |TID|Y| KEYIDX  |   T or K
//! ```

use super::Picture;

/// The running numbers of a packet and where they stand in the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Picture id: offset in the payload, the value, and whether it has 15 bits.
    pub(crate) picture_id: Option<(u8, u16, bool)>,
    /// Index of the base layer's picture: offset in the payload, and the value.
    pub(crate) tl0: Option<(u8, u8)>,
}

pub(super) fn look(payload: &[u8]) -> Option<Picture> {
    let first = *payload.first()?;
    let begins = first & 0x10 != 0 && first & 0x07 == 0;
    let mut at = 1;
    let mut picture = Picture { begins, ..Picture::default() };
    let mut numbers = Numbers { picture_id: None, tl0: None };
    if first & 0x80 != 0 {
        let extension = *payload.get(at)?;
        at += 1;
        if extension & 0x80 != 0 {
            let high = *payload.get(at)?;
            if high & 0x80 != 0 {
                let low = *payload.get(at + 1)?;
                numbers.picture_id = Some((at as u8, u16::from_be_bytes([high & 0x7f, low]), true));
                at += 2;
            } else {
                numbers.picture_id = Some((at as u8, u16::from(high), false));
                at += 1;
            }
        }
        if extension & 0x40 != 0 {
            numbers.tl0 = Some((at as u8, *payload.get(at)?));
            at += 1;
        }
        if extension & 0x30 != 0 {
            let layer = *payload.get(at)?;
            if extension & 0x20 != 0 {
                picture.temporal = layer >> 6;
                picture.is_switch_up = layer & 0x20 != 0;
            }
            at += 1;
        }
    }
    picture.vp8 = Some(numbers);
    if begins {
        let frame = payload.get(at..)?;
        // RFC 6386 §9.1: the lowest bit of the first byte is 0 in key frames; a start code and the size follow the 3-byte frame tag.
        picture.is_key = frame.first()? & 1 == 0;
        if let (true, Some([0x9d, 0x01, 0x2a, w0, w1, h0, h1])) = (picture.is_key, frame.get(3..10)) {
            let width = u16::from_le_bytes([*w0, *w1]) & 0x3fff;
            let height = u16::from_le_bytes([*h0, *h1]) & 0x3fff;
            picture.size = Some((width, height));
        }
    }
    Some(picture)
}

impl Numbers {
    /// Writes other running numbers into a copy of the payload that these were read from.
    pub(crate) fn patch(&self, payload: &mut [u8], picture_id: u16, tl0: u8) {
        if let Some((at, _, is_long)) = self.picture_id {
            let at = usize::from(at);
            match (is_long, payload.get_mut(at..at + 2), picture_id) {
                (true, Some(bytes), id) => bytes.copy_from_slice(&(id & 0x7fff | 0x8000).to_be_bytes()),
                (false, _, id) => {
                    if let Some(byte) = payload.get_mut(at) {
                        *byte = (id & 0x7f) as u8;
                    }
                }
                (true, None, _) => {}
            }
        }
        if let Some((at, _)) = self.tl0
            && let Some(byte) = payload.get_mut(usize::from(at))
        {
            *byte = tl0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptor_with_everything_is_read_and_patched() {
        let mut payload =
            vec![0x90, 0xf0, 0x92, 0x34, 0x07, 0x60, 0x00, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
        let picture = look(&payload).expect("a descriptor");
        assert!(picture.is_key && picture.begins && picture.is_switch_up);
        assert_eq!(picture.temporal, 1);
        assert_eq!(picture.size, Some((640, 360)));
        let numbers = picture.vp8.expect("numbers");
        assert_eq!(numbers.picture_id, Some((2, 0x1234, true)));
        assert_eq!(numbers.tl0, Some((4, 7)));
        numbers.patch(&mut payload, 0x7fff, 0xaa);
        assert_eq!(&payload[..6], &[0x90, 0xf0, 0xff, 0xff, 0xaa, 0x60]);
    }

    #[test]
    fn short_picture_ids_stay_short() {
        let mut payload = vec![0x90, 0x80, 0x12, 0x01];
        let picture = look(&payload).expect("a descriptor");
        assert!(!picture.is_key && picture.begins);
        picture.vp8.expect("numbers").patch(&mut payload, 0x1ff, 0);
        assert_eq!(payload, [0x90, 0x80, 0x7f, 0x01]);
    }

    #[test]
    fn cut_descriptors_are_not_read() {
        let whole = [0x90, 0xf0, 0x92, 0x34, 0x07, 0x60, 0x00];
        for length in 0..whole.len() {
            assert_eq!(look(&whole[..length]), None, "{length} bytes");
        }
    }
}
