//! A conference in a few hundred lines around [`Sfu`]: whoever posts an offer is in it. For tests with browsers.
//!
//! ```sh
//! cargo run -p centrale-media --example room                  # prints its address
//! tests/interop/room.py path/to/room                          # Chromium as three people; or open the address in a browser
//! ```
//!
//! Arguments: the IP address for media, the address for HTTP; both default to loopback. `POST /join/<number>/<mode>` is answered with an
//! answer, `GET /stats` says what was counted.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a shell: it has sockets and a clock"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_media::peer::Host;
use centrale_media::{Command, ConferenceId, Event, Mode, Rights, Settings, Sfu};
use centrale_model::{CallId, ParticipantId, Time};

const PAGE: &str = include_str!("../tests/interop/room.html");
const CONFERENCE: ConferenceId = ConferenceId(CallId::from_u128(1));

fn main() -> std::io::Result<()> {
    let argument = |nth, or: &str| std::env::args().nth(nth).unwrap_or_else(|| or.to_owned());
    let udp = UdpSocket::bind((argument(1, "127.0.0.1"), 0))?;
    udp.set_read_timeout(Some(Duration::from_millis(2)))?;
    let tcp = TcpListener::bind(argument(2, "127.0.0.1:0"))?;
    tcp.set_nonblocking(true)?;
    println!("http://{}", tcp.local_addr()?);
    let epoch = Instant::now();
    let host = Arc::new(Host::new(vec![udp.local_addr()?], epoch));
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut room = Room { udp, epoch, sfu: Sfu::new(Settings::new(host, seed, 0)), events: Vec::new() };
    let mut buffer = vec![0; 2048];
    loop {
        if let Ok((stream, _)) = tcp.accept() {
            let _ = room.serve(stream);
        }
        // A batch: what is there now, at most a hundred.
        if let Ok((length, from)) = room.udp.recv_from(&mut buffer) {
            room.sfu.datagram(from, &mut buffer[..length], room.now());
            room.udp.set_nonblocking(true)?;
            for _ in 0..100 {
                let Ok((length, from)) = room.udp.recv_from(&mut buffer) else { break };
                room.sfu.datagram(from, &mut buffer[..length], room.now());
            }
            room.udp.set_nonblocking(false)?;
        }
        room.turn();
    }
}

struct Room {
    udp: UdpSocket,
    epoch: Instant,
    sfu: Sfu,
    events: Vec<Event>,
}

impl Room {
    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn turn(&mut self) {
        self.send();
        let now = self.now();
        if self.sfu.timeout().is_some_and(|(at, _)| at <= now) {
            self.sfu.handle_timeout(now);
            self.send();
        }
        while let Some(mut job) = self.sfu.job() {
            let begin = Instant::now();
            job.run(now);
            self.sfu.done(job, begin.elapsed(), now);
            self.send();
        }
        while let Some(event) = self.sfu.poll() {
            self.events.push(event);
        }
    }

    fn send(&mut self) {
        let now = self.now();
        let udp = &self.udp;
        self.sfu.transmits(now, |to, bytes, segment| {
            for datagram in bytes.chunks(segment) {
                let _ = udp.send_to(datagram, to);
            }
        });
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
            if length == 0 {
                return Ok(());
            }
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let named =
                head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
            let wanted: usize = named.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
            if body.len() >= wanted {
                break (head.to_owned(), body.to_owned());
            }
        };
        let path: Vec<&str> = head.split(' ').nth(1).unwrap_or_default().split('/').skip(1).collect();
        let (kind, answer) = match path[..] {
            ["join", number, mode] => ("application/sdp", self.join(number.parse().unwrap_or(0), mode, body)),
            ["report"] => {
                println!("{body}");
                ("text/plain", String::new())
            }
            ["stats"] => ("text/plain", format!("{:?}\n{:?}\n", self.sfu.stats(), self.events)),
            _ => ("text/html", PAGE.to_owned()),
        };
        let length = answer.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
        )
    }

    fn join(&mut self, number: u128, mode: &str, offer: String) -> String {
        let mode = match mode {
            "mixed" => Mode::Mixed,
            "forwarded" => Mode::Forwarded,
            _ => Mode::Auto,
        };
        let join = Command::Join {
            conference: CONFERENCE,
            participant: ParticipantId::from_u128(number),
            epoch: 1,
            display_name: Some(format!("Person {number}")),
            offer,
            rights: Rights::ALL,
            mode,
            is_echo: mode == Mode::Auto && number > 1000,
        };
        let now = self.now();
        self.sfu.command(join, now);
        let mut found = String::new();
        while let Some(event) = self.sfu.poll() {
            match event {
                Event::Answered { answer, .. } => found = answer,
                other => self.events.push(other),
            }
        }
        found
    }
}
