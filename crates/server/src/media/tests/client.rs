//! A client: one socket, one peer connection, a voice and pictures that say whose they are.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_media::peer::{Arrived, Config, Dialing, Host, OfferedLine, Output, Peer, RTP_ROOM, Reoffer};
use centrale_media::rtp::{Header, MAX_HEADER};
use centrale_media::sdp::Kind;
use centrale_model::Time;

/// Packets of a picture, and bytes of each: less than a path is taken to carry that says nothing of itself.
const PICTURE: (usize, usize) = (2, 500);

pub(super) struct Client {
    peer: Peer,
    socket: UdpSocket,
    zero: Instant,
    number: u8,
    server: SocketAddr,
    next: Time,
    sequences: [u16; 2],
    ticks: u32,
    /// Packets of others' voices.
    pub(super) voices: usize,
    /// Packets of others' pictures.
    pub(super) pictures: usize,
    /// Packets with our own content, or none.
    pub(super) strangers: usize,
    pub(super) is_closed: bool,
}

impl Client {
    pub(super) fn dial(number: u8) -> Dialing {
        let host = Arc::new(Host::new(vec![], Instant::now()));
        let line = |kind| OfferedLine { kind, sends: true, receives: true, formats: vec![], rids: vec![] };
        let mut seed = [number; 32];
        seed[..8].copy_from_slice(&(Arc::as_ptr(&host) as u64).to_le_bytes());
        Peer::dial(Config::new(host, seed), &[line(Kind::Audio), line(Kind::Video), line(Kind::Data)])
    }

    pub(super) fn connect(dialing: Dialing, number: u8, answer: &str) -> Client {
        let zero = Instant::now();
        let peer = dialing.connect(answer, Time::ZERO).expect("an answer that fits");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not wait");
        let candidate = answer.lines().find_map(|line| line.strip_prefix("a=candidate:")).expect("a candidate");
        let words: Vec<&str> = candidate.split(' ').collect();
        let server = SocketAddr::new(words[4].parse().expect("an address"), words[5].parse().expect("a port"));
        Client {
            peer,
            socket,
            zero,
            number,
            server,
            next: Time::ZERO,
            sequences: [0; 2],
            ticks: 0,
            voices: 0,
            pictures: 0,
            strangers: 0,
            is_closed: false,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.peer.is_connected()
    }

    /// The offer of an ICE restart.
    pub(super) fn reoffer(&mut self) -> Reoffer {
        self.peer.reoffer(true).expect("a peer that dialed")
    }

    /// Takes the server's new credentials, in the answer that it gave before.
    pub(super) fn restart(&mut self, reoffer: Reoffer, answer: &str, ufrag: &str, password: &str) {
        let mut changed = String::new();
        for line in answer.lines() {
            changed += &match line.split_once(':') {
                Some(("a=ice-ufrag", _)) => format!("a=ice-ufrag:{ufrag}\r\n"),
                Some(("a=ice-pwd", _)) => format!("a=ice-pwd:{password}\r\n"),
                _ => format!("{line}\r\n"),
            };
        }
        let now = Time::from_nanos(self.zero.elapsed().as_nanos() as u64);
        self.peer.reconnect(reoffer, &changed, now).expect("an answer that fits");
    }

    pub(super) fn server_port(&self) -> u16 {
        self.server.port()
    }

    fn turn(&mut self) {
        let now = Time::from_nanos(self.zero.elapsed().as_nanos() as u64);
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            self.take(from, &mut buffer[..length], now);
        }
        if self.peer.timeout().is_some_and(|(at, _)| at <= now) {
            self.peer.handle_timeout(now);
        }
        if self.peer.is_connected() && self.next <= now {
            self.next = now + Duration::from_millis(20);
            self.ticks += 1;
            self.send(Kind::Audio, 1, 80);
            self.send(Kind::Video, PICTURE.0, PICTURE.1);
        }
        while let Some(output) = self.peer.poll() {
            match output {
                Output::Transmit { to, bytes } => drop(self.socket.send_to(&bytes, to)),
                Output::Closed(_) => self.is_closed = true,
                _ => {}
            }
        }
    }

    fn take(&mut self, from: SocketAddr, bytes: &mut [u8], now: Time) {
        let Arrived::Rtp(rtp) = self.peer.datagram(from, bytes, now) else { return };
        let Some(track) = rtp.track.filter(|track| !track.is_repair) else { return };
        let payload = &bytes[rtp.payload()];
        let is_of_another = payload.last().is_some_and(|last| *last != self.number);
        match self.peer.negotiated().lines[usize::from(track.line.0)].kind {
            Kind::Audio if is_of_another => self.voices += 1,
            Kind::Video if is_of_another => self.pictures += 1,
            _ => self.strangers += 1,
        }
    }

    fn send(&mut self, kind: Kind, packets: usize, bytes: usize) {
        let lines = &self.peer.negotiated().lines;
        let Some(line) = lines.iter().find(|line| line.kind == kind && line.sends) else { return };
        let (codec, stream) = (line.codecs.first().expect("a codec"), line.stream.expect("a stream"));
        let (payload_type, ssrc, ids) = (codec.payload_type, stream.ssrc, self.peer.negotiated().extensions);
        let is_video = kind == Kind::Video;
        for packet in 0..packets {
            let sequence = &mut self.sequences[usize::from(is_video)];
            *sequence = sequence.wrapping_add(1);
            let header = Header {
                is_marked: is_video && packet + 1 == packets,
                payload_type,
                sequence: *sequence,
                timestamp: self.ticks * if is_video { 1800 } else { 960 },
                ssrc,
                ..Header::default()
            };
            let mut payload = vec![self.number; bytes];
            if is_video {
                // A VP8 descriptor with a picture number; each picture is a key picture of 640x360.
                let picture = (self.ticks as u16 | 0x8000).to_be_bytes();
                let first = if packet == 0 { 0x90 } else { 0x80 };
                payload[..4].copy_from_slice(&[first, 0x80, picture[0], picture[1]]);
                payload[4..14].copy_from_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
            }
            let mut buffer = vec![0; MAX_HEADER + bytes + RTP_ROOM];
            let begin = header.write(&[], &ids, &mut buffer).expect("room");
            buffer[begin..begin + bytes].copy_from_slice(&payload);
            if let (Some(length), Some(to)) = (self.peer.seal_rtp(&mut buffer, begin + bytes), self.peer.path()) {
                let _ = self.socket.send_to(&buffer[..length], to);
            }
        }
    }
}

/// Lets clients live until something is true.
pub(super) fn drive(clients: &mut [Client], patience: Duration, is_so: impl Fn(&[Client]) -> bool) {
    let end = Instant::now() + patience;
    while !is_so(clients) {
        assert!(
            Instant::now() < end,
            "it did not come true: {:?}",
            clients.iter().map(|one| (one.peer.is_connected(), one.voices, one.pictures)).collect::<Vec<_>>()
        );
        clients.iter_mut().for_each(Client::turn);
        std::thread::yield_now();
    }
}
