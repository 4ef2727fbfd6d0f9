//! From an offer to what is agreed, on the answering side; and from an answer to the same on the offering side.

use super::format::{known, sort_by_preference};
use super::parse::{Description, Media};
use super::transport::{self, Remote};
use super::{Codec, Format, FormatName, Kind, Line, Negotiated, OfferError, Repairs, SendingStream};
use crate::rtp::ExtensionIds;

/// What decides beside the offer.
pub(crate) struct Policy<'a> {
    /// Video codecs that are taken, the preferred first.
    pub(crate) video: &'a [FormatName],
    /// Gives numbers for streams, each once.
    pub(crate) ssrc: &'a mut dyn FnMut() -> u32,
}

/// Decides on an offer. Streams of lines that `before` has keep their numbers.
pub(super) fn answer(
    offer: &Description<'_>,
    before: Option<&Negotiated>,
    policy: &mut Policy<'_>,
) -> Result<(Negotiated, Remote), OfferError> {
    let active = active(offer)?;
    let remote = transport::remote(offer, active[0], &["actpass", "active"])?;
    let mut agreed = Negotiated { extensions: extensions(offer)?, ..Default::default() };
    for (index, media) in offer.media.iter().enumerate() {
        let mid = mid(media, index);
        if agreed.line(&mid).is_some() {
            return Err(OfferError::BadName);
        }
        let old = before.and_then(|before| before.lines.get(index));
        if old.is_some_and(|old| !old.is_rejected && (*old.mid != *mid || Some(old.kind) != media.kind)) {
            return Err(OfferError::LinesChanged);
        }
        let old = old.filter(|old| *old.mid == *mid);
        let line = line(media, mid, old, policy)?;
        if line.kind == Kind::Data && !line.is_rejected {
            agreed.sctp_port = Some(media.sctp_port.unwrap_or(5000));
            // Nothing said means 64 KiB (RFC 8841 §6.1).
            agreed.max_message_size = media.max_message_size.unwrap_or(65_536);
        }
        agreed.is_reduced_rtcp |= media.is_reduced_rtcp;
        agreed.lines.push(line);
    }
    if before.is_some_and(|before| before.lines.len() > agreed.lines.len()) {
        return Err(OfferError::LinesChanged);
    }
    if agreed.lines.iter().all(|line| line.is_rejected) {
        return Err(OfferError::NothingInCommon);
    }
    Ok((agreed, remote))
}

/// What the offering side has after the answer came.
///
/// - `offered`: as [`super::offer`] wrote it, with every codec; what the answer leaves out is taken away.
pub(super) fn accept(answer: &Description<'_>, offered: &Negotiated) -> Result<(Negotiated, Remote), OfferError> {
    if answer.media.len() != offered.lines.len() {
        return Err(OfferError::LinesChanged);
    }
    let active = active(answer)?;
    let remote = transport::remote(answer, active[0], &["passive"])?;
    let mut agreed = Negotiated { extensions: extensions(answer)?, ..Default::default() };
    for (media, offered) in answer.media.iter().zip(&offered.lines) {
        let is_rejected = media.port == 0 && !media.is_bundle_only;
        if media.kind != Some(offered.kind) || (!is_rejected && media.mid.is_some_and(|mid| mid != &*offered.mid)) {
            return Err(OfferError::LinesChanged);
        }
        let mut line = offered.clone();
        line.is_rejected = is_rejected;
        line.sends &= media.direction.receives() && !is_rejected;
        line.receives &= media.direction.sends() && !is_rejected;
        line.codecs = codecs(media).into_iter().filter(|codec| line.codec(codec.payload_type).is_some()).collect();
        line.announced = announced(media);
        line.extensions = collect(media.extensions.iter())?;
        // Layers that the answer does not take are not sent.
        line.rids = line.rids.iter().filter(|rid| media.receive_rids.contains(&&***rid)).cloned().collect();
        if line.kind == Kind::Data && !is_rejected {
            agreed.sctp_port = Some(media.sctp_port.unwrap_or(5000));
            agreed.max_message_size = media.max_message_size.unwrap_or(65_536);
        }
        agreed.is_reduced_rtcp |= media.is_reduced_rtcp;
        agreed.lines.push(line);
    }
    Ok((agreed, remote))
}

/// The m-lines that are not switched off, which must share one transport.
fn active<'a, 'b>(description: &'b Description<'a>) -> Result<Vec<&'b Media<'a>>, OfferError> {
    let is_bundled = |media: &Media<'_>| media.mid.is_some_and(|mid| description.bundle.contains(&mid));
    let mut active: Vec<&Media<'_>> =
        description.media.iter().filter(|media| media.port != 0 || media.is_bundle_only).collect();
    if active.iter().any(|media| media.kind != Some(Kind::Data) && !media.is_rtcp_mux) {
        return Err(OfferError::NotBundled);
    }
    match active.len() {
        0 => return Err(OfferError::NothingInCommon),
        1 => {}
        _ if active.iter().all(|media| is_bundled(media)) => {}
        _ => return Err(OfferError::NotBundled),
    }
    // The transport is that of the first mid in the group (RFC 9143 §7.3.1).
    let tag = description.bundle.first().copied();
    active.sort_by_key(|media| media.mid != tag);
    Ok(active)
}

fn mid(media: &Media<'_>, index: usize) -> Box<str> {
    media.mid.map_or_else(|| index.to_string().into_boxed_str(), Box::from)
}

fn line(media: &Media<'_>, mid: Box<str>, old: Option<&Line>, policy: &mut Policy<'_>) -> Result<Line, OfferError> {
    let kind = media.kind.unwrap_or(Kind::Data);
    let is_off = media.port == 0 && !media.is_bundle_only;
    let mut codecs = codecs(media);
    let is_rejected = is_off
        || match media.kind {
            Some(Kind::Audio) => codecs.is_empty(),
            Some(Kind::Video) => {
                codecs.retain(|codec| policy.video.contains(&codec.format.name()));
                sort_by_preference(&mut codecs, policy.video);
                codecs.is_empty()
            }
            Some(Kind::Data) => !media.protocol.contains("DTLS/SCTP"),
            None => true,
        };
    let sends = !is_rejected && kind != Kind::Data && media.direction.receives();
    let has_rtx = codecs.iter().any(|codec| codec.rtx.is_some());
    let stream = old
        .and_then(|old| old.stream)
        .or_else(|| sends.then(|| SendingStream { ssrc: (policy.ssrc)(), rtx: has_rtx.then(|| (policy.ssrc)()) }));
    Ok(Line {
        mid,
        kind,
        is_rejected,
        extensions: collect(media.extensions.iter())?,
        receives: !is_rejected && kind != Kind::Data && media.direction.sends(),
        sends,
        rids: media.send_rids.iter().map(|rid| Box::from(*rid)).collect(),
        stream,
        announced: announced(media),
        codecs: codecs.into_boxed_slice(),
    })
}

/// Sources with what repairs them. Where rids name the layers, sources say nothing of use.
fn announced(media: &Media<'_>) -> Box<[Repairs]> {
    if !media.send_rids.is_empty() {
        return Box::default();
    }
    let is_repair = |ssrc: &u32| media.repairs.iter().any(|(_, repair)| repair == ssrc);
    let rtx = |ssrc: &u32| media.repairs.iter().find(|(of, _)| of == ssrc).map(|(_, repair)| *repair);
    media.sources.iter().filter(|ssrc| !is_repair(ssrc)).map(|ssrc| Repairs { ssrc: *ssrc, rtx: rtx(ssrc) }).collect()
}

/// The codecs of a line that are understood, in its order.
fn codecs(media: &Media<'_>) -> Vec<Codec> {
    let Some(kind) = media.kind else { return Vec::new() };
    let parameters = |of: u8| media.parameters.iter().find(|(n, _)| *n == of).map_or("", |(_, value)| *value);
    let map = |of: u8| media.maps.iter().find(|(n, _)| *n == of).map(|(_, value)| *value);
    let rtx = |of: u8| {
        media.payload_types.iter().copied().find(|n| {
            map(*n).is_some_and(|map| map.to_ascii_lowercase().starts_with("rtx/"))
                && super::format::parameter(parameters(*n), "apt").and_then(|apt| apt.parse().ok()) == Some(of)
        })
    };
    let mut found: Vec<Codec> = Vec::new();
    for payload_type in &media.payload_types {
        let Some(format) = map(*payload_type).and_then(|map| known(kind, map, parameters(*payload_type))) else {
            continue;
        };
        if found.iter().any(|codec| codec.payload_type == *payload_type) {
            continue;
        }
        let has = |wanted: &str| {
            media.feedback.iter().any(|(of, what)| of.is_none_or(|of| of == *payload_type) && *what == wanted)
        };
        let has_transport_feedback = has("transport-cc");
        let has_nack = has("nack");
        found.push(Codec {
            payload_type: *payload_type,
            rtx: rtx(*payload_type).filter(|_| has_nack),
            format,
            has_transport_feedback,
            has_nack,
            has_pli: has("nack pli"),
            has_fir: has("ccm fir"),
            // Two estimates of one path would fight.
            has_remb: has("goog-remb") && !has_transport_feedback,
        });
    }
    found
}

/// The numbers of the header extensions; an extension has one number in a bundle (RFC 9143 §6).
fn extensions(description: &Description<'_>) -> Result<ExtensionIds, OfferError> {
    collect(description.media.iter().flat_map(|media| &media.extensions))
}

fn collect<'a>(named: impl Iterator<Item = &'a (u8, &'a str)>) -> Result<ExtensionIds, OfferError> {
    let mut ids = ExtensionIds::default();
    for (number, uri) in named {
        let Some(place) = extension(&mut ids, uri) else { continue };
        if *place != 0 && *place != *number || *number == 0 {
            return Err(OfferError::BadLine);
        }
        *place = *number;
    }
    Ok(ids)
}

/// Names of the header extensions that are taken.
pub(super) const EXTENSIONS: [&str; 7] = [
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "urn:3gpp:video-orientation",
];

fn extension<'a>(ids: &'a mut ExtensionIds, uri: &str) -> Option<&'a mut u8> {
    let place = EXTENSIONS.iter().position(|known| *known == uri)?;
    Some(match place {
        0 => &mut ids.audio_level,
        1 => &mut ids.mid,
        2 => &mut ids.rid,
        3 => &mut ids.repaired_rid,
        4 => &mut ids.transport_sequence,
        5 => &mut ids.absolute_send_time,
        _ => &mut ids.orientation,
    })
}

/// The extensions with their names, as far as they make sense for this kind.
pub(super) fn named_extensions(ids: &ExtensionIds, kind: Kind) -> impl Iterator<Item = (u8, &'static str)> {
    let for_audio = [ids.audio_level, ids.mid, 0, 0, ids.transport_sequence, ids.absolute_send_time, 0];
    let for_video =
        [0, ids.mid, ids.rid, ids.repaired_rid, ids.transport_sequence, ids.absolute_send_time, ids.orientation];
    let numbers = if kind == Kind::Audio { for_audio } else { for_video };
    numbers.into_iter().zip(EXTENSIONS).filter(|(number, _)| *number != 0)
}

/// Every codec that this side knows, with payload types of its own choice, for offers.
pub(crate) fn own_codecs(kind: Kind, formats: &[Format]) -> Box<[Codec]> {
    let all: &[Format] = if formats.is_empty() { super::format::all(kind) } else { formats };
    let mut next = if kind == Kind::Audio { 111 } else { 96 };
    let mut codecs = Vec::new();
    for format in all.iter().filter(|format| format.kind() == kind).take(8) {
        let is_video = kind == Kind::Video;
        codecs.push(Codec {
            payload_type: next,
            rtx: is_video.then_some(next + 1),
            format: *format,
            has_transport_feedback: true,
            has_nack: is_video,
            has_pli: is_video,
            has_fir: is_video,
            has_remb: false,
        });
        next += if is_video { 2 } else { 1 };
    }
    codecs.into_boxed_slice()
}
