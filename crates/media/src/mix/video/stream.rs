//! One encode: everybody who looks at the same layout in the same quality and codec.

use core::time::Duration;

use bytes::Bytes;
use centrale_codec::{CodecError, PictureRef, vp8};
use centrale_model::{Bitrate, Time};

use super::payload::Packetizer;
use super::{Quality, VideoCodec};

/// Least time between two key frames of one stream. Lower: whoever joins sees sooner; higher: many who join at once cost the others less.
const KEY_FRAME_SPACING: Duration = Duration::from_millis(500);

/// Pictures that are still encoded when nothing moves any more, so that what was coarse becomes sharp.
const REFINING: u32 = 12;

/// How VP8 is encoded: 12 is quick and still good on faces. Lower: finer and slower.
const SPEED: u8 = 12;

impl Quality {
    /// Width and height, in pixels.
    pub const fn size(self) -> (usize, usize) {
        match self {
            Quality::Low => (320, 180),
            Quality::Medium => (640, 360),
            Quality::High => (1280, 720),
        }
    }

    /// The least and the most that a stream of this quality takes, and what it takes while nobody knows what there is.
    pub(crate) const fn rates(self) -> [Bitrate; 3] {
        let [least, most, usual] = match self {
            Quality::Low => [60, 300, 150],
            Quality::Medium => [250, 1000, 600],
            Quality::High => [800, 2500, 1500],
        };
        [Bitrate::from_kilobits(least), Bitrate::from_kilobits(most), Bitrate::from_kilobits(usual)]
    }
}

#[derive(Debug)]
pub(crate) struct Stream {
    codec: VideoCodec,
    encoder: Encoder,
    packetizer: Packetizer,
    wants_key: bool,
    key_sent: Option<Time>,
    /// Pictures in a row in which nothing changed.
    still: u32,
    frame: Vec<u8>,
}

#[derive(Debug)]
enum Encoder {
    Vp8(Box<vp8::Encoder>),
    #[cfg(feature = "h264")]
    H264(Box<centrale_codec::h264::Encoder>),
}

/// An encoded picture.
pub(crate) struct Encoded {
    pub(crate) is_key: bool,
    pub(crate) payloads: Vec<Bytes>,
}

impl Stream {
    /// # Errors
    /// `Unavailable` when the codec is not built in or has no memory.
    pub(crate) fn new(codec: VideoCodec, quality: Quality, frame_rate: u8) -> Result<Stream, CodecError> {
        let (width, height) = quality.size();
        let settings = vp8::Settings {
            width,
            height,
            bitrate: quality.rates()[2].0 as u32,
            frame_rate: u32::from(frame_rate),
            speed: SPEED,
        };
        let encoder = match codec {
            VideoCodec::Vp8 => Encoder::Vp8(Box::new(vp8::Encoder::new(settings)?)),
            #[cfg(feature = "h264")]
            VideoCodec::H264 => Encoder::H264(Box::new(centrale_codec::h264::Encoder::new(settings)?)),
            #[cfg(not(feature = "h264"))]
            VideoCodec::H264 => return Err(CodecError::Unavailable),
        };
        Ok(Stream {
            codec,
            encoder,
            packetizer: Packetizer::default(),
            wants_key: true,
            key_sent: None,
            still: 0,
            frame: Vec::new(),
        })
    }

    pub(crate) fn ask_key(&mut self) {
        self.wants_key = true;
    }

    pub(crate) fn set_bitrate(&mut self, bitrate: Bitrate) {
        let bitrate = u32::try_from(bitrate.0).unwrap_or(u32::MAX);
        match &mut self.encoder {
            Encoder::Vp8(encoder) => encoder.set_bitrate(bitrate),
            #[cfg(feature = "h264")]
            Encoder::H264(encoder) => encoder.set_bitrate(bitrate),
        }
    }

    /// Whether a picture is to be encoded: something changed, was just still, or a second has passed.
    pub(crate) fn is_due(&mut self, is_changed: bool, frame_rate: u8, now: Time) -> bool {
        self.still = if is_changed { 0 } else { self.still.saturating_add(1) };
        self.still <= REFINING || self.still.is_multiple_of(u32::from(frame_rate).max(1)) || self.may_key(now)
    }

    fn may_key(&self, now: Time) -> bool {
        self.wants_key && self.key_sent.is_none_or(|sent| now.since(sent) >= KEY_FRAME_SPACING)
    }

    /// Encodes a picture; gives nothing when the encoder left it out to keep to its rate, or failed.
    pub(crate) fn encode(&mut self, picture: &PictureRef<'_>, max_payload: usize, now: Time) -> Option<Encoded> {
        let is_key_wanted = self.may_key(now);
        self.frame.clear();
        let made = match &mut self.encoder {
            Encoder::Vp8(encoder) => encoder.encode(picture, is_key_wanted, &mut self.frame),
            #[cfg(feature = "h264")]
            Encoder::H264(encoder) => encoder.encode(picture, is_key_wanted, &mut self.frame),
        };
        let is_key = made.ok().flatten()?;
        if is_key {
            self.wants_key = false;
            self.key_sent = Some(now);
        }
        Some(Encoded { is_key, payloads: self.packetizer.cut(self.codec, &self.frame, max_payload) })
    }
}
