//! H.264, constrained baseline (ITU-T H.264).
//!
//! Frames are access units as NAL units behind start codes (Annex B); see [`units`].

use core::ffi::c_int;
use core::fmt;

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, RateControlMode, UsageType,
};
use openh264::formats::YUVSource;

use crate::CodecError;
use crate::picture::{Picture, PictureRef, Plane, check_size};

/// Makes pictures of frames.
pub struct Decoder {
    raw: openh264::decoder::Decoder,
    picture: Picture,
    has_picture: bool,
}

impl Decoder {
    /// A decoder that waits for a key frame.
    ///
    /// # Errors
    /// `Unavailable` when there is no memory.
    pub fn new() -> Result<Decoder, CodecError> {
        let config = openh264::decoder::DecoderConfig::new().flush_after_decode(openh264::decoder::Flush::NoFlush);
        let raw = openh264::decoder::Decoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|_| CodecError::Unavailable)?;
        Ok(Decoder { raw, picture: Picture::default(), has_picture: false })
    }

    /// Decodes a frame; [`Decoder::picture`] shows it.
    ///
    /// # Errors
    /// `Corrupt` when it is no H.264 or needs frames that did not come: only a key frame helps then. `Size` when it is too large; larger ones than
    /// level 5.2 has are refused by the library before it sets memory aside.
    pub fn decode(&mut self, frame: &[u8]) -> Result<(), CodecError> {
        self.has_picture = false;
        let Some(decoded) = self.raw.decode(frame).map_err(|_| CodecError::Corrupt)? else { return Ok(()) };
        let (width, height) = decoded.dimensions();
        check_size(width, height)?;
        let strides = decoded.strides();
        let chroma = (width.div_ceil(2), height.div_ceil(2));
        let plane = |data, stride, (width, height)| Plane { data, stride, width, height };
        let view = PictureRef {
            y: plane(decoded.y(), strides.0, (width, height)),
            u: plane(decoded.u(), strides.1, chroma),
            v: plane(decoded.v(), strides.2, chroma),
        };
        self.picture.copy_from(&view);
        self.has_picture = true;
        Ok(())
    }

    /// The picture of the last frame, when it decoded.
    pub fn picture(&self) -> Option<PictureRef<'_>> {
        self.has_picture.then(|| self.picture.view())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("h264::Decoder").field("has_picture", &self.has_picture).finish()
    }
}

/// How an encoder encodes; `speed` has no meaning here.
pub use crate::vp8::Settings;

/// Makes frames of pictures, in real time: constant bit rate, key frames only when asked.
pub struct Encoder {
    raw: openh264::encoder::Encoder,
    settings: Settings,
    clock: u64,
}

impl Encoder {
    /// An encoder whose first frame is a key frame.
    ///
    /// # Errors
    /// `Size` when the picture is too large or has no size or an odd one; `Unavailable` when the library refuses the settings.
    pub fn new(settings: Settings) -> Result<Encoder, CodecError> {
        check_size(settings.width, settings.height)?;
        if !settings.width.is_multiple_of(2) || !settings.height.is_multiple_of(2) {
            return Err(CodecError::Size);
        }
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(settings.bitrate))
            .max_frame_rate(FrameRate::from_hz(settings.frame_rate as f32))
            .rate_control_mode(RateControlMode::Bitrate)
            .usage_type(UsageType::CameraVideoRealTime)
            .profile(Profile::Baseline)
            .complexity(Complexity::Low)
            .scene_change_detect(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .num_threads(1)
            .skip_frames(true);
        let raw = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|_| CodecError::Unavailable)?;
        Ok(Encoder { raw, settings, clock: 0 })
    }

    /// What it was told.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Keeps to another rate from the next frame on.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        // The library has its parameters only from the first picture on.
        if bitrate == self.settings.bitrate || self.clock == 0 {
            return;
        }
        self.settings.bitrate = bitrate;
        let mut info = openh264_sys2::SBitrateInfo {
            iLayer: openh264_sys2::SPATIAL_LAYER_ALL,
            iBitrate: c_int::try_from(bitrate).unwrap_or(c_int::MAX),
        };
        // SAFETY: only an option is set through it; the encoder stays initialized and owned by its wrapper.
        let raw = unsafe { self.raw.raw_api() };
        // SAFETY: this option reads one structure of this kind during the call.
        unsafe { raw.set_option(openh264_sys2::ENCODER_OPTION_BITRATE, (&raw mut info).cast()) };
    }

    /// Encodes a picture of the settings' size behind what is in `out`, as NAL units behind start codes. Gives whether it is a key frame; nothing
    /// when the frame was left out to keep to the rate.
    ///
    /// # Errors
    /// `Size` when the picture has another size; `Unavailable` when the library fails.
    pub fn encode(
        &mut self,
        picture: &PictureRef<'_>,
        is_key_wanted: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<bool>, CodecError> {
        if (picture.width(), picture.height()) != (self.settings.width, self.settings.height) {
            return Err(CodecError::Size);
        }
        for plane in [picture.y, picture.u, picture.v] {
            // The library reads rows through raw pointers.
            if plane.stride < plane.width || plane.data.len() < plane.stride * (plane.height - 1) + plane.width {
                return Err(CodecError::Size);
            }
        }
        if is_key_wanted && self.clock > 0 {
            self.raw.force_intra_frame();
        }
        let time = self.clock * 1000 / u64::from(self.settings.frame_rate.max(1));
        self.clock += 1;
        let encoded = self
            .raw
            .encode_at(&Source(*picture), openh264::Timestamp::from_millis(time))
            .map_err(|_| CodecError::Unavailable)?;
        let before = out.len();
        encoded.write_vec(out);
        let is_key = matches!(encoded.frame_type(), FrameType::IDR);
        Ok((out.len() > before).then_some(is_key))
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("h264::Encoder").field("settings", &self.settings).field("clock", &self.clock).finish()
    }
}

struct Source<'a>(PictureRef<'a>);

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.0.width(), self.0.height())
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.0.y.stride, self.0.u.stride, self.0.v.stride)
    }

    fn y(&self) -> &[u8] {
        self.0.y.data
    }

    fn u(&self) -> &[u8] {
        self.0.u.data
    }

    fn v(&self) -> &[u8] {
        self.0.v.data
    }
}

/// The NAL units of a frame, their start codes taken off (Annex B).
pub fn units(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(frame);
    core::iter::from_fn(move || {
        let from = rest?;
        let end = from.windows(3).position(|three| three == [0, 0, 1]).unwrap_or(from.len());
        rest = after_start_code(&from[end..]);
        let unit = &from[..end];
        // Zeros in front of a start code are not part of the unit, which ends with a one bit.
        let length = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Some(&unit[..length])
    })
    .filter(|unit| !unit.is_empty())
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    let place = bytes.windows(3).position(|three| three == [0, 0, 1])?;
    Some(&bytes[place + 3..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vp8::tests::{likeness, scene};

    const SETTINGS: Settings = Settings { width: 320, height: 180, bitrate: 500_000, frame_rate: 25, speed: 0 };

    #[test]
    fn pictures_survive() {
        let mut encoder = Encoder::new(SETTINGS).unwrap();
        let mut decoder = Decoder::new().unwrap();
        for step in 0..10 {
            let picture = scene(320, 180, step);
            let mut frame = Vec::new();
            let is_key = encoder.encode(&picture.view(), step == 7, &mut frame).unwrap().unwrap();
            assert_eq!(is_key, step == 0 || step == 7);
            assert_eq!(units(&frame).any(|unit| unit[0] & 0x1F == 5), is_key);
            decoder.decode(&frame).unwrap();
            let psnr = likeness(&decoder.picture().unwrap(), &picture.view());
            assert!(psnr > 32.0, "frame {step}: {psnr}");
        }
    }

    #[test]
    fn the_rate_can_change() {
        let mut encoder = Encoder::new(SETTINGS).unwrap();
        let mut decoder = Decoder::new().unwrap();
        for step in 0..10 {
            encoder.set_bitrate(300_000 + step * 10_000);
            let mut frame = Vec::new();
            if encoder.encode(&scene(320, 180, step as usize).view(), false, &mut frame).unwrap().is_some() {
                decoder.decode(&frame).unwrap();
            }
        }
        assert!(decoder.picture().is_some());
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        let mut decoder = Decoder::new().unwrap();
        let _ = decoder.decode(&[]);
        assert!(decoder.decode(&[0, 0, 0, 1, 0x65, 1, 2, 3, 4, 5]).is_err());
        assert!(decoder.picture().is_none());
        assert!(Encoder::new(Settings { width: 321, ..SETTINGS }).is_err());
    }

    #[test]
    fn units_are_found_between_start_codes() {
        let frame = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 4];
        let units: Vec<&[u8]> = units(&frame).collect();
        assert_eq!(units, [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 4]]);
    }
}
