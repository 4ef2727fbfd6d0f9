//! One m-line after negotiation.

use super::{Codec, Format};
use crate::rtp::ExtensionIds;

/// Which m-line of a description, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineIndex(pub u8);

/// Which of a line's rids, counted from 0 in the order of the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RidIndex(pub u8);

/// What an m-line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Voices.
    Audio,
    /// Pictures.
    Video,
    /// Data channels.
    Data,
}

/// The stream that this side sends on an m-line; its numbers do not change while the peer connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendingStream {
    /// SSRC of the packets.
    pub ssrc: u32,
    /// SSRC of retransmissions, when a codec of the line has them.
    pub rtx: Option<u32>,
}

/// A stream of the other side, and the stream that repairs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repairs {
    /// SSRC of the packets.
    pub ssrc: u32,
    /// SSRC of retransmissions (`ssrc-group:FID`).
    pub rtx: Option<u32>,
}

/// What was agreed for one m-line, seen from this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub mid: Box<str>,
    /// What it carries.
    pub kind: Kind,
    /// Rejected, or without a codec that both know: nothing goes either way.
    pub is_rejected: bool,
    /// This side takes what comes.
    pub receives: bool,
    /// This side may send.
    pub sends: bool,
    /// The codecs both understand, the preferred first. Payload types are those of the offer, so they hold both ways.
    pub codecs: Box<[Codec]>,
    /// Numbers of the header extensions that this m-line has: those of the bundle, or fewer.
    pub extensions: ExtensionIds,
    /// Simulcast layers that the other side sends, in the order of its offer; empty without simulcast.
    pub rids: Box<[Box<str>]>,
    /// What this side sends with, when it may send.
    pub stream: Option<SendingStream>,
    /// Streams that the other side announced by `ssrc`; empty where it uses rids or announces nothing.
    pub announced: Box<[Repairs]>,
}

impl Line {
    /// The codec that a payload type names, and whether the type is that of its retransmissions.
    pub fn codec(&self, payload_type: u8) -> Option<(&Codec, bool)> {
        self.codecs.iter().find_map(|codec| {
            (codec.payload_type == payload_type)
                .then_some((codec, false))
                .or_else(|| (codec.rtx == Some(payload_type)).then_some((codec, true)))
        })
    }

    /// The stream of a layer that this side sends: each counts on from the first one's numbers.
    pub fn layer(&self, rid: RidIndex) -> Option<SendingStream> {
        let stream = self.stream.filter(|_| usize::from(rid.0) < self.rids.len())?;
        let nth = u32::from(rid.0);
        Some(SendingStream { ssrc: stream.ssrc + nth, rtx: stream.rtx.map(|rtx| rtx + nth) })
    }

    /// The codec of this line in which packets of `format` can be sent.
    pub fn codec_for(&self, format: &Format) -> Option<&Codec> {
        self.codecs.iter().find(|codec| format.is_compatible(&codec.format))
    }
}
