//! What is in a packet: enough to know at the other end whose it is, which one, when it left, and that nothing was changed.
//!
//! ```text
//!   video: VP8 descriptor (4) │ frame tag and key picture's head (10) │ mark
//!   voice:                                                             mark
//!   mark:  magic (2) │ publisher (2) │ counter (4) │ sent, ns (8) │ filling, a function of the counter
//! ```

/// What a mark begins with.
const MAGIC: u16 = 0xCE47;
/// Length of a mark in front of its filling, in bytes.
const MARK: usize = 16;
/// Length of what stands in front of the mark behind a VP8 descriptor.
const FRAME_HEAD: usize = 10;
/// Length of the descriptor that is sent.
const DESCRIPTOR: usize = 4;

/// The mark of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Whose packet.
    pub(crate) publisher: u16,
    /// Which packet of the stream.
    pub(crate) counter: u32,
    /// When it left, in nanoseconds of the run.
    pub(crate) sent: u64,
}

/// A packet of a picture, as VP8 (RFC 7741).
pub(crate) struct Picture {
    /// Number of the picture, 15 bits.
    pub(crate) number: u16,
    pub(crate) is_key: bool,
    pub(crate) is_first: bool,
}

impl Mark {
    /// Fills a payload of a voice.
    pub(crate) fn write(&self, payload: &mut [u8]) {
        payload[..2].copy_from_slice(&MAGIC.to_be_bytes());
        payload[2..4].copy_from_slice(&self.publisher.to_be_bytes());
        payload[4..8].copy_from_slice(&self.counter.to_be_bytes());
        payload[8..16].copy_from_slice(&self.sent.to_be_bytes());
        let begin = self.counter as u8;
        for (at, byte) in payload[MARK..].iter_mut().enumerate() {
            *byte = begin.wrapping_add(at as u8);
        }
    }

    /// Fills a payload of a picture.
    pub(crate) fn write_picture(&self, picture: &Picture, payload: &mut [u8]) {
        let number = (picture.number | 0x8000).to_be_bytes();
        // X and, in the first packet, S; I with a picture number of 15 bits.
        payload[..DESCRIPTOR].copy_from_slice(&[
            if picture.is_first { 0x90 } else { 0x80 },
            0x80,
            number[0],
            number[1],
        ]);
        // A frame tag (RFC 6386 §9.1), and a key picture of 640x360.
        let head = [u8::from(!picture.is_key) | 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
        payload[DESCRIPTOR..DESCRIPTOR + FRAME_HEAD].copy_from_slice(&head);
        self.write(&mut payload[DESCRIPTOR + FRAME_HEAD..]);
    }

    /// Reads a payload of a voice; nothing when it is not one of ours or was changed.
    pub(crate) fn read(payload: &[u8]) -> Option<Mark> {
        let word = |at: usize| payload.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        if word(0)? != MAGIC || payload.len() < MARK {
            return None;
        }
        let counter = u32::from_be_bytes(payload[4..8].try_into().ok()?);
        let sent = u64::from_be_bytes(payload[8..16].try_into().ok()?);
        let begin = counter as u8;
        let is_whole = payload[MARK..].iter().enumerate().all(|(at, byte)| *byte == begin.wrapping_add(at as u8));
        is_whole.then_some(Mark { publisher: word(2)?, counter, sent })
    }

    /// Reads a payload of a picture. Forwarders may write another descriptor (RFC 7741 §4.2), and nothing else.
    pub(crate) fn read_picture(payload: &[u8]) -> Option<Mark> {
        Mark::read(payload.get(descriptor_length(payload)? + FRAME_HEAD..)?)
    }
}

fn descriptor_length(payload: &[u8]) -> Option<usize> {
    let first = *payload.first()?;
    if first & 0x80 == 0 {
        return Some(1);
    }
    let extensions = *payload.get(1)?;
    let mut length = 2;
    if extensions & 0x80 != 0 {
        length += if payload.get(2)? & 0x80 != 0 { 2 } else { 1 };
    }
    length += usize::from(extensions & 0x40 != 0);
    length += usize::from(extensions & 0x30 != 0);
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_any_change_is_seen() {
        let mark = Mark { publisher: 3, counter: 77, sent: 123_456 };
        let mut payload = [0; 300];
        mark.write_picture(&Picture { number: 5, is_key: true, is_first: true }, &mut payload);
        assert_eq!(Mark::read_picture(&payload), Some(mark));
        for at in DESCRIPTOR + FRAME_HEAD..payload.len() {
            let mut changed = payload;
            changed[at] ^= 1;
            assert_ne!(Mark::read_picture(&changed), Some(mark), "byte {at}");
        }
        let mut voice = [0; 80];
        mark.write(&mut voice);
        assert_eq!(Mark::read(&voice), Some(mark));
    }

    #[test]
    fn a_longer_descriptor_is_stepped_over() {
        let mark = Mark { publisher: 3, counter: 77, sent: 1 };
        let mut payload = vec![0x90, 0xe0, 0x80, 1, 2, 3];
        payload.extend_from_slice(&[0; FRAME_HEAD]);
        let at = payload.len();
        payload.resize(at + 100, 0);
        mark.write(&mut payload[at..]);
        assert_eq!(Mark::read_picture(&payload), Some(mark));
    }
}
