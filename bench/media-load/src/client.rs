//! One peer connection on a socket of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_media::peer::{Arrived, Config, Dialing, Host, OfferedLine, Output, Peer, RTCP_ROOM};
use centrale_media::rtcp::{Packet, Report, SenderInfo, packets, write};
use centrale_media::sdp::{Format, Kind};
use centrale_model::Time;
use mio::net::UdpSocket;
use socket2::{Domain, Socket, Type};

use crate::arrivals::Arrivals;
use crate::figures::Delays;
use crate::incoming::Incoming;
use crate::outgoing::{Outgoing, Shape};

const OPUS: Format = Format::Opus { is_stereo: false, has_fec: true, has_dtx: false };

const ASK_EVERY: Duration = Duration::from_millis(10);
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What a client is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Sends one voice and, perhaps, pictures.
    Publisher { has_video: bool },
    /// Receives so many of each.
    Subscriber { voices: usize, videos: usize },
}

/// A client before its peer connection is described by both sides.
pub(crate) struct Fresh {
    pub(crate) socket: UdpSocket,
    config: Config,
}

pub(crate) struct Client {
    pub(crate) peer: Peer,
    socket: UdpSocket,
    pub(crate) outgoing: Vec<Outgoing>,
    pub(crate) incoming: BTreeMap<u32, Incoming>,
    arrivals: Arrivals,
    number: u16,
    /// Share of received packets to lose, of 65,536.
    loss: u32,
    chance: u64,
    pub(crate) lost: u64,
    next_ask: Time,
    next_report: Time,
    /// When the join began.
    pub(crate) began: Time,
    pub(crate) connected_at: Option<Time>,
    pub(crate) first_at: Option<Time>,
    pub(crate) is_closed: bool,
    /// Packets of streams that no description announced.
    pub(crate) unknown: u64,
    pub(crate) padding: u64,
}

impl Fresh {
    /// - `zero`: the beginning of the run's time.
    pub(crate) fn new(ip: IpAddr, number: u64, zero: Instant) -> io::Result<Fresh> {
        let socket = Socket::new(Domain::for_address(SocketAddr::new(ip, 0)), Type::DGRAM.nonblocking(), None)?;
        // A whole second of pictures: what a busy generator reads late is not lost.
        socket.set_recv_buffer_size(1 << 20)?;
        socket.bind(&SocketAddr::new(ip, 0).into())?;
        let socket = UdpSocket::from_std(socket.into());
        let host = Arc::new(Host::new(vec![socket.local_addr()?], zero));
        let mut seed = [0x5A; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        seed[8..16].copy_from_slice(&u64::from(std::process::id()).to_be_bytes());
        let mut config = Config::new(host, seed);
        config.has_control = false;
        Ok(Fresh { socket, config })
    }

    /// Writes an offer.
    pub(crate) fn dial(&self, part: Part) -> Dialing {
        let line = |kind, sends: bool| OfferedLine {
            kind,
            sends,
            receives: !sends,
            formats: vec![if kind == Kind::Audio { OPUS } else { Format::Vp8 }],
            rids: vec![],
        };
        let lines: Vec<OfferedLine> = match part {
            Part::Publisher { has_video } => {
                let video = has_video.then(|| line(Kind::Video, true));
                std::iter::once(line(Kind::Audio, true)).chain(video).collect()
            }
            Part::Subscriber { voices, videos } => {
                let voices = (0..voices).map(|_| line(Kind::Audio, false));
                voices.chain((0..videos).map(|_| line(Kind::Video, false))).collect()
            }
        };
        Peer::dial(self.config.clone(), &lines)
    }

    /// Answers a server that offers.
    pub(crate) fn answer(&self, offer: &str, now: Time) -> io::Result<(Peer, String)> {
        Peer::answer(self.config.clone(), offer, now).map_err(io::Error::other)
    }

    pub(crate) fn with(self, peer: Peer, publisher: u16, shape: Shape, loss: f64, began: Time) -> Client {
        Client {
            outgoing: Outgoing::all(&peer, publisher, shape),
            peer,
            socket: self.socket,
            incoming: BTreeMap::new(),
            arrivals: Arrivals::default(),
            number: 0,
            loss: (loss / 100.0 * 65_536.0) as u32,
            chance: 0x1234_5678_9abc_def1 ^ u64::from(publisher),
            lost: 0,
            next_ask: Time::ZERO,
            next_report: Time::ZERO,
            began,
            connected_at: None,
            first_at: None,
            is_closed: false,
            unknown: 0,
            padding: 0,
        }
    }
}

impl Client {
    pub(crate) fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Takes everything that has arrived.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], delays: &mut Delays, zero: Instant) {
        while let Ok((length, from)) = self.socket.recv_from(buffer) {
            let now = Time::from_nanos(zero.elapsed().as_nanos() as u64);
            self.take(from, &mut buffer[..length], delays, now);
        }
    }

    fn take(&mut self, from: SocketAddr, bytes: &mut [u8], delays: &mut Delays, now: Time) {
        let is_media = bytes.first().is_some_and(|first| first >> 6 == 2);
        if self.loss > 0 && is_media && self.is_unlucky() {
            self.lost += 1;
            return;
        }
        match self.peer.datagram(from, bytes, now) {
            Arrived::Rtp(rtp) => {
                if let Some(number) = rtp.header.extensions.transport_sequence {
                    self.arrivals.note(number, now);
                }
                self.first_at.get_or_insert(now);
                let Some(track) = rtp.track else {
                    self.unknown += 1;
                    return;
                };
                let line = &self.peer.negotiated().lines[usize::from(track.line.0)];
                let payload = &bytes[rtp.payload()];
                let (ssrc, number, payload) = match track.is_repair {
                    false => (rtp.header.ssrc, rtp.header.sequence, payload),
                    true if payload.len() <= 2 => {
                        self.padding += 1;
                        return;
                    }
                    true => {
                        let of = line.announced.iter().find(|one| one.rtx == Some(rtp.header.ssrc));
                        let Some(of) = of else { return };
                        (of.ssrc, u16::from_be_bytes([payload[0], payload[1]]), &payload[2..])
                    }
                };
                let kind = line.kind;
                let stream = self.incoming.entry(ssrc).or_insert_with(|| Incoming::new(kind, ssrc));
                if let Some(delay) = stream.take(&rtp.header, number, payload, track.is_repair, now) {
                    delays.note(delay);
                }
            }
            Arrived::Rtcp { begin, end } => {
                let compound = bytes[begin..end].to_vec();
                self.take_rtcp(&compound);
            }
            Arrived::Nothing => self.drain(now),
        }
    }

    fn is_unlucky(&mut self) -> bool {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.chance >> 40) & 0xFFFF) < u64::from(self.loss)
    }

    fn take_rtcp(&mut self, compound: &[u8]) {
        for packet in packets(compound) {
            match packet {
                Packet::Pli { media } => self.want_key(media),
                Packet::Fir(requests) => {
                    for (media, _) in requests {
                        self.want_key(media);
                    }
                }
                Packet::Nack { media, missing } => {
                    let Client { peer, outgoing, socket, number, .. } = self;
                    let Some(to) = peer.path() else { return };
                    let Some(stream) = outgoing.iter_mut().find(|stream| stream.ssrc == media) else { continue };
                    for missed in missing {
                        stream.repeat(peer, missed, number, &mut |bytes: &[u8]| drop(socket.send_to(bytes, to)));
                    }
                }
                _ => {}
            }
        }
    }

    fn want_key(&mut self, media: u32) {
        for stream in self.outgoing.iter_mut().filter(|stream| stream.ssrc == media) {
            stream.wants_key = true;
        }
    }

    /// What time has brought.
    pub(crate) fn tick(&mut self, now: Time) {
        if self.peer.timeout().is_some_and(|(at, _)| at <= now) {
            self.peer.handle_timeout(now);
        }
        self.drain(now);
        if !self.peer.is_connected() {
            return;
        }
        self.connected_at.get_or_insert(now);
        let Some(to) = self.peer.path() else { return };
        let Client { peer, outgoing, socket, number, .. } = self;
        for stream in outgoing.iter_mut().filter(|stream| stream.due().is_none_or(|at| at <= now)) {
            stream.send(peer, number, now, &mut |bytes: &[u8]| drop(socket.send_to(bytes, to)));
        }
        if self.arrivals.due().is_some_and(|at| at <= now) {
            let mut out = Vec::new();
            self.arrivals.report(&mut out);
            self.send_rtcp(&out, to);
        }
        if self.loss > 0 && now >= self.next_ask {
            self.next_ask = now + ASK_EVERY;
            self.ask(to, now);
        }
        if now >= self.next_report {
            self.next_report = now + REPORT_EVERY;
            self.report(to, now);
        }
    }

    fn ask(&mut self, to: SocketAddr, now: Time) {
        let mut out = Vec::new();
        for stream in self.incoming.values_mut().filter(|stream| stream.kind == Kind::Video) {
            let missing = stream.missing(now);
            if !missing.is_empty() {
                write::nack(&mut out, 1, stream.ssrc, &missing);
            }
        }
        self.send_rtcp(&out, to);
    }

    fn report(&mut self, to: SocketAddr, now: Time) {
        let mut out = Vec::new();
        for stream in &self.outgoing {
            let ntp = ((u128::from(now.as_nanos()) << 32) / 1_000_000_000) as u64;
            let info = SenderInfo { ntp, timestamp: stream.timestamp(), packets: stream.packets as u32, bytes: 0 };
            write::sender_report(&mut out, stream.ssrc, &info, &[]);
        }
        let reports: Vec<Report> = self
            .incoming
            .values_mut()
            .map(|stream| {
                let (highest_sequence, fraction_lost) = stream.report();
                Report { ssrc: stream.ssrc, fraction_lost, highest_sequence, ..Report::default() }
            })
            .collect();
        if out.is_empty() || !reports.is_empty() {
            write::receiver_report(&mut out, 1, &reports[..reports.len().min(31)]);
        }
        self.send_rtcp(&out, to);
    }

    fn send_rtcp(&mut self, compound: &[u8], to: SocketAddr) {
        if compound.is_empty() {
            return;
        }
        let mut buffer = vec![0; compound.len() + RTCP_ROOM];
        buffer[..compound.len()].copy_from_slice(compound);
        if let Some(length) = self.peer.seal_rtcp(&mut buffer, compound.len()) {
            let _ = self.socket.send_to(&buffer[..length], to);
        }
    }

    fn drain(&mut self, _now: Time) {
        while let Some(output) = self.peer.poll() {
            match output {
                Output::Transmit { to, bytes } => drop(self.socket.send_to(&bytes, to)),
                Output::Closed(_) => self.is_closed = true,
                _ => {}
            }
        }
    }
}
