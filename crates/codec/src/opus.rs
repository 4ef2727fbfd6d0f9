//! Opus (RFC 6716, RFC 8251), mono.

use core::ffi::c_int;
use core::ptr::NonNull;

use opusic_sys as sys;

use crate::CodecError;

/// The longest packet, in bytes (RFC 6716 §3.4, one frame).
pub const MAX_PACKET: usize = 1275;

/// Samples per second on the uncoded side. Opus carries every bandwidth at any of them; a lower one costs less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleRate {
    /// 8,000: telephones.
    Narrow,
    /// 16,000.
    Wide,
    /// 48,000: browsers.
    Full,
}

impl SampleRate {
    /// Samples per second.
    pub const fn hertz(self) -> usize {
        match self {
            SampleRate::Narrow => 8_000,
            SampleRate::Wide => 16_000,
            SampleRate::Full => 48_000,
        }
    }

    /// Samples in 2.5 ms, of which each frame has a whole number.
    const fn grain(self) -> usize {
        self.hertz() / 400
    }
}

/// Makes packets of sound.
#[derive(Debug)]
pub struct Encoder {
    raw: NonNull<sys::OpusEncoder>,
    rate: SampleRate,
}

// SAFETY: the state is one allocation without ties to a thread (libopus keeps no thread-local or shared mutable data), and only this value has
// the pointer.
unsafe impl Send for Encoder {}

impl Encoder {
    /// An encoder that stays close to the sound: variable bit rate, no redundancy, no pauses.
    ///
    /// It is the library's "audio" application. The one for telephony filters the low end of a voice away and models the rest: on speech at
    /// 32 kbit/s that costs about twice the time and 4 dB of segmental signal-to-noise ratio. When loss is expected it turns to the speech mode by
    /// itself, which has the redundancy.
    ///
    /// # Errors
    /// `Unavailable` when there is no memory.
    pub fn new(rate: SampleRate) -> Result<Encoder, CodecError> {
        let mut error = 0;
        // SAFETY: the rate is one of those that the library takes, and `error` lives through the call.
        let raw = unsafe { sys::opus_encoder_create(rate.hertz() as i32, 1, sys::OPUS_APPLICATION_AUDIO, &mut error) };
        match NonNull::new(raw) {
            Some(raw) if error == sys::OPUS_OK => Ok(Encoder { raw, rate }),
            _ => Err(CodecError::Unavailable),
        }
    }

    /// Bits per second, 6,000..=510,000; others are clamped.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        self.set(sys::OPUS_SET_BITRATE_REQUEST, bits_per_second.clamp(6_000, 510_000) as c_int);
    }

    /// How hard it tries, 0..=10; more is clamped.
    pub fn set_complexity(&mut self, complexity: u8) {
        self.set(sys::OPUS_SET_COMPLEXITY_REQUEST, c_int::from(complexity.min(10)));
    }

    /// Whether packets repeat their predecessor in a few bits (in-band FEC). It does so only when loss is expected.
    pub fn set_redundant(&mut self, is_redundant: bool) {
        self.set(sys::OPUS_SET_INBAND_FEC_REQUEST, c_int::from(is_redundant));
    }

    /// How much loss to expect, 0..=100 per cent; more is clamped.
    pub fn set_loss(&mut self, percent: u8) {
        self.set(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, c_int::from(percent.min(100)));
    }

    /// Whether packets of silence may be empty (discontinuous transmission): see [`is_silence`].
    pub fn set_discontinuous(&mut self, is_discontinuous: bool) {
        self.set(sys::OPUS_SET_DTX_REQUEST, c_int::from(is_discontinuous));
    }

    /// Whether packets lean on their predecessors as little as they can. Costs quality; for the first packet behind a change of encoders, whose
    /// receiver has other predecessors.
    pub fn set_independent(&mut self, is_independent: bool) {
        self.set(sys::OPUS_SET_PREDICTION_DISABLED_REQUEST, c_int::from(is_independent));
    }

    /// Forgets the sound so far; the settings stay.
    pub fn reset(&mut self) {
        // SAFETY: the pointer is to a live encoder of ours; this request takes no argument.
        let code = unsafe { sys::opus_encoder_ctl(self.raw.as_ptr(), sys::OPUS_RESET_STATE) };
        debug_assert_eq!(code, sys::OPUS_OK);
    }

    /// Encodes a frame of 2.5, 5, 10, 20, 40 or 60 ms and gives the packet's length in `out`.
    ///
    /// # Errors
    /// `Length` when the frame is of another length, or `out` is empty.
    pub fn encode(&mut self, sound: &[f32], out: &mut [u8]) -> Result<usize, CodecError> {
        if !matches!(sound.len().checked_div(self.rate.grain()), Some(1 | 2 | 4 | 8 | 16 | 24))
            || !sound.len().is_multiple_of(self.rate.grain())
        {
            return Err(CodecError::Length);
        }
        let room = out.len().min(MAX_PACKET);
        // SAFETY: the library reads `sound.len()` samples of one channel and writes at most `room` bytes; both slices live through the call.
        let length = unsafe {
            sys::opus_encode_float(
                self.raw.as_ptr(),
                sound.as_ptr(),
                sound.len() as c_int,
                out.as_mut_ptr(),
                room as i32,
            )
        };
        usize::try_from(length).map_err(|_| CodecError::Length)
    }

    fn set(&mut self, request: c_int, value: c_int) {
        // SAFETY: the pointer is to a live encoder of ours; each request that is made here takes one int by value.
        let code = unsafe { sys::opus_encoder_ctl(self.raw.as_ptr(), request, value) };
        debug_assert_eq!(code, sys::OPUS_OK, "request {request} with {value}");
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `opus_encoder_create` and is used no more.
        unsafe { sys::opus_encoder_destroy(self.raw.as_ptr()) }
    }
}

/// Makes sound of packets. Stereo comes out as mono.
#[derive(Debug)]
pub struct Decoder {
    raw: NonNull<sys::OpusDecoder>,
    rate: SampleRate,
}

// SAFETY: as for the encoder.
unsafe impl Send for Decoder {}

impl Decoder {
    /// A decoder that has heard nothing.
    ///
    /// # Errors
    /// `Unavailable` when there is no memory.
    pub fn new(rate: SampleRate) -> Result<Decoder, CodecError> {
        let mut error = 0;
        // SAFETY: the rate is one of those that the library takes, and `error` lives through the call.
        let raw = unsafe { sys::opus_decoder_create(rate.hertz() as i32, 1, &mut error) };
        match NonNull::new(raw) {
            Some(raw) if error == sys::OPUS_OK => Ok(Decoder { raw, rate }),
            _ => Err(CodecError::Unavailable),
        }
    }

    /// Decodes a packet and gives the number of samples written to `out`, which holds the longest packet, 120 ms, at best.
    ///
    /// # Errors
    /// `Corrupt` when it is no Opus packet; `Length` when `out` is too short for it.
    pub fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, CodecError> {
        let samples = samples(packet, self.rate).ok_or(CodecError::Corrupt)?;
        if samples > out.len() {
            return Err(CodecError::Length);
        }
        self.run(Some(packet), &mut out[..samples], false)
    }

    /// Makes up what is missing, `out.len()` samples of it: a multiple of 2.5 ms, at most 120 ms.
    ///
    /// # Errors
    /// `Length` when it is not.
    pub fn conceal(&mut self, out: &mut [f32]) -> Result<usize, CodecError> {
        self.check(out.len())?;
        self.run(None, out, false)
    }

    /// Decodes what a packet says of its lost predecessor, whose length is `out.len()`: a multiple of 2.5 ms, at most 120 ms. What the packet
    /// does not say is made up.
    ///
    /// # Errors
    /// `Corrupt` when it is no Opus packet; `Length` as above.
    pub fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<usize, CodecError> {
        self.check(out.len())?;
        if samples(next, self.rate).is_none() {
            return Err(CodecError::Corrupt);
        }
        self.run(Some(next), out, true)
    }

    /// Forgets the sound so far.
    pub fn reset(&mut self) {
        // SAFETY: the pointer is to a live decoder of ours; this request takes no argument.
        let code = unsafe { sys::opus_decoder_ctl(self.raw.as_ptr(), sys::OPUS_RESET_STATE) };
        debug_assert_eq!(code, sys::OPUS_OK);
    }

    fn check(&self, samples: usize) -> Result<(), CodecError> {
        let grain = self.rate.grain();
        let is_whole = samples > 0 && samples.is_multiple_of(grain) && samples <= 48 * grain;
        if is_whole { Ok(()) } else { Err(CodecError::Length) }
    }

    fn run(&mut self, packet: Option<&[u8]>, out: &mut [f32], is_recovery: bool) -> Result<usize, CodecError> {
        let (data, length) = packet.map_or((core::ptr::null(), 0), |packet| (packet.as_ptr(), packet.len()));
        let length = i32::try_from(length).map_err(|_| CodecError::Corrupt)?;
        // SAFETY: the library reads `length` bytes (none when the pointer is null, which means loss) and writes at most `out.len()` samples of one
        // channel; both slices live through the call.
        let samples = unsafe {
            sys::opus_decode_float(
                self.raw.as_ptr(),
                data,
                length,
                out.as_mut_ptr(),
                out.len() as c_int,
                c_int::from(is_recovery),
            )
        };
        usize::try_from(samples).map_err(|_| CodecError::Corrupt)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `opus_decoder_create` and is used no more.
        unsafe { sys::opus_decoder_destroy(self.raw.as_ptr()) }
    }
}

/// How many samples a packet decodes to; nothing when it is no Opus packet.
pub fn samples(packet: &[u8], rate: SampleRate) -> Option<usize> {
    if packet.is_empty() {
        return None;
    }
    let length = i32::try_from(packet.len()).ok()?;
    // SAFETY: the library reads at most `length` bytes, which are there, and at least one is.
    let samples = unsafe { sys::opus_packet_get_nb_samples(packet.as_ptr(), length, rate.hertz() as i32) };
    usize::try_from(samples).ok().filter(|samples| *samples > 0)
}

/// Whether a packet repeats its predecessor (in-band FEC).
pub fn is_redundant(packet: &[u8]) -> bool {
    let Ok(length) = i32::try_from(packet.len()) else { return false };
    // The library looks at the first byte without asking for the length.
    // SAFETY: as above; the packet is not empty.
    length > 0 && unsafe { sys::opus_packet_has_lbrr(packet.as_ptr(), length) } == 1
}

/// Whether a packet says no more than that there is nothing to hear (discontinuous transmission): it need not be sent.
pub fn is_silence(packet: &[u8]) -> bool {
    packet.len() <= 2
}

#[cfg(test)]
mod tests;
