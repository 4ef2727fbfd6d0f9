//! Which m-line and layer a stream belongs to (RFC 8843 §9.2).

use super::Track;
use crate::rtp::Header;
use crate::sdp::{LineIndex, Negotiated, RidIndex};

/// What is remembered of a stream: nothing until its packets say where it belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note(Option<Track>);

impl Note {
    /// Where the stream of this packet belongs, as far as is known; nothing also when its m-line takes nothing at the moment.
    pub(super) fn track(&mut self, agreed: &Negotiated, header: &Header, packet: &[u8]) -> Option<Track> {
        if self.0.is_none() {
            self.0 = find(agreed, header, packet);
        }
        self.0.filter(|track| agreed.lines.get(usize::from(track.line.0)).is_some_and(|line| line.receives))
    }
}

/// Looks at names in the packet first, then at announced sources, then at the payload type where it is unmistakable.
fn find(agreed: &Negotiated, header: &Header, packet: &[u8]) -> Option<Track> {
    let name = |span: Option<crate::rtp::Span>| span.and_then(|span| core::str::from_utf8(span.of(packet)).ok());
    let (mid, rid, repaired) =
        (name(header.extensions.mid), name(header.extensions.rid), name(header.extensions.repaired_rid));
    if let Some(mid) = mid {
        let (line, _) = agreed.line(mid)?;
        return on_line(agreed, line, header, rid, repaired);
    }
    for (index, line) in agreed.lines.iter().enumerate() {
        let at = |is_repair| Some(Track { line: LineIndex(index as u8), rid: None, is_repair });
        for announced in &line.announced {
            if announced.ssrc == header.ssrc {
                return at(false);
            }
            if announced.rtx == Some(header.ssrc) {
                return at(true);
            }
        }
    }
    // Without a mid: the one receiving m-line that has this payload type (and this rid).
    let mut fitting = agreed.lines.iter().enumerate().filter(|(_, line)| {
        let has_rid = |name: &str| line.rids.iter().any(|rid| &**rid == name);
        line.receives && line.codec(header.payload_type).is_some() && rid.or(repaired).is_none_or(has_rid)
    });
    let (index, _) = fitting.next()?;
    if fitting.next().is_some() {
        return None;
    }
    on_line(agreed, LineIndex(index as u8), header, rid, repaired)
}

fn on_line(
    agreed: &Negotiated,
    index: LineIndex,
    header: &Header,
    rid: Option<&str>,
    repaired: Option<&str>,
) -> Option<Track> {
    let line = agreed.lines.get(usize::from(index.0))?;
    if line.rids.is_empty() {
        let is_repair = line.codec(header.payload_type).is_some_and(|(_, is_repair)| is_repair);
        return Some(Track { line: index, rid: None, is_repair });
    }
    // A layer must say which one it is.
    let name = repaired.or(rid)?;
    let place = line.rids.iter().position(|rid| **rid == *name)?;
    Some(Track { line: index, rid: Some(RidIndex(place as u8)), is_repair: repaired.is_some() })
}
