//! Conferences in a small world: who hears and sees whom, over which paths.

mod bandwidth;
mod client;
mod data;
mod forwarding;
mod hostile;
mod lifecycle;
mod mixing;
mod world;

use crate::peer::OfferedLine;
use crate::sdp::Kind;

/// A line of a client's offer.
fn line(kind: Kind, sends: bool, receives: bool, rids: &[&str]) -> OfferedLine {
    let rids = rids.iter().map(|rid| (*rid).to_owned()).collect();
    OfferedLine { kind, sends, receives, formats: Vec::new(), rids }
}

/// What a client of ours offers: microphone, camera (with layers), screen, four more voices, some pictures and one screen, data.
fn browser(pictures: usize) -> Vec<OfferedLine> {
    let mut lines = vec![
        line(Kind::Audio, true, true, &[]),
        line(Kind::Video, true, false, &["h", "m", "l"]),
        line(Kind::Video, true, false, &[]),
    ];
    lines.extend((0..4).map(|_| line(Kind::Audio, false, true, &[])));
    lines.extend((0..pictures + 1).map(|_| line(Kind::Video, false, true, &[])));
    lines.push(line(Kind::Data, true, true, &[]));
    lines
}

/// A client with one line of each kind, both ways.
fn simple() -> Vec<OfferedLine> {
    vec![line(Kind::Audio, true, true, &[]), line(Kind::Video, true, true, &[]), line(Kind::Data, true, true, &[])]
}

/// Somebody who only watches.
fn viewer() -> Vec<OfferedLine> {
    vec![line(Kind::Audio, false, true, &[]), line(Kind::Video, false, true, &[])]
}

/// Three layers of a camera: rid, height, packets of a frame, bytes of each: about 1.6 Mbit/s, 530 and 130 kbit/s.
const LAYERS: [(Option<&str>, u16, usize, usize); 3] =
    [(Some("h"), 720, 6, 1100), (Some("m"), 360, 2, 1100), (Some("l"), 180, 1, 550)];

/// One layer of 530 kbit/s.
const PLAIN: [(Option<&str>, u16, usize, usize); 1] = [(None, 360, 2, 1100)];
