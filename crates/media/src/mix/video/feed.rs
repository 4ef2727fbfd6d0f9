//! One picture source of one participant: packets in, the latest picture out.
//!
//! A sender may change its stream (another simulcast layer): the stream that is shown goes on until the other one's key frame is whole.

use core::time::Duration;

use centrale_codec::{CodecError, Picture, PictureRef, vp8};
use centrale_model::Time;

use super::assemble::{Assembler, Frame};
use super::{ComposerStats, VideoCodec, VideoPacket};

/// How long a key frame is waited for before it is asked for again.
///
/// Lower: quicker recovery, and more key frames from everybody's encoder. Higher: a dark tile lasts longer.
const KEY_FRAME_PATIENCE: Duration = Duration::from_millis(500);

/// How long a camera may send nothing before its last picture is taken away.
const STALL: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Feed {
    shown: Option<Stream>,
    /// Another stream, whose key frame is waited for.
    coming: Option<Stream>,
    decoder: Decoder,
    quarter_turns: u8,
    /// The picture upright, when it was not.
    turned: Picture,
    /// Counts pictures; 0 while there is none to be shown.
    version: u64,
    pictures: u64,
    /// When the last packet came.
    heard: Time,
    /// The participant said that it sends nothing.
    pub(crate) is_off: bool,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    assembler: Assembler,
    asked: Option<Time>,
}

#[derive(Debug, Default)]
enum Decoder {
    #[default]
    None,
    Vp8(vp8::Decoder),
    #[cfg(feature = "h264")]
    H264(Box<centrale_codec::h264::Decoder>),
}

impl Feed {
    pub(crate) fn new(is_off: bool) -> Feed {
        Feed { is_off, ..Feed::default() }
    }

    pub(crate) fn push(&mut self, packet: &VideoPacket, now: Time) {
        self.heard = now;
        let fresh = || Stream { ssrc: packet.ssrc, assembler: Assembler::new(packet.codec), asked: None };
        let is_same = |stream: &Stream| stream.ssrc == packet.ssrc && stream.assembler.codec() == packet.codec;
        let stream = match &mut self.shown {
            None => self.shown.insert(fresh()),
            Some(shown) if is_same(shown) => shown,
            Some(_) => match self.coming.take() {
                Some(coming) if is_same(&coming) => self.coming.insert(coming),
                _ => self.coming.insert(fresh()),
            },
        };
        stream.assembler.push(packet);
    }

    /// Counts the pictures so far; another number means another picture.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The latest picture, upright.
    pub(crate) fn picture(&self) -> Option<PictureRef<'_>> {
        if self.version == 0 {
            return None;
        }
        if self.quarter_turns != 0 { Some(self.turned.view()) } else { self.decoder.picture() }
    }

    /// Decodes whatever is whole.
    pub(crate) fn decode(&mut self, now: Time, stats: &mut ComposerStats) {
        let taken = self.coming.as_mut().and_then(|coming| coming.assembler.take(now));
        if let Some(frame) = taken {
            self.shown = self.coming.take();
            self.show(&frame, stats);
        }
        while let Some(frame) = self.shown.as_mut().and_then(|shown| shown.assembler.take(now)) {
            self.show(&frame, stats);
        }
    }

    /// Shows no picture any more when nothing has come for a while: a still face says that somebody is there.
    pub(crate) fn notice_stall(&mut self, now: Time) {
        if now.since(self.heard) > STALL {
            self.version = 0;
        }
    }

    /// Drops what came while nobody looked; the next picture must be a key frame.
    pub(crate) fn drop_all(&mut self) {
        self.coming = None;
        if let Some(shown) = &mut self.shown {
            shown.assembler = Assembler::new(shown.assembler.codec());
        }
    }

    /// Which stream's key frame is to be asked for now.
    pub(crate) fn wants_key(&mut self, now: Time) -> Option<u32> {
        let streams = self.coming.iter_mut().chain(&mut self.shown);
        for stream in streams.filter(|stream| stream.assembler.needs_key()) {
            if stream.asked.is_none_or(|asked| now.since(asked) >= KEY_FRAME_PATIENCE) {
                stream.asked = Some(now);
                return Some(stream.ssrc);
            }
        }
        None
    }

    fn show(&mut self, frame: &Frame, stats: &mut ComposerStats) {
        let Some(shown) = &mut self.shown else { return };
        stats.decodes += 1;
        if self.decoder.decode(shown.assembler.codec(), &frame.data).is_err() {
            stats.broken += 1;
            shown.assembler.lose();
            return;
        }
        let Some(picture) = self.decoder.picture() else { return };
        self.quarter_turns = frame.quarter_turns;
        if frame.quarter_turns != 0 {
            turn(&picture, frame.quarter_turns, &mut self.turned);
        }
        self.pictures += 1;
        self.version = self.pictures;
    }
}

impl Decoder {
    fn decode(&mut self, codec: VideoCodec, frame: &[u8]) -> Result<(), CodecError> {
        match (&mut *self, codec) {
            (Decoder::Vp8(decoder), VideoCodec::Vp8) => decoder.decode(frame),
            #[cfg(feature = "h264")]
            (Decoder::H264(decoder), VideoCodec::H264) => decoder.decode(frame),
            (_, VideoCodec::Vp8) => {
                *self = Decoder::Vp8(vp8::Decoder::new()?);
                self.decode(codec, frame)
            }
            #[cfg(feature = "h264")]
            (_, VideoCodec::H264) => {
                *self = Decoder::H264(Box::new(centrale_codec::h264::Decoder::new()?));
                self.decode(codec, frame)
            }
            #[cfg(not(feature = "h264"))]
            (_, VideoCodec::H264) => Err(CodecError::Unavailable),
        }
    }

    fn picture(&self) -> Option<PictureRef<'_>> {
        match self {
            Decoder::None => None,
            Decoder::Vp8(decoder) => decoder.picture(),
            #[cfg(feature = "h264")]
            Decoder::H264(decoder) => decoder.picture(),
        }
    }
}

/// Turns a picture clockwise.
fn turn(picture: &PictureRef<'_>, quarter_turns: u8, into: &mut Picture) {
    let (width, height) = (picture.width(), picture.height());
    let size = if quarter_turns % 2 == 1 { (height, width) } else { (width, height) };
    if (into.width(), into.height()) != size {
        *into = Picture::new(size.0, size.1);
    }
    for (index, plane) in [picture.y, picture.u, picture.v].into_iter().enumerate() {
        let (out, stride) = into.plane_mut(index);
        for y in 0..plane.height {
            for (x, pixel) in plane.row(y).iter().enumerate() {
                let (to_x, to_y) = match quarter_turns {
                    1 => (plane.height - 1 - y, x),
                    2 => (plane.width - 1 - x, plane.height - 1 - y),
                    3 => (y, plane.width - 1 - x),
                    _ => (x, y),
                };
                out[to_y * stride + to_x] = *pixel;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_turned_clockwise() {
        let mut picture = Picture::new(4, 2);
        picture.plane_mut(0).0.copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let turned = |turns| {
            let mut into = Picture::default();
            turn(&picture.view(), turns, &mut into);
            (into.width(), into.plane_mut(0).0.to_vec())
        };
        assert_eq!(turned(1), (2, vec![5, 1, 6, 2, 7, 3, 8, 4]));
        assert_eq!(turned(2), (4, vec![8, 7, 6, 5, 4, 3, 2, 1]));
        assert_eq!(turned(3), (2, vec![4, 8, 3, 7, 2, 6, 1, 5]));
    }
}
