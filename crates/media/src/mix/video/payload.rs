//! Frames to RTP payloads and back: VP8 (RFC 7741) and H.264 (RFC 6184, packetization mode 1).

use bytes::{BufMut, Bytes, BytesMut};

use super::VideoCodec;

/// Whether a payload begins a frame that can be decoded alone, as far as it alone can tell.
pub(crate) fn begins_key(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::Vp8 => {
            // S is set and the partition is 0; the frame's first bit is 0 in key frames (RFC 6386 §9.1).
            let begins = payload.first().is_some_and(|first| first & 0x17 == 0x10);
            begins && vp8_frame(payload).and_then(|frame| frame.first()).is_some_and(|first| first & 1 == 0)
        }
        VideoCodec::H264 => match payload {
            [first, ..] if matches!(first & 0x1F, 5 | 7) => true,
            // The first unit of an aggregate (§5.7.1), the first fragment of a unit (§5.8).
            [first, _, _, unit, ..] if first & 0x1F == 24 => matches!(unit & 0x1F, 5 | 7),
            [first, head, ..] if first & 0x1F == 28 => head & 0x80 != 0 && head & 0x1F == 5,
            _ => false,
        },
    }
}

/// Adds what a payload carries to the frame in `out`. Gives false when it cannot be read.
pub(crate) fn add_to_frame(codec: VideoCodec, payload: &[u8], out: &mut Vec<u8>) -> bool {
    match codec {
        VideoCodec::Vp8 => vp8_frame(payload).map(|frame| out.extend_from_slice(frame)).is_some(),
        VideoCodec::H264 => add_h264(payload, out).is_some(),
    }
}

/// What stands behind the payload descriptor (RFC 7741 §4.2).
fn vp8_frame(payload: &[u8]) -> Option<&[u8]> {
    let mut at = 1;
    if payload.first()? & 0x80 != 0 {
        let extension = *payload.get(at)?;
        at += 1;
        if extension & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(extension & 0x40 != 0) + usize::from(extension & 0x30 != 0);
    }
    payload.get(at..)
}

const START: [u8; 4] = [0, 0, 0, 1];

fn add_h264(payload: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let first = *payload.first()?;
    match first & 0x1F {
        1..=23 => {
            out.extend(START);
            out.extend_from_slice(payload);
        }
        24 => {
            let mut rest = &payload[1..];
            while let [high, low, behind @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                out.extend(START);
                out.extend_from_slice(behind.get(..length)?);
                rest = &behind[length..];
            }
        }
        28 => {
            let head = *payload.get(1)?;
            if head & 0x80 != 0 {
                out.extend(START);
                out.push(first & 0xE0 | head & 0x1F);
            }
            out.extend_from_slice(&payload[2..]);
        }
        // Aggregates and fragments with order numbers belong to mode 2.
        _ => return None,
    }
    Some(())
}

/// Cuts frames into payloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packetizer {
    /// VP8's picture id, 15 bits.
    picture: u16,
}

impl Packetizer {
    /// The payloads of a frame, each at most `max` bytes and all about as long as one another, so that no packet of a frame is tiny.
    pub(crate) fn cut(&mut self, codec: VideoCodec, frame: &[u8], max: usize) -> Vec<Bytes> {
        match codec {
            VideoCodec::Vp8 => self.cut_vp8(frame, max),
            #[cfg(feature = "h264")]
            VideoCodec::H264 => cut_h264(frame, max),
            #[cfg(not(feature = "h264"))]
            VideoCodec::H264 => Vec::new(),
        }
    }

    fn cut_vp8(&mut self, frame: &[u8], max: usize) -> Vec<Bytes> {
        const DESCRIPTOR: usize = 4;
        let picture = self.picture;
        self.picture = (picture + 1) & 0x7FFF;
        parts(frame, max - DESCRIPTOR)
            .enumerate()
            .map(|(index, part)| {
                let mut payload = BytesMut::with_capacity(DESCRIPTOR + part.len());
                // X; and S in the first, which begins partition 0.
                payload.put_u8(if index == 0 { 0x90 } else { 0x80 });
                payload.put_u8(0x80);
                payload.put_u16(0x8000 | picture);
                payload.put_slice(part);
                payload.freeze()
            })
            .collect()
    }
}

/// Each unit by itself when it fits, small ones in front of a frame together (parameter sets), large ones in fragments.
#[cfg(feature = "h264")]
fn cut_h264(frame: &[u8], max: usize) -> Vec<Bytes> {
    let mut payloads = Vec::new();
    let mut small: Vec<&[u8]> = Vec::new();
    for unit in centrale_codec::h264::units(frame) {
        if unit.len() <= 100 && matches!(unit[0] & 0x1F, 6..=8) {
            small.push(unit);
            continue;
        }
        flush(&mut small, max, &mut payloads);
        if unit.len() <= max {
            payloads.push(Bytes::copy_from_slice(unit));
            continue;
        }
        let body = &unit[1..];
        let mut sent = 0;
        for part in parts(body, max - 2) {
            let begin = if sent == 0 { 0x80 } else { 0 };
            sent += part.len();
            let end = if sent == body.len() { 0x40 } else { 0 };
            let mut payload = BytesMut::with_capacity(2 + part.len());
            payload.put_u8(unit[0] & 0xE0 | 28);
            payload.put_u8(begin | end | unit[0] & 0x1F);
            payload.put_slice(part);
            payloads.push(payload.freeze());
        }
    }
    flush(&mut small, max, &mut payloads);
    payloads
}

#[cfg(feature = "h264")]
fn flush(small: &mut Vec<&[u8]>, max: usize, payloads: &mut Vec<Bytes>) {
    let length = 1 + small.iter().map(|unit| 2 + unit.len()).sum::<usize>();
    if small.len() < 2 || length > max {
        payloads.extend(small.drain(..).map(Bytes::copy_from_slice));
        return;
    }
    let mut payload = BytesMut::with_capacity(length);
    // The highest importance of those inside (§5.7.1).
    payload.put_u8(small.iter().map(|unit| unit[0] & 0x60).max().unwrap_or(0) | 24);
    for unit in small.drain(..) {
        // At most 100 bytes.
        payload.put_u16(unit.len() as u16);
        payload.put_slice(unit);
    }
    payloads.push(payload.freeze());
}

/// Cuts bytes into as few parts of at most `max` as there can be, evenly.
fn parts(bytes: &[u8], max: usize) -> impl Iterator<Item = &[u8]> {
    let count = bytes.len().div_ceil(max.max(1)).max(1);
    bytes.chunks(bytes.len().div_ceil(count).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(codec: VideoCodec, payloads: &[Bytes]) -> Vec<u8> {
        let mut frame = Vec::new();
        for payload in payloads {
            assert!(add_to_frame(codec, payload, &mut frame));
        }
        frame
    }

    #[test]
    fn vp8_frames_survive_and_are_told_apart() {
        let mut packetizer = Packetizer { picture: 0x7FFF };
        for (key, length) in [(0, 1_usize), (0, 1196), (1, 1197), (0, 5000), (1, 100_000)] {
            let frame: Vec<u8> = core::iter::once(0x10 | key).chain((1..length).map(|n| n as u8)).collect();
            let payloads = packetizer.cut(VideoCodec::Vp8, &frame, 1200);
            assert_eq!(payloads.len(), length.div_ceil(1196));
            assert!(payloads.iter().all(|payload| payload.len() <= 1200));
            assert_eq!(back(VideoCodec::Vp8, &payloads), frame);
            assert_eq!(begins_key(VideoCodec::Vp8, &payloads[0]), key == 0);
            assert!(payloads[1..].iter().all(|payload| !begins_key(VideoCodec::Vp8, payload)));
        }
        assert_eq!(packetizer.picture, 4);
    }

    #[test]
    fn other_peoples_vp8_descriptors_are_read() {
        let frame = |payload: &[u8]| vp8_frame(payload).map(<[u8]>::to_vec);
        assert_eq!(frame(&[0x10, 7]), Some(vec![7]));
        // Seven-bit picture id; all fields; nothing behind it.
        assert_eq!(frame(&[0x90, 0x80, 0x11, 7]), Some(vec![7]));
        assert_eq!(frame(&[0x90, 0xE0, 0x81, 0x11, 5, 0x40, 7]), Some(vec![7]));
        assert_eq!(frame(&[0x90, 0xE0, 0x81]), None);
        assert_eq!(frame(&[]), None);
    }

    #[cfg(feature = "h264")]
    #[test]
    fn h264_frames_survive() {
        let mut frame = Vec::new();
        for (head, length) in [(0x67, 12), (0x68, 4), (0x65, 4000), (0x61, 900)] {
            frame.extend(START);
            frame.push(head);
            frame.extend((1..length).map(|n| (n % 250) as u8 | 1));
        }
        let payloads = Packetizer::default().cut(VideoCodec::H264, &frame, 1200);
        assert_eq!(payloads.len(), 1 + 4 + 1);
        assert_eq!(payloads[0][0], 0x60 | 24);
        assert_eq!((payloads[1][1], payloads[4][1]), (0x85, 0x45));
        assert!(begins_key(VideoCodec::H264, &payloads[0]) && begins_key(VideoCodec::H264, &payloads[1]));
        assert!(!begins_key(VideoCodec::H264, &payloads[2]) && !begins_key(VideoCodec::H264, &payloads[5]));
        assert_eq!(back(VideoCodec::H264, &payloads), frame);
    }

    #[test]
    fn payloads_that_cannot_be_read_are_refused() {
        let mut out = Vec::new();
        for payload in [&[][..], &[0x78, 0, 9, 1], &[0x7C], &[0x7D, 1, 2, 3]] {
            assert!(!add_to_frame(VideoCodec::H264, payload, &mut out), "{payload:?}");
        }
    }
}
