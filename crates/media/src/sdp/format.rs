//! The codecs that are understood, with the parameters that matter.

use core::fmt::Write as _;

use super::Kind;

/// A codec's family: what must be equal for a packet of one peer to be understood by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FormatName {
    /// Opus (RFC 7587).
    Opus,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// H.264 (RFC 6184).
    H264,
    /// AV1 (AOMedia's payload format).
    Av1,
}

/// A codec and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Opus, 48 kHz.
    Opus {
        /// The describing side would like two channels.
        is_stereo: bool,
        /// It would like in-band error correction.
        has_fec: bool,
        /// It would like silence not to be sent.
        has_dtx: bool,
    },
    /// VP8.
    Vp8,
    /// VP9 of this profile.
    Vp9 {
        /// `profile-id`; 0 is 8 bit 4:2:0.
        profile: u8,
    },
    /// H.264.
    H264 {
        /// `packetization-mode`: 1 may cut a NAL unit into several packets.
        packetization_mode: u8,
        /// `profile-level-id`: profile_idc, constraint flags, level_idc.
        profile: [u8; 3],
    },
    /// AV1 of this profile.
    Av1 {
        /// `profile`; 0 is Main.
        profile: u8,
    },
}

impl Format {
    /// Its family.
    pub fn name(&self) -> FormatName {
        match self {
            Format::Opus { .. } => FormatName::Opus,
            Format::Vp8 => FormatName::Vp8,
            Format::Vp9 { .. } => FormatName::Vp9,
            Format::H264 { .. } => FormatName::H264,
            Format::Av1 { .. } => FormatName::Av1,
        }
    }

    /// What it carries.
    pub fn kind(&self) -> Kind {
        match self.name() {
            FormatName::Opus => Kind::Audio,
            FormatName::Vp8 | FormatName::Vp9 | FormatName::H264 | FormatName::Av1 => Kind::Video,
        }
    }

    /// Units of media time in a second.
    pub fn clock(&self) -> u32 {
        match self.kind() {
            Kind::Audio => 48_000,
            Kind::Video | Kind::Data => 90_000,
        }
    }

    /// Whether packets of `self` can be given to a decoder that asked for `other`.
    ///
    /// For H.264: the same profile and packetization mode; levels differ without harm (RFC 6184 §8.2.2, level-asymmetry-allowed).
    pub fn is_compatible(&self, other: &Format) -> bool {
        match (self, other) {
            (
                Format::H264 { packetization_mode, profile },
                Format::H264 { packetization_mode: other_mode, profile: other_profile },
            ) => packetization_mode == other_mode && h264_profile(profile) == h264_profile(other_profile),
            (Format::Vp9 { profile }, Format::Vp9 { profile: other })
            | (Format::Av1 { profile }, Format::Av1 { profile: other }) => profile == other,
            (one, other) => one.name() == other.name(),
        }
    }
}

/// A codec as it is numbered on one m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Payload type.
    pub payload_type: u8,
    /// Payload type of its retransmissions (RFC 4588), when they were agreed.
    pub rtx: Option<u8>,
    /// What it is.
    pub format: Format,
    /// Whether the other side reads transport-wide feedback (`transport-cc`) for it.
    pub has_transport_feedback: bool,
    /// Whether the other side reads NACKs for it.
    pub has_nack: bool,
    /// Whether the other side reads PLIs for it.
    pub has_pli: bool,
    /// Whether the other side reads FIRs for it.
    pub has_fir: bool,
    /// Whether the other side reads REMBs for it.
    pub has_remb: bool,
}

/// Every format that is understood of a kind, the preferred first.
pub(super) fn all(kind: Kind) -> &'static [Format] {
    const AUDIO: &[Format] = &[Format::Opus { is_stereo: false, has_fec: true, has_dtx: false }];
    const VIDEO: &[Format] = &[
        Format::Vp8,
        Format::H264 { packetization_mode: 1, profile: [0x42, 0xE0, 0x1F] },
        Format::Vp9 { profile: 0 },
        Format::Av1 { profile: 0 },
    ];
    match kind {
        Kind::Audio => AUDIO,
        Kind::Video => VIDEO,
        Kind::Data => &[],
    }
}

/// Reads an `rtpmap` value and its parameters; nothing when the format is not understood.
pub(super) fn known(kind: Kind, map: &str, parameters: &str) -> Option<Format> {
    let mut parts = map.split('/');
    let (name, clock, channels) = (parts.next()?, parts.next()?, parts.next());
    let number = |name: &str, or: u8| match parameter(parameters, name) {
        Some(value) => value.parse().ok(),
        None => Some(or),
    };
    let format = match name.to_ascii_lowercase().as_str() {
        "opus" if clock == "48000" && channels == Some("2") => Format::Opus {
            is_stereo: number("stereo", 0) == Some(1),
            has_fec: number("useinbandfec", 0) == Some(1),
            has_dtx: number("usedtx", 0) == Some(1),
        },
        "vp8" => Format::Vp8,
        // Other profiles have more than 8 bits, which no receiver is sure to show.
        "vp9" if number("profile-id", 0) == Some(0) => Format::Vp9 { profile: 0 },
        "av1" if number("profile", 0) == Some(0) => Format::Av1 { profile: 0 },
        "h264" => {
            // Mode 0 cannot carry a key frame in more than one packet; nothing said means mode 0 (RFC 6184 §8.1).
            let packetization_mode = number("packetization-mode", 0).filter(|mode| *mode == 1)?;
            let profile = match parameter(parameters, "profile-level-id") {
                Some(text) => u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6)?,
                None => 0x42_000A,
            };
            let [_, idc, flags, level] = profile.to_be_bytes();
            Format::H264 { packetization_mode, profile: [idc, flags, level] }
        }
        _ => return None,
    };
    let is_clock = clock == if kind == Kind::Audio { "48000" } else { "90000" };
    (is_clock && format.kind() == kind).then_some(format)
}

/// The value of a parameter in `a=1;b=2`.
pub(super) fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Sorts codecs by the place of their family in `order`; those of one family keep their order.
pub(super) fn sort_by_preference(codecs: &mut [Codec], order: &[FormatName]) {
    codecs.sort_by_key(|codec| order.iter().position(|name| *name == codec.format.name()));
}

/// Writes the lines that describe a codec: `rtpmap`, `fmtp`, `rtcp-fb`, and those of its retransmissions.
pub(super) fn write(codec: &Codec, out: &mut String) {
    let n = codec.payload_type;
    let map = match codec.format {
        Format::Opus { .. } => "opus/48000/2",
        Format::Vp8 => "VP8/90000",
        Format::Vp9 { .. } => "VP9/90000",
        Format::H264 { .. } => "H264/90000",
        Format::Av1 { .. } => "AV1/90000",
    };
    let _ = write!(out, "a=rtpmap:{n} {map}\r\n");
    let _ = match codec.format {
        Format::Opus { is_stereo, has_fec, has_dtx } => {
            let stereo = if is_stereo { ";stereo=1;sprop-stereo=1" } else { "" };
            let fec = if has_fec { ";useinbandfec=1" } else { "" };
            let dtx = if has_dtx { ";usedtx=1" } else { "" };
            write!(out, "a=fmtp:{n} minptime=10{fec}{dtx}{stereo}\r\n")
        }
        Format::Vp8 => Ok(()),
        Format::Vp9 { profile } => write!(out, "a=fmtp:{n} profile-id={profile}\r\n"),
        Format::H264 { packetization_mode, profile: [idc, flags, level] } => write!(
            out,
            "a=fmtp:{n} level-asymmetry-allowed=1;packetization-mode={packetization_mode};\
             profile-level-id={idc:02x}{flags:02x}{level:02x}\r\n"
        ),
        Format::Av1 { profile } => write!(out, "a=fmtp:{n} profile={profile}\r\n"),
    };
    let feedback = [
        (codec.has_transport_feedback, "transport-cc"),
        (codec.has_remb, "goog-remb"),
        (codec.has_fir, "ccm fir"),
        (codec.has_nack, "nack"),
        (codec.has_pli, "nack pli"),
    ];
    for (_, what) in feedback.iter().filter(|(is_agreed, _)| *is_agreed) {
        let _ = write!(out, "a=rtcp-fb:{n} {what}\r\n");
    }
    if let Some(rtx) = codec.rtx {
        let _ = write!(out, "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={n}\r\n");
    }
}

/// Families of H.264 profiles (RFC 6184 table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    Other([u8; 2]),
}

fn h264_profile(id: &[u8; 3]) -> H264Profile {
    let [idc, flags, _] = *id;
    let is_set = |mask: u8| flags & mask != 0;
    match idc {
        0x42 if is_set(0x40) => H264Profile::ConstrainedBaseline,
        0x42 => H264Profile::Baseline,
        0x4D if is_set(0x80) => H264Profile::ConstrainedBaseline,
        0x4D => H264Profile::Main,
        0x58 if is_set(0x80) && is_set(0x40) => H264Profile::ConstrainedBaseline,
        0x64 if flags & 0x0C == 0x0C => H264Profile::ConstrainedHigh,
        0x64 => H264Profile::High,
        _ => H264Profile::Other([idc, flags]),
    }
}
