//! Cutting a byte stream into STUN messages and ChannelData.

/// What the beginning of a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Whole {
        /// Its own length, in bytes: what to hand to the machine.
        message: usize,
        /// Its length with padding, in bytes: what to take off the stream.
        taken: usize,
    },
    /// At least this many bytes are needed before there is a whole message.
    Partial {
        /// Bytes, counted from the same beginning.
        needed: usize,
    },
    /// Neither STUN nor ChannelData: there is no way to find the next message, so close the stream.
    Garbage,
}

/// Looks for one message at the beginning of `stream`.
///
/// STUN messages carry their length; ChannelData is padded to four bytes on streams and its length leaves the padding
/// out. RFC 8489 §6.2.2, RFC 8656 §12.5.
pub fn frame(stream: &[u8]) -> Frame {
    let [first, second, high, low, ..] = *stream else {
        return match stream.first() {
            Some(first) if *first >= 0x80 => Frame::Garbage,
            _ => Frame::Partial { needed: 4 },
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (message, taken) = match first >> 6 {
        0 if length % 4 == 0 && first < 0x40 => (super::HEADER + length, super::HEADER + length),
        1 => (4 + length, 4 + length.next_multiple_of(4)),
        _ => return Frame::Garbage,
    };
    let _ = second;
    // A STUN message shows its cookie early: whoever sends a letter with the wrong one is cut off at byte 8.
    if first >> 6 == 0 && stream.len() >= 8 && stream[4..8] != super::MAGIC_COOKIE.to_be_bytes() {
        return Frame::Garbage;
    }
    if stream.len() < taken { Frame::Partial { needed: taken } } else { Frame::Whole { message, taken } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_data_is_cut_without_its_padding() {
        assert_eq!(frame(&[0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 0x40]), Frame::Whole { message: 9, taken: 12 });
        assert_eq!(frame(&[0x40, 0, 0, 5, 1, 2, 3, 4, 5]), Frame::Partial { needed: 12 });
        assert_eq!(frame(&[0x40, 0]), Frame::Partial { needed: 4 });
    }

    #[test]
    fn a_message_with_another_cookie_or_odd_length_is_garbage() {
        assert_eq!(frame(&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x43]), Frame::Garbage);
        assert_eq!(frame(&[0, 1, 0, 2, 0x21, 0x12, 0xA4, 0x42]), Frame::Garbage);
        assert_eq!(frame(&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42]), Frame::Partial { needed: 20 });
        assert_eq!(frame(b"GET / HTTP/1.1"), Frame::Partial { needed: 4 + 0x5420 });
        assert_eq!(frame(&[0x80]), Frame::Garbage);
    }
}
