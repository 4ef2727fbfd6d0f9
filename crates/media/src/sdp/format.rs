//! The codecs that are understood, with the parameters that matter.

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
