//! Open loop: packets leave by the clock, whether or not earlier ones have arrived; half of them up, half down.
//! What counts is loss, damage and delay.

use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use serde_json::json;

use crate::args::Args;
use crate::client;
use crate::link::{Link, insist};
use crate::payload::{Mint, SMALLEST, Seal};
use crate::scenario::{FRAME, Field, Outcome, Tally, body, datagram, head};

/// Most packets that leave in a row when the generator was held up.
const CATCH_UP: u64 = 16;
/// How long the generator rests when nothing arrived. Longer: delays read too high; shorter: no rest at all.
const NAP: Duration = Duration::from_micros(3);

pub(crate) fn run(args: &Args) -> io::Result<Outcome> {
    let target = args.target()?;
    let meter = args.meter()?;
    let flows: usize = args.number("flows", 200)?;
    let size: usize = args.number::<usize>("size", 160)?.clamp(SMALLEST, FRAME - 4);
    let rate: u64 = args.number("rate", 50_000)?;
    let seconds: f64 = args.number("seconds", 5.0)?;
    let first: u64 = args.number("first", 0)?;
    let mut field = Field::open(&target, flows, first, target.server.is_ipv6())?;
    // Time for others to begin, once these flows are set up.
    std::thread::sleep(Duration::from_secs_f64(args.number("settle", 0.0)?));
    let mint = Mint::new();
    let mut poll = Poll::new()?;
    for (place, peer) in field.peers.iter().enumerate() {
        poll.registry().register(&mut SourceFd(&peer.as_raw_fd()), Token(place), Interest::READABLE)?;
    }
    for (place, session) in field.sessions.iter().enumerate() {
        let descriptor = match &session.link {
            Link::Udp(socket) => socket.as_raw_fd(),
            Link::Tcp(_, socket) | Link::Tls(_, socket, _) => socket.as_raw_fd(),
        };
        poll.registry().register(&mut SourceFd(&descriptor), Token(field.peers.len() + place), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(1024);
    let mut tally = Tally::default();
    let mut ages: Vec<u32> = Vec::new();
    let mut sequences = vec![0_u64; flows];
    let mut highest = vec![[None::<u64>; 2]; flows];
    let mut frame = vec![0; size + 4];
    let mut buffer = vec![0; FRAME];
    let total = (rate as f64 * seconds) as u64;
    let gap = Duration::from_secs_f64(1.0 / rate as f64);
    let (before, start) = (meter.cpu(), Instant::now());
    let mut sent = 0;
    let mut held_up = 0;
    let mut last = start;
    while sent < total || (ages.len() as u64 + tally.altered < total && last.elapsed() < Duration::from_secs(1)) {
        let due = total.min((start.elapsed().as_nanos() / gap.as_nanos()) as u64);
        if due > sent + CATCH_UP {
            held_up += 1;
        }
        for _ in 0..(due - sent).min(CATCH_UP) {
            let flow = (sent / 2) as usize % flows;
            mint.write(flow as u32, sequences[flow], &mut frame[4..]);
            sequences[flow] += 1;
            if sent % 2 == 0 {
                head(&mut frame);
                field.sessions[flow].link.send(&frame)?;
            } else {
                let to = field.sessions[flow].relayed;
                insist(|| field.peer(flow).send_to(&frame[4..], to))?;
            }
            sent += 1;
            last = Instant::now();
        }
        match poll.poll(&mut events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        if events.is_empty() {
            // A real-time process that never sleeps is stopped by the kernel for 50 ms in each second.
            std::thread::sleep(NAP);
        }
        for event in &events {
            let place = event.token().0;
            let mut note = |seal: Option<Seal>, side: usize| match seal {
                None => tally.altered += 1,
                Some(seal) => {
                    tally.packets += 1;
                    ages.push(seal.age.min(u64::from(u32::MAX)) as u32);
                    let Some(mark) = highest.get_mut(seal.flow as usize).map(|marks| &mut marks[side]) else { return };
                    if mark.is_some_and(|mark| mark >= seal.sequence) {
                        tally.misplaced += 1;
                    }
                    *mark = Some(seal.sequence);
                }
            };
            if place < field.peers.len() {
                while let Some((length, _)) = datagram(&field.peers[place], &mut buffer)? {
                    note(mint.read(&buffer[..length], size), 0);
                }
            } else {
                let link = &mut field.sessions[place - field.peers.len()].link;
                while let Some(frame) = link.receive(&mut buffer)? {
                    note(body(frame).and_then(|bytes| mint.read(bytes, size)), 1);
                }
            }
        }
    }
    let spent = meter.cpu() - before;
    client::delete(&target, &mut field.sessions)?;
    tally.lost = total - tally.packets.min(total);
    ages.sort_unstable();
    let percentile =
        |part: f64| ages.get(((ages.len() as f64 * part) as usize).min(ages.len().saturating_sub(1))).copied();
    let figures = json!({
        "packets": tally.packets, "rate": rate, "cpu_ns": spent, "ns_per_packet": spent as f64 / tally.packets.max(1) as f64,
        "lost": tally.lost, "altered": tally.altered, "misplaced": tally.misplaced, "generator_held_up": held_up,
        "delay_ns": {"p50": percentile(0.5), "p99": percentile(0.99), "p999": percentile(0.999), "max": ages.last()},
    });
    Ok((figures, tally.is_sound()))
}
