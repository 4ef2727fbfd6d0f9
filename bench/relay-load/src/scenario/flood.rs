//! Floods, on loopback only and bounded in time and number: what a relay that is open to the world meets every day.
//!
//! `--kind forged|garbage|binding|channel` datagrams from `--sources N` addresses at `--rate` a second for `--seconds`;
//! `--kind half-open|slow` TCP connections, `--connections N`, held for as long;
//! `--kind abandoned` allocations with good credentials, `--connections N`, never refreshed and never ended.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::args::Args;
use crate::client::{self, Session, Step};
use crate::scenario::Outcome;
use crate::stun::{self, Request};

/// Most datagrams that leave in a row.
const ROW: u64 = 64;
/// Different datagrams of one flood; coprime to the usual numbers of sources, so that each source sends all of them.
const POOL: u64 = 4_099;
/// How long the generator rests when it is ahead.
const NAP: Duration = Duration::from_micros(200);

pub(crate) fn run(args: &Args) -> io::Result<Outcome> {
    let server = args.address("server")?;
    if !server.ip().is_loopback() {
        return Err(io::Error::other("floods stay on loopback"));
    }
    let seconds: f64 = args.number::<f64>("seconds", 5.0)?.min(60.0);
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let kind = args.text("kind", "forged");
    let done = match kind.as_str() {
        "forged" | "garbage" | "binding" | "channel" => datagrams(args, server, &kind, until)?,
        "half-open" | "slow" => connections(args, server, &kind, until)?,
        "abandoned" => abandoned(args)?,
        other => return Err(io::Error::other(format!("no flood {other}"))),
    };
    Ok((json!({"flood": kind, "sent": done, "seconds": seconds}), true))
}

fn datagrams(args: &Args, server: SocketAddr, kind: &str, until: Instant) -> io::Result<u64> {
    let rate: u64 = args.number::<u64>("rate", 100_000)?.min(1_000_000);
    let sources: u32 = args.number::<u32>("sources", 2_000)?.clamp(1, 8_000);
    let sockets = (0..sources)
        .map(|number| {
            let [_, a, b, c] = number.to_be_bytes();
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 200 + a, b, c.max(1)), 0))?;
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            Ok(socket)
        })
        .collect::<io::Result<Vec<_>>>()?;
    // Made beforehand: signing nonsense would cost the attacker more than refusing it costs the server.
    let attacks: Vec<Vec<u8>> = (0..POOL).map(|number| attack(kind, number)).collect();
    let until = until.max(Instant::now() + Duration::from_secs(1));
    let start = Instant::now();
    let mut sent = 0_u64;
    let mut sink = [0; 2048];
    while Instant::now() < until {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        if due <= sent {
            std::thread::sleep(NAP);
            continue;
        }
        for _ in 0..(due - sent).min(ROW) {
            let socket = &sockets[(sent % u64::from(sources)) as usize];
            // A full socket or a refusal is the server's way of being busy; the flood goes on.
            let _ = socket.send(&attacks[(sent % POOL) as usize]);
            // Some answers are read, so that their number does not end with the sockets' buffers.
            if sent.is_multiple_of(4) {
                let _ = socket.recv(&mut sink);
            }
            sent += 1;
        }
    }
    Ok(sent)
}

/// The datagram number `number` of a flood.
fn attack(kind: &str, number: u64) -> Vec<u8> {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut transaction = [0; 12];
    transaction[..8].copy_from_slice(&noise.to_be_bytes());
    match kind {
        "binding" => Request::new(0x0001, transaction).plain(),
        "channel" => [&[0x40, 0, 0, 160][..], &[noise as u8; 160]].concat(),
        "garbage" => (0..(noise % 300)).map(|place| (noise >> (place % 57)) as u8).collect(),
        // A request as it would be with credentials, with a nonce, a name and a signature that are made up.
        _ => {
            let name = format!("{}:somebody-{}", 4_000_000_000_u64, noise % 1_000_000);
            let nonce = format!("obMatJos2{noise:016x}{noise:016x}");
            Request::new(stun::ALLOCATE, transaction).requested_transport_udp().signed(
                &name,
                "localhost",
                nonce.as_bytes(),
                &noise.to_be_bytes(),
            )
        }
    }
}

fn connections(args: &Args, server: SocketAddr, kind: &str, until: Instant) -> io::Result<u64> {
    let wanted: u32 = args.number::<u32>("connections", 4_000)?.min(15_000);
    // The beginning of a TLS record that never goes on, or of a STUN header that comes byte by byte.
    let beginning: &[u8] = if kind == "half-open" { &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00] } else { &[0x00] };
    let rest = Request::new(stun::ALLOCATE, [9; 12]).requested_transport_udp().plain();
    let mut open: Vec<TcpStream> = Vec::new();
    let mut made = 0_u64;
    let mut place = 1;
    while Instant::now() < until {
        // Closed ones are replaced, a few at a time: an attacker does not stop at the first refusal.
        for _ in 0..(wanted as usize - open.len().min(wanted as usize)).min(200) {
            let number = made as u32;
            let [_, a, b, c] = (number % 60_000).to_be_bytes();
            let source = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 210 + a, b, c.max(1))), 0);
            made += 1;
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&source.into())?;
            if socket.connect_timeout(&server.into(), Duration::from_millis(200)).is_err() {
                break;
            }
            let mut stream = TcpStream::from(socket);
            stream.set_nonblocking(true)?;
            if stream.write_all(beginning).is_ok() {
                open.push(stream);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
        if kind == "slow" {
            let byte = [rest[place % rest.len()]];
            open.retain_mut(|stream| stream.write_all(&byte).is_ok());
            place += 1;
            std::thread::sleep(Duration::from_millis(200));
        }
        open.retain(|stream| {
            let mut one = [0];
            !matches!(stream.peek(&mut one), Ok(0)) && stream.take_error().is_ok_and(|error| error.is_none())
        });
    }
    Ok(made)
}

fn abandoned(args: &Args) -> io::Result<u64> {
    let target = args.target()?;
    let wanted: u64 = args.number::<u64>("connections", 10_000)?.min(15_000);
    let first: u64 = args.number("first", 0)?;
    let mut made = 0;
    for number in 0..wanted {
        let mut one = [Session::open(&target, first + number)?];
        client::take(&mut one, Step::Challenge)?;
        // Refused is what a quota is for.
        if client::take(&mut one, Step::Allocate { is_v6: false }).is_ok() {
            made += 1;
        }
    }
    Ok(made)
}
