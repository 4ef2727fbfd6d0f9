//! Descriptions: what an offer asks for, and the answer to it.
//!
//! [`Negotiated`] is what both sides agreed on; the lines it was made of (RFC 8866) do not leave this folder. JSEP RFC 8829, BUNDLE RFC 9143, rid RFC 8851, simulcast RFC 8853, SCTP RFC 8841.
//!
//! Not here: the peer connection that does what was agreed (`peer`).

pub mod format;
mod line;
mod negotiate;
mod parse;
mod transport;
mod write;

#[cfg(test)]
mod tests;

pub use format::{Codec, Format, FormatName};
pub use line::{Kind, Line, LineIndex, Repairs, RidIndex, SendingStream};

pub(crate) use negotiate::{Policy, own_codecs};
pub(crate) use transport::{Fingerprint, Hash, Local, Remote};

use crate::rtp::ExtensionIds;

/// Why an offer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferError {
    /// Longer than [`MAX_DESCRIPTION`].
    TooLong,
    /// More m-lines, codecs, rids or SSRCs than a peer may have.
    TooMany,
    /// A line is not `x=value`, or its value has another shape than its type demands.
    BadLine,
    /// The m-lines are not in one BUNDLE group, or not multiplexed with RTCP.
    NotBundled,
    /// No `ice-ufrag` or `ice-pwd`, or of a length that RFC 8839 §5.4 does not allow.
    MissingIce,
    /// No usable `fingerprint` (SHA-256, SHA-384 or SHA-512).
    MissingFingerprint,
    /// `setup` is such that both or neither would begin the DTLS handshake.
    BadSetup,
    /// Two m-lines have one mid, or a mid or rid is longer than 32 bytes.
    BadName,
    /// No m-line has anything that both sides understand.
    NothingInCommon,
    /// A renegotiation removes or re-orders m-lines, or gives a mid another kind.
    LinesChanged,
    /// A renegotiation comes with another fingerprint: it is another peer connection.
    OtherPeer,
}

impl core::fmt::Display for OfferError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            OfferError::TooLong => "the description is too long",
            OfferError::TooMany => "the description has more m-lines, codecs, rids or sources than are allowed",
            OfferError::BadLine => "a line of the description cannot be read",
            OfferError::NotBundled => "the description does not put everything into one BUNDLE with rtcp-mux",
            OfferError::MissingIce => "the description has no ICE credentials",
            OfferError::MissingFingerprint => "the description has no usable fingerprint",
            OfferError::BadSetup => "the description's DTLS role does not fit",
            OfferError::BadName => "a mid or rid is repeated or too long",
            OfferError::NothingInCommon => "nothing in the description is understood by both sides",
            OfferError::LinesChanged => "a new description removes or re-orders m-lines",
            OfferError::OtherPeer => "a new description has another fingerprint",
        })
    }
}

impl core::error::Error for OfferError {}

/// The longest description that is read, in bytes. A browser's offer with 17 m-lines and every codec has about 60 KiB.
pub const MAX_DESCRIPTION: usize = 128 * 1024;

/// What both sides agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Negotiated {
    /// The m-lines in the order of the offer; rejected ones keep their place.
    pub lines: Vec<Line>,
    /// Numbers of the header extensions; the same in each m-line of a bundle.
    pub extensions: ExtensionIds,
    /// Port of the SCTP association, when there are data channels.
    pub sctp_port: Option<u16>,
    /// The largest data message that the other side takes, in bytes; 0: any.
    pub max_message_size: u32,
    /// Whether the other side takes reduced-size RTCP (RFC 5506).
    pub is_reduced_rtcp: bool,
}

impl Negotiated {
    /// The m-line with this mid.
    pub fn line(&self, mid: &str) -> Option<(LineIndex, &Line)> {
        let index = self.lines.iter().position(|line| &*line.mid == mid)?;
        Some((LineIndex(index as u8), &self.lines[index]))
    }
}

/// Decides on an offer; see [`negotiate`].
///
/// - `before`: what was agreed so far, when it is a renegotiation.
///
/// # Errors
/// Each [`OfferError`] but `OtherPeer`.
pub(crate) fn answer(
    offer: &str,
    before: Option<&Negotiated>,
    policy: &mut Policy<'_>,
) -> Result<(Negotiated, Remote), OfferError> {
    negotiate::answer(&parse::parse(offer)?, before, policy)
}

/// Takes the answer to what [`offer`] wrote.
///
/// # Errors
/// Each [`OfferError`] but `OtherPeer`.
pub(crate) fn accept(answer: &str, offered: &Negotiated) -> Result<(Negotiated, Remote), OfferError> {
    negotiate::accept(&parse::parse(answer)?, offered)
}

/// Writes the answer to an offer on which this was decided.
pub(crate) fn write_answer(agreed: &Negotiated, local: &Local<'_>) -> String {
    write::description(agreed, local, write::OfferPart::Answer)
}

/// Prepares what a client offers: every m-line with this side's codecs, extensions and streams.
pub(crate) fn offer(mut lines: Vec<Line>) -> Negotiated {
    let has_data = lines.iter().any(|line| line.kind == Kind::Data);
    let extensions = ExtensionIds {
        mid: 1,
        rid: 2,
        repaired_rid: 3,
        transport_sequence: 4,
        absolute_send_time: 5,
        audio_level: 6,
        orientation: 7,
    };
    for line in &mut lines {
        line.extensions = extensions;
    }
    Negotiated {
        lines,
        extensions,
        sctp_port: has_data.then_some(5000),
        max_message_size: 65_536,
        is_reduced_rtcp: true,
    }
}

/// Writes what [`offer`] prepared.
pub(crate) fn write_offer(offered: &Negotiated, local: &Local<'_>) -> String {
    write::description(offered, local, write::OfferPart::Offer)
}
