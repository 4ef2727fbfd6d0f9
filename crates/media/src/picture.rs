//! What a forwarder must know of the inside of a video packet: where pictures begin, which can be decoded alone, and which may be left out.
//!
//! VP8 ([`vp8`], RFC 7741), VP9 ([`vp9`], RFC 9628), H.264 ([`h264`], RFC 6184) and AV1 ([`av1`], the Alliance's RTP payload format). Pictures
//! are not decoded here; the compositor does that.

pub(crate) mod av1;
pub(crate) mod h264;
pub(crate) mod vp8;
pub(crate) mod vp9;

use crate::sdp::FormatName;

/// What was seen in one packet.
///
/// Numbers that a codec does not have are zero, so that filters by layer let everything pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The packet begins a picture that can be decoded without others.
    pub(crate) is_key: bool,
    /// The packet begins a picture (or a layer of one).
    pub(crate) begins: bool,
    /// The packet ends a picture's spatial layer (VP9 only; others use the RTP marker).
    pub(crate) ends_layer: bool,
    /// The picture refers only to lower temporal layers: a receiver of those may begin to receive this one here.
    pub(crate) is_switch_up: bool,
    /// Temporal layer, 0 is the base.
    pub(crate) temporal: u8,
    /// Spatial layer inside the stream (VP9), 0 is the base.
    pub(crate) spatial: u8,
    /// Width and height in pixels, in key pictures of VP8 and VP9 (RFC 6386 §9.1; scalability structure).
    pub(crate) size: Option<(u16, u16)>,
    /// VP8's running numbers, which are rewritten when layers are switched.
    pub(crate) vp8: Option<vp8::Numbers>,
}

/// Reads the descriptor of a packet; a packet that cannot be read is passed on as something in the middle of a picture.
pub(crate) fn look(format: FormatName, payload: &[u8]) -> Picture {
    match format {
        FormatName::Vp8 => vp8::look(payload),
        FormatName::Vp9 => vp9::look(payload),
        FormatName::H264 => h264::look(payload),
        FormatName::Av1 => av1::look(payload),
        FormatName::Opus => None,
    }
    .unwrap_or_default()
}
