//! `media_description`, `media_packets`, `media_peer`: what a media processor reads before it knows whom it talks to.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use centrale_media::peer::{Arrived, Config, Host, OfferedLine, Output, Peer};
use centrale_media::rtcp::{self, Packet};
use centrale_media::rtp::{ExtensionIds, Header};
use centrale_media::sdp::Kind;
use centrale_model::Time;

use crate::reach::reached;

const OFFERS: [&str; 4] = [
    include_str!("../../crates/media/tests/offers/aiortc-1.16.sdp"),
    include_str!("../../crates/media/tests/offers/chromium-156.sdp"),
    include_str!("../../crates/media/tests/offers/firefox-esr.sdp"),
    include_str!("../../crates/media/tests/offers/whip-h264.sdp"),
];

/// Where the server is, and a client of it.
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 3478);
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7)), 4000);

fn config(seed: u8) -> Config {
    static HOST: OnceLock<Arc<Host>> = OnceLock::new();
    let host = HOST.get_or_init(|| Arc::new(Host::new(vec![SERVER], Instant::now())));
    Config::new(host.clone(), [seed; 32])
}

/// An offer, or a patch of a real one: two bytes of place, the text that is put there.
///
/// # Panics
/// When an offer that was taken cannot be given again, or its answer has a line that is none.
pub fn media_description(bytes: &[u8]) {
    let offer = match bytes {
        [which @ 0..=7, high, low, text @ ..] => {
            let offer = OFFERS[usize::from(which % 4)];
            let at = usize::from(u16::from_be_bytes([*high, *low])) % offer.len();
            let end = if *which < 4 { at } else { (at + text.len()).min(offer.len()) };
            [&offer.as_bytes()[..at], text, &offer.as_bytes()[end..]].concat()
        }
        _ => bytes.to_vec(),
    };
    let offer = String::from_utf8_lossy(&offer);
    let Ok((mut peer, answer)) = Peer::answer(config(1), &offer, Time::ZERO) else {
        return reached([("offers refused", 1), ("offers taken", 0)]);
    };
    reached([("offers refused", 0), ("offers taken", 1)]);
    assert!(answer.lines().all(|line| line.as_bytes().get(1) == Some(&b'=')), "{answer}");
    let again = peer.redescribe(&offer, Time::ZERO).expect("the same offer");
    assert_eq!(answer, again, "nothing changed");
    // A client that did not make this offer may be given the answer to it.
    let lines = [OfferedLine { kind: Kind::Audio, sends: true, receives: true, formats: Vec::new(), rids: Vec::new() }];
    let _ = Peer::dial(config(2), &lines).connect(&answer, Time::ZERO);
}

/// RTP and RTCP in plain.
///
/// # Panics
/// When a header does not survive being written and parsed.
pub fn media_packets(bytes: &[u8]) {
    let ids = ExtensionIds {
        audio_level: 1,
        mid: 2,
        rid: 3,
        repaired_rid: 4,
        transport_sequence: 5,
        absolute_send_time: 6,
        orientation: 7,
    };
    if let Ok((header, layout)) = Header::parse(bytes, &ids) {
        assert_eq!(layout.header + layout.payload + layout.padding, bytes.len());
        let mut out = vec![0; 2048];
        let length = header.write(bytes, &ids, &mut out).expect("there is room");
        let (again, _) = Header::parse(&out[..length], &ids).expect("what was written parses");
        assert_eq!((again.ssrc, again.sequence, again.timestamp), (header.ssrc, header.sequence, header.timestamp));
        assert_eq!(again.extensions.audio_level, header.extensions.audio_level);
        assert_eq!(again.extensions.transport_sequence, header.extensions.transport_sequence);
        let names = |header: &Header, of: &[u8]| {
            header.extensions.mid.map(|mid| mid.of(of).to_vec()).filter(|mid| !mid.is_empty())
        };
        assert_eq!(names(&again, &out), names(&header, bytes));
        reached([("RTP headers", 1)]);
    }
    for packet in rtcp::packets(bytes) {
        let parts = match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => reports.count(),
            Packet::Goodbye(ssrcs) => ssrcs.count(),
            Packet::Nack { missing, .. } => missing.count(),
            Packet::Fir(wishes) => wishes.count(),
            Packet::Remb(remb) => remb.ssrcs.count(),
            Packet::TransportFeedback(feedback) => feedback.arrivals().count(),
            Packet::Description | Packet::Pli { .. } | Packet::Unknown { .. } => 1,
        };
        reached([("RTCP packets", 1), ("parts of them", parts as u64)]);
    }
}

/// Two peers that connect while somebody in between drops, changes and adds datagrams: each byte of the input says what becomes
/// of the next one.
///
/// # Panics
/// When a peer does; when one is connected whose certificate nobody described is caught elsewhere.
pub fn media_peer(bytes: &[u8]) {
    let lines = [
        OfferedLine { kind: Kind::Audio, sends: true, receives: true, formats: Vec::new(), rids: Vec::new() },
        OfferedLine { kind: Kind::Data, sends: false, receives: false, formats: Vec::new(), rids: Vec::new() },
    ];
    let dialing = Peer::dial(config(3), &lines);
    let (mut server, answer) = Peer::answer(config(4), dialing.offer(), Time::ZERO).expect("our own offer");
    let mut client = dialing.connect(&answer, Time::ZERO).expect("our own answer");
    let mut plan = bytes.iter().copied();
    let mut now = Time::ZERO;
    for _ in 0..24 {
        let Some(step) = plan.next() else { break };
        now = now + std::time::Duration::from_millis(u64::from(step) * 4);
        client.handle_timeout(now);
        server.handle_timeout(now);
        for _ in 0..8 {
            let moved = carry(&mut client, &mut server, CLIENT, now, &mut plan)
                | carry(&mut server, &mut client, SERVER, now, &mut plan);
            if !moved {
                break;
            }
        }
    }
    reached([("connected", u64::from(client.is_connected())), ("not connected", u64::from(!client.is_connected()))]);
}

fn carry(from: &mut Peer, to: &mut Peer, source: SocketAddr, now: Time, plan: &mut impl Iterator<Item = u8>) -> bool {
    let mut moved = false;
    while let Some(output) = from.poll() {
        let Output::Transmit { mut bytes, .. } = output else { continue };
        moved = true;
        match plan.next().unwrap_or(0) {
            0..=159 => {}
            160..=191 => continue,
            192..=223 => {
                let at = usize::from(plan.next().unwrap_or(0)) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= plan.next().unwrap_or(1);
                }
            }
            224..=239 => bytes.truncate(usize::from(plan.next().unwrap_or(0))),
            240..=255 => {
                let mut other: Vec<u8> = plan.take(20).collect();
                let _ = to.datagram(source, &mut other, now);
            }
        }
        assert!(!matches!(to.datagram(source, &mut bytes, now), Arrived::Rtp(_)), "nobody sent RTP");
    }
    moved
}

pub(crate) fn descriptions() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = (0..4).map(|which| vec![which, 0, 0]).collect();
    let patches = [
        "a=rid:x send\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        "a=ssrc-group:FID 1 2\r\n",
        "a=extmap:1/sendonly urn:x\r\n",
    ];
    seeds.extend(
        patches.iter().enumerate().map(|(n, patch)| [&[n as u8 % 4, n as u8, 77][..], patch.as_bytes()].concat()),
    );
    seeds
}

pub(crate) fn packets() -> Vec<Vec<u8>> {
    let header = [
        0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 3, 0x10, 0x85, 0x51, 0, 9, 0x20, b'0', 0x62, 1, 2, 3,
        0,
    ];
    let mut compound = Vec::new();
    rtcp::write::receiver_report(&mut compound, 1, &[rtcp::Report::default(); 2]);
    rtcp::write::nack(&mut compound, 1, 2, &[1, 2, 30]);
    rtcp::write::remb(&mut compound, 1, 1_000_000, &[2, 3]);
    rtcp::write::fir(&mut compound, 1, 2, 3);
    let mut feedback = Vec::new();
    rtcp::write::transport_feedback(&mut feedback, 1, 2, 3, 4, &[Some(0), None, Some(500), Some(90_000)]);
    rtcp::write::goodbye(&mut feedback, &[1, 2]);
    vec![header.to_vec(), compound, feedback]
}

pub(crate) fn plans() -> Vec<Vec<u8>> {
    vec![vec![0; 64], vec![25; 64], (0..=255).collect(), [0, 0, 0, 0, 200, 3, 1, 0, 0, 250, 0x80, 0, 0].to_vec()]
}
