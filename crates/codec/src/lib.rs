//! Codecs: Opus, G.711, VP8 and H.264 behind safe doors.
//!
//! The libraries are other people's C: libopus (built in), libvpx (the system's) and OpenH264 (built from source, feature `h264`). This is the
//! only room with unsafe code, and each block says why it holds. The rule for all of them: a codec object is one allocation of the library's that
//! exactly one Rust value owns; lengths and pointers handed over come from slices that live through the call; what the library hands back is
//! copied, or borrowed from the object that owns it.
//!
//! Sound is mono, `f32`, full scale ±1. Pictures are planar YCbCr 4:2:0, eight bits.
//!
//! Not here: packets, time, loss, and what to do about a frame that cannot be decoded.

pub mod g711;
#[cfg(feature = "h264")]
pub mod h264;
pub mod opus;
mod picture;
pub mod vp8;

pub use picture::{Picture, PictureRef, Plane};

use core::fmt;

/// What a codec complains of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The bytes are not what the codec makes, or need frames that are missing.
    Corrupt,
    /// The picture is larger than [`MAX_PIXELS`], or has no size.
    Size,
    /// The library has no memory, or refuses its settings.
    Unavailable,
    /// The caller's buffer has not the length that the codec asks for.
    Length,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CodecError::Corrupt => "the coded data is corrupt or lacks what it refers to",
            CodecError::Size => "the picture has no size, or one that is too large",
            CodecError::Unavailable => "the codec has no memory or refuses its settings",
            CodecError::Length => "the buffer has not the length that the codec needs",
        })
    }
}

impl std::error::Error for CodecError {}

/// The largest picture that is decoded, in pixels: 3840x2160. A key frame of sixteen bytes could otherwise claim 16383x16383 and have half a
/// gigabyte set aside for it.
pub const MAX_PIXELS: usize = 3840 * 2160;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
