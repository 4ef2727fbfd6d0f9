//! Writing descriptions.

use core::fmt::Write as _;

use super::negotiate::named_extensions;
use super::parse::Direction;
use super::transport::Local;
use super::{Kind, Line, Negotiated, format};

/// Which half of offer and answer a description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfferPart {
    Offer,
    Answer,
}

/// Writes a description of what is agreed (or offered). Each m-line carries the transport, because some stacks read no other.
pub(super) fn description(agreed: &Negotiated, local: &Local<'_>, part: OfferPart) -> String {
    let mut out = String::with_capacity(512 + 1024 * agreed.lines.len());
    out.push_str("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    if local.is_lite {
        out.push_str("a=ice-lite\r\n");
    }
    out.push_str("a=group:BUNDLE");
    for line in agreed.lines.iter().filter(|line| !line.is_rejected) {
        out.push(' ');
        out.push_str(&line.mid);
    }
    out.push_str("\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n");
    for line in &agreed.lines {
        if line.is_rejected {
            rejected(line, &mut out);
        } else {
            media(line, agreed, local, part, &mut out);
        }
    }
    out
}

/// A port of zero, and as little as the grammar allows (RFC 8829 §5.3.1).
fn rejected(line: &Line, out: &mut String) {
    let head = match line.kind {
        Kind::Audio => "audio 0 UDP/TLS/RTP/SAVPF 0",
        Kind::Video => "video 0 UDP/TLS/RTP/SAVPF 0",
        Kind::Data => "application 0 UDP/DTLS/SCTP webrtc-datachannel",
    };
    let _ = write!(out, "m={head}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n", line.mid);
}

fn media(line: &Line, agreed: &Negotiated, local: &Local<'_>, part: OfferPart, out: &mut String) {
    let _ = match line.kind {
        Kind::Audio => write!(out, "m=audio 9 UDP/TLS/RTP/SAVPF"),
        Kind::Video => write!(out, "m=video 9 UDP/TLS/RTP/SAVPF"),
        Kind::Data => write!(out, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"),
    };
    for codec in &line.codecs {
        let _ = write!(out, " {}", codec.payload_type);
        if let Some(rtx) = codec.rtx {
            let _ = write!(out, " {rtx}");
        }
    }
    let _ = write!(out, "\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\n", line.mid);
    transport(local, out);
    if line.kind == Kind::Data {
        let port = agreed.sctp_port.unwrap_or(5000);
        let _ = write!(out, "a=sctp-port:{port}\r\na=max-message-size:{}\r\n", crate::data::MAX_MESSAGE);
        return;
    }
    let _ = write!(out, "a={}\r\na=rtcp-mux\r\n", Direction::of(line.sends, line.receives).name());
    if agreed.is_reduced_rtcp {
        out.push_str("a=rtcp-rsize\r\n");
    }
    for (number, name) in named_extensions(&line.extensions, line.kind) {
        let _ = write!(out, "a=extmap:{number} {name}\r\n");
    }
    for codec in &line.codecs {
        format::write(codec, out);
    }
    simulcast(line, part, out);
    stream(line, part, out);
}

fn transport(local: &Local<'_>, out: &mut String) {
    let _ = write!(out, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", local.ufrag, local.pwd);
    let _ = write!(out, "a=fingerprint:sha-256 {}\r\na=setup:{}\r\n", local.fingerprint, local.setup);
    for (index, address) in local.candidates.iter().enumerate() {
        // Type preference 126 for host, the order of the list as local preference, component 1 (RFC 8445 §5.1.2.1).
        let priority = (126 << 24) + ((65_535 - index.min(65_535) as u32) << 8) + 255;
        let (number, ip, port) = (index + 1, address.ip(), address.port());
        let _ = write!(out, "a=candidate:{number} 1 udp {priority} {ip} {port} typ host\r\n");
    }
    out.push_str("a=end-of-candidates\r\n");
}

/// An offer's layers are those it sends, an answer's those it takes (RFC 8853 §5.3).
fn simulcast(line: &Line, part: OfferPart, out: &mut String) {
    let word = match part {
        OfferPart::Offer if line.sends => "send",
        OfferPart::Answer if line.receives => "recv",
        OfferPart::Offer | OfferPart::Answer => return,
    };
    if line.rids.is_empty() {
        return;
    }
    for rid in &line.rids {
        let _ = write!(out, "a=rid:{rid} {word}\r\n");
    }
    let _ = write!(out, "a=simulcast:{word} {}\r\n", line.rids.join(";"));
}

/// What this side sends: a media stream of its own for each m-line, because slots change their content independently.
/// Layers of an offer are known by their rids alone.
fn stream(line: &Line, part: OfferPart, out: &mut String) {
    let Some(stream) = line.stream.filter(|_| line.sends) else { return };
    let mid = &line.mid;
    let _ = write!(out, "a=msid:slot-{mid} slot-{mid}\r\n");
    if part == OfferPart::Offer && !line.rids.is_empty() {
        return;
    }
    if let Some(rtx) = stream.rtx {
        let _ = write!(out, "a=ssrc-group:FID {} {rtx}\r\n", stream.ssrc);
    }
    for ssrc in [Some(stream.ssrc), stream.rtx].into_iter().flatten() {
        let _ = write!(out, "a=ssrc:{ssrc} cname:slot-{mid}\r\na=ssrc:{ssrc} msid:slot-{mid} slot-{mid}\r\n");
    }
}
