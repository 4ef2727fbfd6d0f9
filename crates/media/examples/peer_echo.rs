//! A server of a few hundred lines around [`Peer`]: gives back to each client what it sends. For tests against other stacks.
//!
//! ```sh
//! cargo run -p centrale-media --example peer_echo            # prints its address
//! tests/interop/browser.py chromium path/to/peer_echo        # or aiortc_client.py, or open the address in a browser
//! ```
//!
//! Arguments: the IP address for media, the address for HTTP; both default to loopback.
//! `POST /offer` is answered with an answer, `POST /again` is for the last client's next offer, `GET /stats` says what was seen.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a shell: it has sockets and a clock"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_media::peer::{Arrived, Config, Host, Output, Peer, RTCP_ROOM, RTP_ROOM, Rtp, stun_username};
use centrale_media::rtcp;
use centrale_media::rtp::{Extensions, Header, MAX_HEADER};
use centrale_media::sdp::Kind;
use centrale_model::Time;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../tests/interop/page.html");

/// How often a key frame is asked for of every picture.
const KEY_FRAMES: Duration = Duration::from_secs(2);

/// How often it is told when packets came.
const FEEDBACK: Duration = Duration::from_millis(50);

fn main() -> std::io::Result<()> {
    let argument = |nth, or: &str| std::env::args().nth(nth).unwrap_or_else(|| or.to_owned());
    let udp = UdpSocket::bind((argument(1, "127.0.0.1"), 0))?;
    udp.set_read_timeout(Some(Duration::from_millis(2)))?;
    let tcp = TcpListener::bind(argument(2, "127.0.0.1:0"))?;
    tcp.set_nonblocking(true)?;
    println!("http://{}", tcp.local_addr()?);
    let epoch = Instant::now();
    let host = Arc::new(Host::new(vec![udp.local_addr()?], epoch));
    let mut server = Server { udp, host, epoch, seats: Vec::new(), addresses: BTreeMap::new(), rtcp: Vec::new() };
    let mut buffer = vec![0; 2048];
    loop {
        if let Ok((stream, _)) = tcp.accept() {
            let _ = server.serve(stream);
        }
        if let Ok((length, from)) = server.udp.recv_from(&mut buffer) {
            server.datagram(from, &mut buffer[..length]);
        }
        server.timers();
    }
}

struct Server {
    udp: UdpSocket,
    host: Arc<Host>,
    epoch: Instant,
    seats: Vec<Seat>,
    addresses: BTreeMap<SocketAddr, usize>,
    rtcp: Vec<u8>,
}

struct Seat {
    peer: Peer,
    asked: Time,
    /// For each sending line: how many packets were sent, and the SSRC of what it plays back.
    sending: BTreeMap<u8, (u16, u32)>,
    /// Packets of each line, layer and kind.
    tracks: BTreeMap<String, u64>,
    /// SSRCs of pictures, by layer.
    pictures: BTreeMap<u32, ()>,
    events: Vec<String>,
    messages: u64,
    reports: u64,
    /// When packets came that no feedback has named, in microseconds, by transport sequence number; and the feedbacks so far.
    arrivals: BTreeMap<u16, i64>,
    feedbacks: u8,
    /// A stream that feedback may name.
    source: u32,
    fed_back: Time,
}

impl Server {
    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut request = Vec::new();
        let mut chunk = [0; 16_384];
        let (head, body) = loop {
            let length = stream.read(&mut chunk)?;
            request.extend_from_slice(&chunk[..length]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                if length == 0 {
                    return Ok(());
                }
                continue;
            };
            let length_line = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
            let wanted: usize = length_line.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
            if body.len() >= wanted || length == 0 {
                break (head.to_owned(), body.to_owned());
            }
        };
        let (kind, answer) = match head.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["POST", "/offer"] => ("application/sdp", self.offer(&body)),
            ["POST", "/again"] => ("application/sdp", self.again(&body)),
            ["POST", "/report"] => {
                println!("{body}");
                ("text/plain", String::new())
            }
            ["GET", "/stats"] => ("application/json", self.stats().to_string()),
            _ => ("text/html", PAGE.to_owned()),
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )
    }

    fn offer(&mut self, offer: &str) -> String {
        let mut seed = [0; 32];
        let filled = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed));
        filled.expect("the system has chance");
        match Peer::answer(Config::new(self.host.clone(), seed), offer, self.now()) {
            Ok((peer, answer)) => {
                self.seats.push(Seat {
                    peer,
                    asked: Time::ZERO,
                    sending: BTreeMap::new(),
                    tracks: BTreeMap::new(),
                    pictures: BTreeMap::new(),
                    events: Vec::new(),
                    messages: 0,
                    reports: 0,
                    arrivals: BTreeMap::new(),
                    feedbacks: 0,
                    source: 0,
                    fed_back: Time::ZERO,
                });
                answer
            }
            Err(error) => format!("error: {error}"),
        }
    }

    /// Another offer of the client that came last.
    fn again(&mut self, offer: &str) -> String {
        let now = self.now();
        let Some(seat) = self.seats.last_mut() else { return "error: nobody is here".to_owned() };
        seat.peer.redescribe(offer, now).unwrap_or_else(|error| format!("error: {error}"))
    }

    fn stats(&self) -> Value {
        let seats = self.seats.iter().map(|seat| {
            let stats = seat.peer.stats();
            json!({
                "connected": seat.peer.is_connected(),
                "tracks": seat.tracks,
                "events": seat.events,
                "messages": seat.messages,
                "reports": seat.reports,
                "refused": stats.rtp_refused + stats.rtcp_refused,
                "replayed": stats.rtp_replayed,
                "dropped": stats.dropped,
            })
        });
        Value::Array(seats.collect())
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &mut [u8]) {
        let now = self.now();
        let known = self.addresses.get(&from).copied();
        let place = known.or_else(|| {
            let ufrag = stun_username(bytes)?;
            self.seats.iter().position(|seat| seat.peer.ufrag() == ufrag)
        });
        let Some(place) = place else { return };
        let seat = &mut self.seats[place];
        match seat.peer.datagram(from, bytes, now) {
            Arrived::Rtp(rtp) => {
                if let Some(sequence) = rtp.header.extensions.transport_sequence {
                    seat.source = rtp.header.ssrc;
                    seat.arrivals.insert(sequence, (now.as_nanos() / 1000) as i64);
                }
                seat.echo(&self.udp, &rtp, bytes);
            }
            Arrived::Rtcp { begin, end } => seat.reports += rtcp::packets(&bytes[begin..end]).count() as u64,
            Arrived::Nothing => {}
        }
        self.drain(place);
    }

    fn timers(&mut self) {
        let now = self.now();
        for place in 0..self.seats.len() {
            let seat = &mut self.seats[place];
            if seat.peer.timeout().is_some_and(|(at, _)| at <= now) {
                seat.peer.handle_timeout(now);
            }
            if now - seat.fed_back > FEEDBACK {
                seat.fed_back = now;
                seat.feed_back(&self.udp, &mut self.rtcp);
            }
            if now - seat.asked > KEY_FRAMES {
                seat.asked = now;
                seat.ask(&self.udp, &mut self.rtcp);
            }
            self.drain(place);
        }
    }

    fn drain(&mut self, place: usize) {
        let now = self.now();
        let seat = &mut self.seats[place];
        while let Some(output) = seat.peer.poll() {
            match output {
                Output::Transmit { to, bytes } => drop(self.udp.send_to(&bytes, to)),
                Output::Reachable(address) => drop(self.addresses.insert(address, place)),
                Output::Forgotten(address) => drop(self.addresses.remove(&address)),
                Output::ChannelMessage { channel, message } => {
                    seat.messages += 1;
                    let _ = seat.peer.send(channel, message.is_text, &message.bytes, now);
                }
                Output::ChannelOpened(opened) => {
                    seat.events.push(format!("opened {} {}", opened.channel.0, opened.label))
                }
                other => seat.events.push(format!("{other:?}")),
            }
        }
    }
}

impl Seat {
    /// Gives a packet back: on the first m-line of its kind that sends. Of layers only the first is given back.
    fn echo(&mut self, udp: &UdpSocket, rtp: &Rtp, bytes: &[u8]) {
        let Some(track) = rtp.track else {
            *self.tracks.entry("unknown".to_owned()).or_default() += 1;
            return;
        };
        let agreed = self.peer.negotiated().clone();
        let line = &agreed.lines[usize::from(track.line.0)];
        let layer = track.rid.map_or("", |rid| &*line.rids[usize::from(rid.0)]);
        let name = format!("{}{layer}{}", line.mid, if track.is_repair { " repair" } else { "" });
        *self.tracks.entry(name).or_default() += 1;
        if line.kind == Kind::Video && !track.is_repair {
            self.pictures.insert(rtp.header.ssrc, ());
        }
        if track.is_repair || track.rid.is_some_and(|rid| rid.0 != 0) || rtp.layout.payload == 0 {
            return;
        }
        let Some(to) = agreed.lines.iter().position(|other| other.kind == line.kind && other.sends) else { return };
        let out = &agreed.lines[to];
        let Some((codec, _)) = line.codec(rtp.header.payload_type) else { return };
        let (Some(codec), Some(stream), Some(path)) = (out.codec_for(&codec.format), out.stream, self.peer.path())
        else {
            return;
        };
        let (offset, source) = *self.sending.entry(to as u8).or_insert((rtp.header.sequence, rtp.header.ssrc));
        if source != rtp.header.ssrc {
            return;
        }
        let header = Header {
            ssrc: stream.ssrc,
            payload_type: codec.payload_type,
            sequence: rtp.header.sequence.wrapping_sub(offset).wrapping_add(1000),
            extensions: Extensions { audio_level: rtp.header.extensions.audio_level, ..Default::default() },
            ..rtp.header
        };
        let mut buffer = [0; 2048];
        let Some(length) = header.write(&[], &agreed.extensions, &mut buffer[..MAX_HEADER]) else { return };
        let payload = &bytes[rtp.payload()];
        buffer[length..length + payload.len()].copy_from_slice(payload);
        let length = length + payload.len();
        if let Some(length) = self.peer.seal_rtp(&mut buffer[..length + RTP_ROOM], length) {
            let _ = udp.send_to(&buffer[..length], path);
        }
    }

    /// Tells when packets came. Wraps of the sequence number are taken for a fresh beginning, which costs one feedback.
    fn feed_back(&mut self, udp: &UdpSocket, rtcp: &mut Vec<u8>) {
        let Some(path) = self.peer.path() else { return };
        let arrivals = core::mem::take(&mut self.arrivals);
        let (Some((first, _)), Some((last, _))) = (arrivals.first_key_value(), arrivals.last_key_value()) else {
            return;
        };
        if last - first > 300 {
            return;
        }
        let all: Vec<Option<i64>> = (*first..=*last).map(|sequence| arrivals.get(&sequence).copied()).collect();
        rtcp.clear();
        rtcp::write::transport_feedback(rtcp, 1, self.source, self.feedbacks, *first, &all);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        self.seal_and_send(udp, rtcp, path);
    }

    fn seal_and_send(&mut self, udp: &UdpSocket, rtcp: &mut Vec<u8>, path: SocketAddr) {
        let length = rtcp.len();
        rtcp.resize(length + RTCP_ROOM, 0);
        if let Some(length) = self.peer.seal_rtcp(rtcp, length) {
            let _ = udp.send_to(&rtcp[..length], path);
        }
    }

    /// Asks for key frames of everything that shows pictures.
    fn ask(&mut self, udp: &UdpSocket, rtcp: &mut Vec<u8>) {
        let Some(path) = self.peer.path() else { return };
        rtcp.clear();
        rtcp::write::receiver_report(rtcp, 1, &[]);
        for ssrc in self.pictures.keys() {
            rtcp::write::pli(rtcp, 1, *ssrc);
        }
        self.seal_and_send(udp, rtcp, path);
    }
}
