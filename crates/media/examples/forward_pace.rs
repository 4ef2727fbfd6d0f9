//! How much processor time forwarding takes, without sockets: one sender, some receivers, frames of six packets and a voice.
//!
//! ```sh
//! cargo run --release -p centrale-media --example forward_pace -- 100 10      # receivers, seconds of media
//! ```
//!
//! Prints nanoseconds for each packet that a receiver got (reading, choosing, rewriting, sealing, reports and feedback), how many
//! packets left in one run, and the memory of a peer as the difference of resident memory before and after the joins.

#![expect(clippy::disallowed_methods, reason = "an example is a shell: it has a clock and looks at its own process")]

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_media::peer::{Arrived, Config, Host, OfferedLine, Output, Peer, RTCP_ROOM, RTP_ROOM};
use centrale_media::rtcp::write;
use centrale_media::rtp::{AudioLevel, Extensions, Header, MAX_HEADER};
use centrale_media::sdp::Kind;
use centrale_media::{Command, ConferenceId, Event, Mode, Rights, Settings, Sfu};
use centrale_model::{CallId, ParticipantId, Time};

const CONFERENCE: ConferenceId = ConferenceId(CallId::from_u128(1));

struct Client {
    peer: Peer,
    address: SocketAddr,
    got: u64,
    arrivals: Vec<(u16, i64)>,
    feedbacks: u8,
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (receivers, seconds) = (arguments.next().unwrap_or(100), arguments.next().unwrap_or(10));
    let sfu_address: SocketAddr = "203.0.113.7:3478".parse().expect("an address");
    let host = Arc::new(Host::new(vec![sfu_address], Instant::now()));
    let mut sfu = Sfu::new(Settings::new(host, [1; 32], 0));
    let client_host = Arc::new(Host::new(vec![], Instant::now()));
    let line = |kind, sends, receives| OfferedLine { kind, sends, receives, formats: vec![], rids: vec![] };
    let mut clients: Vec<Client> = Vec::new();
    let mut clock = Time::from_millis(1);
    let before = resident();
    for n in 0..=receivers {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&n.to_be_bytes());
        let is_sender = n == 0;
        let lines = [line(Kind::Audio, is_sender, !is_sender), line(Kind::Video, is_sender, !is_sender)];
        let dialing = Peer::dial(Config::new(client_host.clone(), seed), &lines);
        let participant = ParticipantId::from_u128(u128::from(n) + 1);
        sfu.command(
            Command::Join {
                conference: CONFERENCE,
                participant,
                epoch: 1,
                display_name: None,
                offer: dialing.offer().to_owned(),
                rights: Rights::ALL,
                mode: Mode::Forwarded,
                is_echo: false,
            },
            clock,
        );
        let answer = core::iter::from_fn(|| sfu.poll()).find_map(|event| match event {
            Event::Answered { answer, .. } => Some(answer),
            _ => None,
        });
        let peer = dialing.connect(&answer.expect("an answer"), clock).expect("an answer that fits");
        let address = SocketAddr::new([10, 0, (n >> 8) as u8, n as u8].into(), 4000);
        clients.push(Client { peer, address, got: 0, arrivals: Vec::new(), feedbacks: 0 });
    }
    let mut ours = Duration::ZERO;
    let joining = Instant::now();
    while clients.iter().any(|client| !client.peer.is_connected()) {
        clock = clock + Duration::from_millis(1);
        exchange(&mut sfu, &mut clients, clock, &mut ours);
        assert!(clock < Time::from_secs(60), "everybody connects");
    }
    let joining = joining.elapsed();
    let connected = resident();
    let (sender, codec) = {
        let lines = &clients[0].peer.negotiated().lines;
        (lines.clone(), [lines[0].codecs[0].payload_type, lines[1].codecs[0].payload_type])
    };
    let streams = [0, 1].map(|at| sender[at].stream.expect("a stream").ssrc);
    ours = Duration::ZERO;
    let (mut sequence, mut transport, mut runs, mut datagrams) = ([0u16; 2], 0u16, 0u64, 0u64);
    for clients in clients.iter_mut() {
        clients.got = 0;
    }
    let frames = seconds * 30;
    for frame in 0..frames {
        for tick in 0..33u64 {
            clock = clock + Duration::from_millis(1);
            let mut batch: Vec<Vec<u8>> = Vec::new();
            let mut send = |kind: usize, payload: Vec<u8>, timestamp: u64, is_marked: bool, level| {
                sequence[kind] = sequence[kind].wrapping_add(1);
                transport = transport.wrapping_add(1);
                let header = Header {
                    is_marked,
                    payload_type: codec[kind],
                    sequence: sequence[kind],
                    timestamp: timestamp as u32,
                    ssrc: streams[kind],
                    extensions: Extensions {
                        transport_sequence: Some(transport),
                        audio_level: level,
                        ..Extensions::default()
                    },
                };
                let mut packet = vec![0; MAX_HEADER + payload.len() + RTP_ROOM];
                let begin = header.write(&[], &sender[kind].extensions, &mut packet).expect("room");
                packet[begin..begin + payload.len()].copy_from_slice(&payload);
                let length = clients[0].peer.seal_rtp(&mut packet, begin + payload.len()).expect("connected");
                packet.truncate(length);
                batch.push(packet);
            };
            if tick == 0 {
                for n in 0..6u8 {
                    let is_key = frame % 300 == 1;
                    let mut payload = vec![if n == 0 { 0x90 } else { 0x80 }, 0xe0];
                    payload.extend_from_slice(&((frame as u16) | 0x8000).to_be_bytes());
                    payload.extend_from_slice(&[frame as u8, 0, u8::from(!is_key), 0, 0, 0x9d, 1, 0x2a, 0, 5, 0xd0, 2]);
                    payload.resize(1100, n);
                    send(1, payload, frame * 3000, n == 5, None);
                }
            }
            if (frame * 33 + tick).is_multiple_of(20) {
                let level = Some(AudioLevel { is_voice: true, below_full: 30 });
                send(0, vec![1; 100], (frame * 33 + tick) * 48, false, level);
            }
            let from = clients[0].address;
            let begin = Instant::now();
            for packet in &mut batch {
                sfu.datagram(from, packet, clock);
            }
            ours += begin.elapsed();
            let (r, d) = exchange(&mut sfu, &mut clients, clock, &mut ours);
            runs += r;
            datagrams += d;
        }
    }
    let got: u64 = clients[1..].iter().map(|client| client.got).sum();
    let expected = receivers * u64::from(sequence[0]) + receivers * u64::from(sequence[1]);
    println!("{receivers} receivers, {seconds} s: {got} of {expected} packets arrived");
    println!("{:.0} ns for each packet", ours.as_nanos() as f64 / got as f64);
    println!("{:.1} datagrams in a run", datagrams as f64 / runs as f64);
    println!("{:.1} ms for each join, both sides", joining.as_secs_f64() * 1000.0 / (receivers + 1) as f64);
    let peers = receivers as f64 + 1.0;
    println!("{:.1} KiB for each pair of peers at the end of the joins", (connected - before) / peers);
    println!("{:.1} KiB at the end", (resident() - before) / peers);
    println!("{:?}", sfu.stats());
}

/// Hands what the forwarder sends to the clients, and what they send to it, until nobody says anything at this moment.
fn exchange(sfu: &mut Sfu, clients: &mut [Client], now: Time, ours: &mut Duration) -> (u64, u64) {
    let (mut runs, mut datagrams) = (0, 0);
    loop {
        let mut out: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
        let begin = Instant::now();
        if sfu.timeout().is_some_and(|(at, _)| at <= now) {
            sfu.handle_timeout(now);
        }
        let mut copying = Duration::ZERO;
        sfu.transmits(now, |to, bytes, segment| {
            let begin = Instant::now();
            runs += 1;
            datagrams += bytes.len().div_ceil(segment) as u64;
            out.extend(bytes.chunks(segment).map(|bytes| (to, bytes.to_vec())));
            copying += begin.elapsed();
        });
        while sfu.poll().is_some() {}
        *ours += begin.elapsed() - copying;
        for (to, mut bytes) in out {
            let SocketAddr::V4(to) = to else { continue };
            let [_, _, high, low] = to.ip().octets();
            let client = &mut clients[usize::from(high) << 8 | usize::from(low)];
            if let Arrived::Rtp(rtp) =
                client.peer.datagram("203.0.113.7:3478".parse().expect("an address"), &mut bytes, now)
            {
                client.got += u64::from(rtp.track.is_some_and(|track| !track.is_repair));
                if let Some(number) = rtp.header.extensions.transport_sequence {
                    client.arrivals.push((number, (now.as_nanos() / 1000) as i64));
                }
            }
        }
        let mut has_said = false;
        for client in clients.iter_mut() {
            if client.peer.timeout().is_some_and(|(at, _)| at <= now) {
                client.peer.handle_timeout(now);
            }
            let mut said: Vec<Vec<u8>> = core::iter::from_fn(|| client.peer.poll())
                .filter_map(|output| match output {
                    Output::Transmit { bytes, .. } => Some(bytes),
                    _ => None,
                })
                .collect();
            if let (Some((first, _)), true) = (client.arrivals.first(), now.as_millis().is_multiple_of(100)) {
                let arrivals: Vec<Option<i64>> = client.arrivals.iter().map(|(_, at)| Some(*at)).collect();
                let mut compound = Vec::new();
                write::transport_feedback(&mut compound, 1, 2, client.feedbacks, *first, &arrivals);
                client.feedbacks = client.feedbacks.wrapping_add(1);
                client.arrivals.clear();
                let length = compound.len();
                compound.resize(length + RTCP_ROOM, 0);
                if let Some(length) = client.peer.seal_rtcp(&mut compound, length) {
                    compound.truncate(length);
                    said.push(compound);
                }
            }
            if said.is_empty() {
                continue;
            }
            has_said = true;
            let begin = Instant::now();
            for mut bytes in said {
                sfu.datagram(client.address, &mut bytes, now);
            }
            *ours += begin.elapsed();
        }
        if !has_said {
            return (runs, datagrams);
        }
    }
}

/// Resident memory in KiB (Linux).
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0.0)
}
