//! Packets, and whose they are.

use std::time::Duration;

use super::world::*;
use crate::peer::{Arrived, RTCP_ROOM, Track};
use crate::rtcp;
use crate::rtp::{AudioLevel, Extensions, Header, Span};
use crate::sdp::{LineIndex, RidIndex};

fn track(line: u8, rid: Option<u8>, is_repair: bool) -> Track {
    Track { line: LineIndex(line), rid: rid.map(RidIndex), is_repair }
}

#[test]
fn a_packet_arrives_in_plain_with_its_extensions_and_its_line() {
    let mut world = World::connected();
    let stream = world.client.negotiated().lines[0].stream.expect("it sends");
    let mut header = with_mid(header(111, 7, stream.ssrc), b"0");
    header.is_marked = true;
    header.extensions.audio_level = Some(AudioLevel { is_voice: true, below_full: 20 });
    world.send_rtp(End::Client, &header, b"0", b"voice");
    world.run(Duration::from_millis(20));
    let received = world.received(End::Server);
    let [(rtp, payload)] = &received[..] else { panic!("{received:?}") };
    assert_eq!(payload, b"voice");
    assert_eq!((rtp.header.sequence, rtp.header.ssrc, rtp.header.is_marked), (7, stream.ssrc, true));
    assert_eq!(rtp.header.extensions.audio_level, header.extensions.audio_level);
    assert_eq!(rtp.track, Some(track(0, None, false)));
}

#[test]
fn layers_are_known_by_their_names_and_remembered_without_them() {
    let mut world = World::connected();
    let line = world.client.negotiated().lines[1].clone();
    let payload_type = line.codecs[0].payload_type;
    for nth in 0..3 {
        let layer = line.layer(RidIndex(nth)).expect("a layer");
        let name = line.rids[usize::from(nth)].as_bytes();
        let mut first = header(payload_type, 1, layer.ssrc);
        first.extensions = Extensions { rid: Span::whole(name), ..Default::default() };
        world.send_rtp(End::Client, &first, name, b"key");
        let mut repair = header(line.codecs[0].rtx.expect("repairs"), 1, layer.rtx.expect("repairs"));
        repair.extensions = Extensions { repaired_rid: Span::whole(name), ..Default::default() };
        world.send_rtp(End::Client, &repair, name, b"\0\x01key");
        world.run(Duration::from_millis(20));
        world.send_rtp(End::Client, &header(payload_type, 2, layer.ssrc), &[], b"delta");
    }
    world.run(Duration::from_millis(20));
    let tracks: Vec<Option<Track>> = world.received(End::Server).iter().map(|(rtp, _)| rtp.track).collect();
    let mut expected = Vec::new();
    for nth in 0..3 {
        expected.extend([Some(track(1, Some(nth), false)), Some(track(1, Some(nth), true))]);
        expected.push(Some(track(1, Some(nth), false)));
    }
    expected.sort();
    let mut tracks = tracks;
    tracks.sort();
    assert_eq!(tracks, expected);
}

#[test]
fn announced_streams_need_no_names_and_unknown_ones_have_no_track() {
    let mut world = World::connected();
    let slot = world.server.negotiated().lines[2].clone();
    let stream = slot.stream.expect("it sends");
    world.send_rtp(End::Server, &header(slot.codecs[0].payload_type, 1, stream.ssrc), &[], b"picture");
    world.send_rtp(
        End::Server,
        &header(slot.codecs[0].rtx.expect("repairs"), 1, stream.rtx.expect("repairs")),
        &[],
        b"\0\0",
    );
    world.run(Duration::from_millis(20));
    let tracks: Vec<Option<Track>> = world.received(End::Client).iter().map(|(rtp, _)| rtp.track).collect();
    assert_eq!(tracks, [Some(track(2, None, false)), Some(track(2, None, true))]);
    // A layer that does not say which one it is.
    let camera = world.client.negotiated().lines[1].codecs[0].payload_type;
    world.send_rtp(End::Client, &header(camera, 1, 4242), &[], b"?");
    world.run(Duration::from_millis(20));
    assert_eq!(world.received(End::Server)[0].0.track, None);
}

#[test]
fn replayed_and_changed_packets_are_counted_and_dropped() {
    let mut world = World::connected();
    let stream = world.client.negotiated().lines[0].stream.expect("it sends");
    let mut buffer = vec![0; 200];
    let ids = no_ids();
    let length = header(111, 1, stream.ssrc).write(&[], &ids, &mut buffer).expect("room") + 20;
    let sealed = world.client.seal_rtp(&mut buffer, length).expect("connected");
    buffer.truncate(sealed);
    let (from, now) = (world.client_at, world.now);
    let mut changed = buffer.clone();
    changed[15] ^= 1;
    assert_eq!(world.server.datagram(from, &mut changed, now), Arrived::Nothing);
    assert!(matches!(world.server.datagram(from, &mut buffer.clone(), now), Arrived::Rtp(_)));
    assert_eq!(world.server.datagram(from, &mut buffer.clone(), now), Arrived::Nothing);
    let stats = world.server.stats();
    assert_eq!((stats.rtp_refused, stats.rtp_replayed), (1, 1));
    // What a server sends cannot be turned around.
    assert_eq!(world.client.datagram(SERVER, &mut buffer, now), Arrived::Nothing);
    assert_eq!(world.client.stats().rtp_refused, 1);
}

#[test]
fn reports_arrive_in_plain() {
    let mut world = World::connected();
    let mut bytes = Vec::new();
    rtcp::write::receiver_report(&mut bytes, 9, &[]);
    rtcp::write::nack(&mut bytes, 9, 10, &[1, 2, 5]);
    let plain = bytes.clone();
    bytes.resize(plain.len() + RTCP_ROOM, 0);
    let length = world.server.seal_rtcp(&mut bytes, plain.len()).expect("connected");
    bytes.truncate(length);
    let to = world.client_at;
    world.transmit(End::Server, to, bytes);
    world.run(Duration::from_millis(20));
    let (_, arrived, bytes) = world.arrived.pop().expect("it arrived");
    let Arrived::Rtcp { begin, end } = arrived else { panic!("{arrived:?}") };
    assert_eq!(bytes[begin..end], plain);
    assert_eq!(rtcp::packets(&bytes[begin..end]).count(), 2);
}

#[test]
fn nothing_is_sealed_before_there_are_keys() {
    let mut world = World::new();
    assert_eq!(world.client.seal_rtp(&mut [0x80; 100], 50), None);
    assert_eq!(world.client.seal_rtcp(&mut [0x80; 100], 50), None);
    let mut packet = [0x80; 60];
    let from = world.client_at;
    let now = world.now;
    assert_eq!(world.server.datagram(from, &mut packet, now), Arrived::Nothing);
    assert_eq!(world.server.stats().dropped, 1);
}

#[test]
fn a_stopped_line_takes_nothing() {
    let mut world = World::connected();
    let stream = world.client.negotiated().lines[0].stream.expect("it sends");
    let first = with_mid(header(111, 1, stream.ssrc), b"0");
    world.send_rtp(End::Client, &first, b"0", b"x");
    world.run(Duration::from_millis(20));
    assert!(world.received(End::Server)[0].0.track.is_some());
    let reoffer = world.client.reoffer(false).expect("it dialed");
    let quiet = reoffer.offer().replacen("a=sendrecv", "a=recvonly", 1);
    let now = world.now;
    world.server.redescribe(&quiet, now).expect("an offer");
    world.send_rtp(End::Client, &Header { sequence: 2, ..first }, b"0", b"x");
    world.run(Duration::from_millis(20));
    assert_eq!(world.received(End::Server)[0].0.track, None);
}
