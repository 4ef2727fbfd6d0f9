//! The lines of a description, as they stand: nothing is decided here.
//!
//! RFC 8866 §5, with the attributes of WebRTC. Unknown lines and attributes are passed over; counts are bounded.

use core::net::IpAddr;
use core::net::SocketAddr;

use super::{Kind, MAX_DESCRIPTION, OfferError};

/// The most m-lines. Conference pages have 17; each mapped track beyond costs every packet.
const MAX_LINES: usize = 32;

/// The most values of one sort on one m-line: payload types, feedback, extensions, sources. Chromium's video has about 120 feedbacks.
const MAX_VALUES: usize = 256;

/// The most rids of one m-line.
const MAX_RIDS: usize = 4;

/// A description.
#[derive(Clone, Debug, Default)]
pub(super) struct Description<'a> {
    /// Mids of the first BUNDLE group.
    pub(super) bundle: Vec<&'a str>,
    /// What stands in front of the first m-line.
    pub(super) session: Transport<'a>,
    pub(super) media: Vec<Media<'a>>,
}

/// How the other side is reached and known; each m-line may have its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Transport<'a> {
    pub(super) ufrag: Option<&'a str>,
    pub(super) pwd: Option<&'a str>,
    /// Hash function and value as text.
    pub(super) fingerprints: Vec<(&'a str, &'a str)>,
    pub(super) setup: Option<&'a str>,
    /// Host and reflexive candidates of component 1 over UDP.
    pub(super) candidates: Vec<SocketAddr>,
}

/// One m-line and what belongs to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Media<'a> {
    pub(super) kind: Option<Kind>,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    pub(super) payload_types: Vec<u8>,
    pub(super) transport: Transport<'a>,
    pub(super) mid: Option<&'a str>,
    pub(super) direction: Direction,
    pub(super) is_rtcp_mux: bool,
    pub(super) is_reduced_rtcp: bool,
    pub(super) is_bundle_only: bool,
    /// Payload type and `name/clock/channels`.
    pub(super) maps: Vec<(u8, &'a str)>,
    /// Payload type and parameters.
    pub(super) parameters: Vec<(u8, &'a str)>,
    /// Payload type (nothing: all) and what is fed back.
    pub(super) feedback: Vec<(Option<u8>, &'a str)>,
    /// Number and name of header extensions.
    pub(super) extensions: Vec<(u8, &'a str)>,
    /// Ids of layers that the describing side sends, resp. receives, in the order of the `simulcast` attribute.
    pub(super) send_rids: Vec<&'a str>,
    pub(super) receive_rids: Vec<&'a str>,
    /// Sources, each once, in their order.
    pub(super) sources: Vec<u32>,
    /// Pairs of a source and what repairs it.
    pub(super) repairs: Vec<(u32, u32)>,
    pub(super) sctp_port: Option<u16>,
    pub(super) max_message_size: Option<u32>,
}

/// Which way the describing side wants media to go (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Direction {
    #[default]
    Both,
    Send,
    Receive,
    Inactive,
}

impl Direction {
    pub(super) fn sends(self) -> bool {
        matches!(self, Direction::Both | Direction::Send)
    }

    pub(super) fn receives(self) -> bool {
        matches!(self, Direction::Both | Direction::Receive)
    }

    pub(super) fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::Both,
            (true, false) => Direction::Send,
            (false, true) => Direction::Receive,
            (false, false) => Direction::Inactive,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Direction::Both => "sendrecv",
            Direction::Send => "sendonly",
            Direction::Receive => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// Reads a description.
///
/// # Errors
/// `TooLong`, `TooMany`, `BadLine`, `BadName`.
pub(super) fn parse(text: &str) -> Result<Description<'_>, OfferError> {
    if text.len() > MAX_DESCRIPTION {
        return Err(OfferError::TooLong);
    }
    let mut description = Description::default();
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            continue;
        }
        let (letter, value) = line.split_once('=').ok_or(OfferError::BadLine)?;
        match (letter, description.media.last_mut()) {
            ("m", _) => {
                let media = media_line(value)?;
                push(&mut description.media, media, MAX_LINES)?;
            }
            ("a", None) => session_attribute(&mut description, value)?,
            ("a", Some(media)) => media_attribute(media, value)?,
            _ => {}
        }
    }
    for media in &mut description.media {
        check_names(media)?;
    }
    Ok(description)
}

/// Reads `audio 9 UDP/TLS/RTP/SAVPF 111 63`.
fn media_line(value: &str) -> Result<Media<'_>, OfferError> {
    let mut words = value.split_ascii_whitespace();
    let mut word = || words.next().ok_or(OfferError::BadLine);
    let kind = match word()? {
        "audio" => Some(Kind::Audio),
        "video" => Some(Kind::Video),
        "application" => Some(Kind::Data),
        _ => None,
    };
    let port = word()?.split('/').next().unwrap_or_default().parse().map_err(|_| OfferError::BadLine)?;
    let protocol = word()?;
    let mut media = Media { kind, port, protocol, ..Default::default() };
    if kind.is_some_and(|kind| kind != Kind::Data) {
        for payload_type in words {
            let payload_type = payload_type.parse().ok().filter(|n| *n < 128).ok_or(OfferError::BadLine)?;
            push(&mut media.payload_types, payload_type, MAX_VALUES)?;
        }
    }
    Ok(media)
}

fn session_attribute<'a>(description: &mut Description<'a>, attribute: &'a str) -> Result<(), OfferError> {
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    if name == "group" {
        let mut words = value.split_ascii_whitespace();
        if words.next() == Some("BUNDLE") && description.bundle.is_empty() {
            for mid in words {
                push(&mut description.bundle, mid, MAX_LINES)?;
            }
        }
        return Ok(());
    }
    transport_attribute(&mut description.session, name, value)
}

fn media_attribute<'a>(media: &mut Media<'a>, attribute: &'a str) -> Result<(), OfferError> {
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    match name {
        "mid" => media.mid = Some(value.trim()),
        "sendrecv" => media.direction = Direction::Both,
        "sendonly" => media.direction = Direction::Send,
        "recvonly" => media.direction = Direction::Receive,
        "inactive" => media.direction = Direction::Inactive,
        "rtcp-mux" => media.is_rtcp_mux = true,
        "rtcp-rsize" => media.is_reduced_rtcp = true,
        "bundle-only" => media.is_bundle_only = true,
        "rtpmap" => push(&mut media.maps, numbered(value)?, MAX_VALUES)?,
        "fmtp" => push(&mut media.parameters, numbered(value)?, MAX_VALUES)?,
        "rtcp-fb" => {
            let (of, what) = value.split_once(' ').ok_or(OfferError::BadLine)?;
            let of = if of == "*" { None } else { Some(of.parse().map_err(|_| OfferError::BadLine)?) };
            push(&mut media.feedback, (of, what.trim()), MAX_VALUES)?;
        }
        "extmap" => {
            let (number, rest) = value.split_once(' ').ok_or(OfferError::BadLine)?;
            let number = number.split('/').next().unwrap_or_default();
            let uri = rest.split_ascii_whitespace().next().ok_or(OfferError::BadLine)?;
            // Numbers above 255 are placeholders of an offer (RFC 8285 §5) that nobody uses in bundles.
            if let Ok(number) = number.parse() {
                push(&mut media.extensions, (number, uri), MAX_VALUES)?;
            }
        }
        "simulcast" => simulcast(media, value)?,
        "ssrc" => {
            let number = value.split(' ').next().unwrap_or_default();
            let ssrc = number.parse().map_err(|_| OfferError::BadLine)?;
            if !media.sources.contains(&ssrc) {
                push(&mut media.sources, ssrc, MAX_VALUES)?;
            }
        }
        "ssrc-group" => {
            let mut words = value.split_ascii_whitespace();
            if words.next() == Some("FID")
                && let (Some(Ok(ssrc)), Some(Ok(repair))) = (words.next().map(str::parse), words.next().map(str::parse))
            {
                push(&mut media.repairs, (ssrc, repair), MAX_VALUES)?;
            }
        }
        "sctp-port" => media.sctp_port = value.trim().parse().ok(),
        // RFC 8841 §6: 0 is "any", and what is larger than we can count is as good as any.
        "max-message-size" => media.max_message_size = Some(value.trim().parse().unwrap_or(0)),
        _ => transport_attribute(&mut media.transport, name, value)?,
    }
    Ok(())
}

fn transport_attribute<'a>(transport: &mut Transport<'a>, name: &str, value: &'a str) -> Result<(), OfferError> {
    match name {
        "ice-ufrag" => transport.ufrag = Some(value.trim()),
        "ice-pwd" => transport.pwd = Some(value.trim()),
        "setup" => transport.setup = Some(value.trim()),
        "fingerprint" => {
            let (hash, value) = value.split_once(' ').ok_or(OfferError::BadLine)?;
            push(&mut transport.fingerprints, (hash, value.trim()), MAX_VALUES)?;
        }
        "candidate" => {
            if let Some(address) = candidate(value) {
                push(&mut transport.candidates, address, MAX_VALUES)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Reads `foundation component transport priority address port typ …`; names (mDNS) and other transports are passed over.
fn candidate(value: &str) -> Option<SocketAddr> {
    let mut words = value.split_ascii_whitespace().skip(1);
    let (component, transport, _priority) = (words.next()?, words.next()?, words.next()?);
    let address: IpAddr = words.next()?.parse().ok()?;
    let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
    (component == "1" && transport.eq_ignore_ascii_case("udp")).then_some(SocketAddr::new(address, port))
}

/// Reads `send h;m;~l recv 1,2`. Of alternatives the first counts; layers may begin paused (RFC 8853 §5.1).
fn simulcast<'a>(media: &mut Media<'a>, value: &'a str) -> Result<(), OfferError> {
    let mut words = value.split_ascii_whitespace();
    while let (Some(direction), Some(list)) = (words.next(), words.next()) {
        let rids = match direction {
            "send" => &mut media.send_rids,
            "recv" => &mut media.receive_rids,
            _ => return Err(OfferError::BadLine),
        };
        for layer in list.split(';') {
            let rid = layer.split(',').next().unwrap_or_default();
            push(rids, rid.trim_start_matches('~'), MAX_RIDS)?;
        }
    }
    Ok(())
}

fn numbered(value: &str) -> Result<(u8, &str), OfferError> {
    let (number, rest) = value.split_once(' ').ok_or(OfferError::BadLine)?;
    Ok((number.parse().map_err(|_| OfferError::BadLine)?, rest.trim()))
}

/// Mids and rids are written into answers and compared with what packets carry: short and of plain characters
/// (RFC 5888 §4 tokens, RFC 8851 §4).
fn check_names(media: &Media<'_>) -> Result<(), OfferError> {
    let names = media.mid.iter().chain(&media.send_rids).chain(&media.receive_rids);
    for name in names {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&byte));
        if name.is_empty() || name.len() > 32 || !is_plain {
            return Err(OfferError::BadName);
        }
    }
    Ok(())
}

fn push<T>(list: &mut Vec<T>, value: T, limit: usize) -> Result<(), OfferError> {
    if list.len() == limit {
        return Err(OfferError::TooMany);
    }
    list.push(value);
    Ok(())
}
