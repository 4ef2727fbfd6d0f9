//! VP8 (RFC 6386).

use core::ffi::{c_int, c_ulong};
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr;

use vpx_sys as sys;

use crate::CodecError;
use crate::picture::{PictureRef, Plane, check_size};

/// Makes pictures of frames.
pub struct Decoder {
    /// Boxed, since the library keeps pointers between it and what it set aside.
    context: Box<sys::vpx_codec_ctx_t>,
    /// The picture of the last decode, in the library's memory; it stays as it is until the next decode or the end.
    picture: Option<sys::vpx_image_t>,
}

// SAFETY: the context is one allocation with one owner. With one thread configured the library starts none, and keeps no thread-local data.
unsafe impl Send for Decoder {}

impl Decoder {
    /// A decoder that waits for a key frame.
    ///
    /// # Errors
    /// `Unavailable` when there is no memory.
    pub fn new() -> Result<Decoder, CodecError> {
        let mut context = Box::<sys::vpx_codec_ctx_t>::default();
        let settings = sys::vpx_codec_dec_cfg_t { threads: 1, w: 0, h: 0 };
        // SAFETY: gives the address of a static table.
        let interface = unsafe { sys::vpx_codec_vp8_dx() };
        // SAFETY: the context is zeroed as the library asks and does not move while it lives; the settings are copied; the version is the one that the
        // bindings were made of, which the library compares with its own.
        let code = unsafe {
            sys::vpx_codec_dec_init_ver(&mut *context, interface, &settings, 0, sys::VPX_DECODER_ABI_VERSION as c_int)
        };
        match code {
            sys::vpx_codec_err_t::VPX_CODEC_OK => Ok(Decoder { context, picture: None }),
            _ => Err(CodecError::Unavailable),
        }
    }

    /// Decodes a frame; [`Decoder::picture`] shows it.
    ///
    /// # Errors
    /// `Corrupt` when it is no VP8 frame or needs others that did not come: only a key frame helps then. `Size` when it is too large.
    pub fn decode(&mut self, frame: &[u8]) -> Result<(), CodecError> {
        if is_key(frame) {
            let (width, height) = key_size(frame).ok_or(CodecError::Corrupt)?;
            check_size(width, height)?;
        }
        let length = u32::try_from(frame.len()).map_err(|_| CodecError::Corrupt)?;
        if length == 0 {
            return Err(CodecError::Corrupt);
        }
        self.picture = None;
        // SAFETY: the context is initialized; the library reads `length` bytes during the call.
        let code = unsafe { sys::vpx_codec_decode(&mut *self.context, frame.as_ptr(), length, ptr::null_mut(), 0) };
        if code != sys::vpx_codec_err_t::VPX_CODEC_OK {
            return Err(CodecError::Corrupt);
        }
        let mut iterator: sys::vpx_codec_iter_t = ptr::null();
        // SAFETY: the context is initialized, and the iterator begins as null, as the library asks.
        let image = unsafe { sys::vpx_codec_get_frame(&mut *self.context, &mut iterator) };
        // SAFETY: null, or a pointer to an image in the context that is valid until the next call; it is copied here.
        self.picture = unsafe { image.as_ref() }.copied().filter(|image| {
            let format = sys::vpx_img_fmt::VPX_IMG_FMT_I420;
            image.fmt == format && image.planes[..3].iter().all(|plane| !plane.is_null())
        });
        Ok(())
    }

    /// The picture of the last frame, when it decoded and was meant to be shown.
    pub fn picture(&self) -> Option<PictureRef<'_>> {
        let image = self.picture.as_ref()?;
        let (width, height) = (image.d_w as usize, image.d_h as usize);
        let plane = |index: usize, width: usize, height: usize| {
            let stride = usize::try_from(image.stride[index]).ok().filter(|stride| *stride >= width)?;
            let length = stride.checked_mul(height.checked_sub(1)?)?.checked_add(width)?;
            // SAFETY: the library's buffer has `height` rows of `stride` bytes from this pointer on. It stays as it is until the next decode, which
            // needs `&mut self`, or the end of the decoder, both of which end this borrow.
            let data = unsafe { core::slice::from_raw_parts(image.planes[index], length) };
            Some(Plane { data, stride, width, height })
        };
        Some(PictureRef {
            y: plane(0, width, height)?,
            u: plane(1, width.div_ceil(2), height.div_ceil(2))?,
            v: plane(2, width.div_ceil(2), height.div_ceil(2))?,
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialized once and is used no more.
        unsafe { sys::vpx_codec_destroy(&mut *self.context) };
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("vp8::Decoder").field("has_picture", &self.picture.is_some()).finish()
    }
}

/// Whether a frame can be decoded alone (RFC 6386 §9.1).
pub fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 0)
}

/// Width and height in a key frame's header (RFC 6386 §9.1).
fn key_size(frame: &[u8]) -> Option<(usize, usize)> {
    let [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] = *frame else { return None };
    let size = |low, high| usize::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((size(w0, w1), size(h0, h1)))
}

/// How an encoder encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bits per second that it keeps to.
    pub bitrate: u32,
    /// Pictures per second, for its sense of time.
    pub frame_rate: u32,
    /// 1..=16: higher is faster and coarser.
    pub speed: u8,
}

/// Makes frames of pictures, in real time: no look ahead, constant bit rate, key frames only when asked.
pub struct Encoder {
    context: Box<sys::vpx_codec_ctx_t>,
    config: sys::vpx_codec_enc_cfg_t,
    settings: Settings,
    /// Pictures so far, in frames of the settings' rate.
    clock: i64,
}

// SAFETY: as for the decoder.
unsafe impl Send for Encoder {}

impl Encoder {
    /// An encoder whose first frame is a key frame.
    ///
    /// # Errors
    /// `Size` when the picture is too large or has no size; `Unavailable` when the library refuses the settings.
    pub fn new(settings: Settings) -> Result<Encoder, CodecError> {
        check_size(settings.width, settings.height)?;
        // SAFETY: gives the address of a static table.
        let interface = unsafe { sys::vpx_codec_vp8_cx() };
        let mut config = MaybeUninit::<sys::vpx_codec_enc_cfg_t>::zeroed();
        // SAFETY: the library fills the whole structure, or fails.
        let code = unsafe { sys::vpx_codec_enc_config_default(interface, config.as_mut_ptr(), 0) };
        if code != sys::vpx_codec_err_t::VPX_CODEC_OK {
            return Err(CodecError::Unavailable);
        }
        // SAFETY: filled by the call above.
        let mut config = unsafe { config.assume_init() };
        configure(&mut config, settings);
        let mut context = Box::<sys::vpx_codec_ctx_t>::default();
        // SAFETY: the context is zeroed as the library asks and does not move while it lives; the configuration is copied; the version is the one that
        // the bindings were made of, which the library compares with its own.
        let code = unsafe {
            sys::vpx_codec_enc_init_ver(&mut *context, interface, &config, 0, sys::VPX_ENCODER_ABI_VERSION as c_int)
        };
        if code != sys::vpx_codec_err_t::VPX_CODEC_OK {
            return Err(CodecError::Unavailable);
        }
        let mut encoder = Encoder { context, config, settings, clock: 0 };
        use sys::vp8e_enc_control_id::*;
        encoder.control(VP8E_SET_CPUUSED as c_int, -c_int::from(settings.speed.clamp(1, 16)));
        // Blocks that changed less than this are taken over from the last frame: a composed picture stands still in most places.
        encoder.control(VP8E_SET_STATIC_THRESHOLD as c_int, 1);
        encoder.control(VP8E_SET_TOKEN_PARTITIONS as c_int, 0);
        encoder.control(VP8E_SET_NOISE_SENSITIVITY as c_int, 0);
        // A key frame may take half a second's worth of bits at most: half of the buffer's optimal fill times the frame rate, in per cent of a frame.
        encoder.control(VP8E_SET_MAX_INTRA_BITRATE_PCT as c_int, (settings.frame_rate * 25).max(300) as c_int);
        Ok(encoder)
    }

    /// What it was told.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Keeps to another rate from the next frame on.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        if bitrate == self.settings.bitrate {
            return;
        }
        self.settings.bitrate = bitrate;
        self.config.rc_target_bitrate = (bitrate / 1000).max(1);
        // SAFETY: the context is initialized; the configuration is the one that it has, with another rate, and is copied.
        let code = unsafe { sys::vpx_codec_enc_config_set(&mut *self.context, &self.config) };
        debug_assert_eq!(code, sys::vpx_codec_err_t::VPX_CODEC_OK);
    }

    /// Encodes a picture of the settings' size behind what is in `out`. Gives whether it is a key frame; nothing when the frame was left out to
    /// keep to the rate.
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
        let image = image_of(picture)?;
        let flags = if is_key_wanted { sys::VPX_EFLAG_FORCE_KF } else { 0 };
        // SAFETY: the context is initialized. The library only reads the planes, whose rows lie inside the borrowed slices (`image_of` looked), and keeps
        // no pointer to them: without look-ahead it copies the picture during the call.
        let code = unsafe {
            sys::vpx_codec_encode(
                &mut *self.context,
                &image,
                self.clock,
                1,
                sys::vpx_enc_frame_flags_t::from(flags),
                c_ulong::from(sys::VPX_DL_REALTIME),
            )
        };
        self.clock += 1;
        if code != sys::vpx_codec_err_t::VPX_CODEC_OK {
            return Err(CodecError::Unavailable);
        }
        let mut made = None;
        let mut iterator: sys::vpx_codec_iter_t = ptr::null();
        loop {
            // SAFETY: the context is initialized, and the iterator is null or what the library left in it.
            let packet = unsafe { sys::vpx_codec_get_cx_data(&mut *self.context, &mut iterator) };
            // SAFETY: null, or a pointer to a packet that is valid until the next call.
            let Some(packet) = (unsafe { packet.as_ref() }) else { return Ok(made) };
            if packet.kind != sys::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: the kind says which member of the union is filled.
            let frame = unsafe { packet.data.frame };
            // SAFETY: the library owns `sz` bytes here until the next call; they are copied at once.
            out.extend_from_slice(unsafe { core::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize) });
            made = Some(frame.flags & sys::VPX_FRAME_IS_KEY != 0);
        }
    }

    fn control(&mut self, request: c_int, value: c_int) {
        // SAFETY: the context is initialized; each request that is made here takes one int by value.
        let code = unsafe { sys::vpx_codec_control_(&mut *self.context, request, value) };
        debug_assert_eq!(code, sys::vpx_codec_err_t::VPX_CODEC_OK, "request {request} with {value}");
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialized once and is used no more.
        unsafe { sys::vpx_codec_destroy(&mut *self.context) };
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("vp8::Encoder").field("settings", &self.settings).field("clock", &self.clock).finish()
    }
}

fn configure(config: &mut sys::vpx_codec_enc_cfg_t, settings: Settings) {
    config.g_w = settings.width as u32;
    config.g_h = settings.height as u32;
    config.g_timebase = sys::vpx_rational { num: 1, den: settings.frame_rate.max(1) as c_int };
    config.g_threads = 1;
    config.g_lag_in_frames = 0;
    config.g_error_resilient = 0;
    config.rc_end_usage = sys::vpx_rc_mode::VPX_CBR;
    config.rc_target_bitrate = (settings.bitrate / 1000).max(1);
    config.rc_min_quantizer = 2;
    config.rc_max_quantizer = 56;
    config.rc_undershoot_pct = 100;
    config.rc_overshoot_pct = 15;
    // Milliseconds of the rate: how far the encoder may run ahead of it.
    config.rc_buf_initial_sz = 500;
    config.rc_buf_optimal_sz = 600;
    config.rc_buf_sz = 1000;
    // Below this fill of the buffer, in per cent, frames are left out.
    config.rc_dropframe_thresh = 20;
    config.rc_resize_allowed = 0;
    config.kf_mode = sys::vpx_kf_mode::VPX_KF_DISABLED;
}

/// Describes a picture to the library.
fn image_of(picture: &PictureRef<'_>) -> Result<sys::vpx_image_t, CodecError> {
    let (width, height) = (picture.width(), picture.height());
    let mut image = sys::vpx_image_t {
        fmt: sys::vpx_img_fmt::VPX_IMG_FMT_I420,
        w: width as u32,
        h: height as u32,
        d_w: width as u32,
        d_h: height as u32,
        bit_depth: 8,
        x_chroma_shift: 1,
        y_chroma_shift: 1,
        bps: 12,
        ..Default::default()
    };
    for (index, plane) in [picture.y, picture.u, picture.v].into_iter().enumerate() {
        let (width, height) = if index == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) };
        let is_whole = plane.width == width
            && plane.height == height
            && plane.stride >= width
            && plane.data.len() >= plane.stride * (height - 1) + width;
        if !is_whole {
            return Err(CodecError::Size);
        }
        image.planes[index] = plane.data.as_ptr().cast_mut();
        image.stride[index] = c_int::try_from(plane.stride).map_err(|_| CodecError::Size)?;
    }
    Ok(image)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Picture;

    /// A bright square on grey, which moves.
    pub(crate) fn scene(width: usize, height: usize, step: usize) -> Picture {
        let mut picture = Picture::new(width, height);
        let (luma, stride) = picture.plane_mut(0);
        luma.fill(90);
        for y in height / 4..height / 2 {
            for x in 10 + step..10 + step + width / 4 {
                luma[y * stride + x] = 200;
            }
        }
        picture.plane_mut(1).0.fill(100);
        picture.plane_mut(2).0.fill(160);
        picture
    }

    pub(crate) fn likeness(a: &PictureRef<'_>, b: &PictureRef<'_>) -> f64 {
        let mut error = 0_u64;
        for y in 0..a.height() {
            for (p, q) in a.y.row(y).iter().zip(b.y.row(y)) {
                error += u64::from(p.abs_diff(*q)).pow(2);
            }
        }
        let mean = error as f64 / (a.width() * a.height()) as f64;
        10.0 * (255.0 * 255.0 / mean.max(0.01)).log10()
    }

    #[test]
    fn pictures_survive() {
        let settings = Settings { width: 322, height: 181, bitrate: 500_000, frame_rate: 25, speed: 8 };
        let mut encoder = Encoder::new(settings).unwrap();
        let mut decoder = Decoder::new().unwrap();
        for step in 0..10 {
            let picture = scene(322, 181, step);
            let mut frame = Vec::new();
            let is_key = encoder.encode(&picture.view(), step == 7, &mut frame).unwrap().unwrap();
            assert_eq!(is_key, step == 0 || step == 7);
            assert_eq!(super::is_key(&frame), is_key);
            decoder.decode(&frame).unwrap();
            let seen = decoder.picture().unwrap();
            assert_eq!((seen.width(), seen.height()), (322, 181));
            let psnr = likeness(&seen, &picture.view());
            assert!(psnr > 32.0, "frame {step}: {psnr}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        let mut decoder = Decoder::new().unwrap();
        assert_eq!(decoder.decode(&[]), Err(CodecError::Corrupt));
        assert_eq!(decoder.decode(&[0x00, 0, 0, 1, 2, 3, 4]), Err(CodecError::Corrupt));
        // A key frame of 16383x16383.
        let giant = [0x10, 2, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0, 0, 0, 0, 0, 0];
        assert_eq!(decoder.decode(&giant), Err(CodecError::Size));
        // A frame that needs a key frame which never came.
        assert_eq!(decoder.decode(&[0x31, 1, 0, 0, 0, 0, 0, 0, 0]), Err(CodecError::Corrupt));
        assert!(decoder.picture().is_none());
    }

    #[test]
    fn broken_frames_leave_the_decoder_usable() {
        let settings = Settings { width: 160, height: 96, bitrate: 300_000, frame_rate: 25, speed: 12 };
        let mut encoder = Encoder::new(settings).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut state = 7_u32;
        for step in 0..60 {
            let mut frame = Vec::new();
            encoder.encode(&scene(160, 96, step % 40).view(), step % 10 == 0, &mut frame).unwrap();
            for _ in 0..4 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let place = 10 + state as usize % frame.len().saturating_sub(10).max(1);
                if let Some(byte) = frame.get_mut(place) {
                    *byte ^= (state >> 20) as u8;
                }
            }
            let _ = decoder.decode(&frame);
            let _ = decoder.picture().map(|picture| picture.to_picture());
        }
        let mut frame = Vec::new();
        encoder.encode(&scene(160, 96, 0).view(), true, &mut frame).unwrap();
        decoder.decode(&frame).unwrap();
        assert!(decoder.picture().is_some());
    }

    #[test]
    fn the_rate_is_kept_and_can_change() {
        let settings = Settings { width: 320, height: 180, bitrate: 400_000, frame_rate: 25, speed: 8 };
        let mut encoder = Encoder::new(settings).unwrap();
        let mut state = 1_u32;
        let mut bytes = [0, 0];
        for (half, bytes) in bytes.iter_mut().enumerate() {
            for _ in 0..75 {
                let mut picture = Picture::new(320, 180);
                for (index, pixel) in picture.plane_mut(0).0.iter_mut().enumerate() {
                    if index % 13 == 0 {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    }
                    *pixel = (state >> 25) as u8;
                }
                let mut frame = Vec::new();
                encoder.encode(&picture.view(), false, &mut frame).unwrap();
                *bytes += frame.len();
            }
            if half == 0 {
                encoder.set_bitrate(150_000);
            }
        }
        // Three seconds each, and the picture is all noise: the encoder may miss by some, and must follow.
        assert!(bytes[0] < 3 * 400_000 / 8 * 3 / 2, "{bytes:?}");
        assert!(bytes[1] * 3 < bytes[0] * 2, "{bytes:?}");
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let settings = Settings { width: 160, height: 90, bitrate: 300_000, frame_rate: 25, speed: 12 };
        let mut encoder = Encoder::new(settings).unwrap();
        assert_eq!(encoder.encode(&Picture::new(160, 96).view(), false, &mut Vec::new()), Err(CodecError::Size));
        assert!(Encoder::new(Settings { width: 0, ..settings }).is_err());
    }
}
