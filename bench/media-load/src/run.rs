//! One run: everybody comes in, one after the other; when all is steady the measurement begins.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use centrale_media::sdp::Kind;
use mio::{Events, Interest, Poll, Token};

use crate::args::Args;
use crate::client::{Client, Fresh, Part};
use crate::door::janus::Janus;
use crate::door::whip::Whip;
use crate::door::{self, Door, Guest, Visitor, time};
use crate::figures::{Delays, Figures};
use crate::meter::Meter;
use crate::outgoing::Shape;
use crate::tls;

/// How long somebody may take from the door to the first packet.
const JOIN_LIMIT: Duration = Duration::from_secs(15);
/// How often time is told to every client.
const TICK: Duration = Duration::from_millis(1);

struct Run {
    zero: Instant,
    poll: Poll,
    clients: Vec<Client>,
    shape: Shape,
    loss: f64,
    buffer: Vec<u8>,
    delays: Delays,
    next_tick: Instant,
    visit: Sender<Visitor>,
    guests: Receiver<io::Result<Guest>>,
    source: std::net::IpAddr,
}

pub(crate) fn run(args: &Args) -> io::Result<Figures> {
    let zero = Instant::now();
    let publishers: usize = args.number("publishers", 1)?;
    let subscribers: usize = args.number("subscribers", 10)?;
    let has_video = args.text("video", "yes") == "yes";
    let pid: u32 = args.number("pid", 0)?;
    let (meter, own) = (Meter::new((pid != 0).then_some(pid)), Meter::new(Some(std::process::id())));
    let server = args.address("server")?;
    let door = open_door(args, server, publishers)?;
    let (visit, guests) = door::open(door, zero);
    let mut run = Run {
        zero,
        poll: Poll::new()?,
        clients: Vec::new(),
        shape: Shape {
            packets: args.number("packets", 6)?,
            size: args.number("size", 1100)?,
            rate: args.number("rate", 30)?,
        },
        loss: args.number("loss", 0.0)?,
        buffer: vec![0; 65_536],
        delays: Delays::new(),
        next_tick: Instant::now(),
        visit,
        guests,
        source: match args.text("source", "").parse() {
            Ok(ip) => ip,
            Err(_) => server.ip(),
        },
    };
    for _ in 0..publishers {
        run.join(Part::Publisher { has_video })?;
    }
    run.go_on(Duration::from_millis(500))?;

    let mut figures = Figures { publishers, subscribers, ..Figures::default() };
    let before = (meter.memory().resident, meter.cpu(), time(zero));
    let voices = args.number("voices", publishers)?;
    let part = Part::Subscriber { voices, videos: if has_video { publishers } else { 0 } };
    for _ in 0..subscribers {
        run.join(part)?;
    }
    // What the joins cost is what they took beyond forwarding, which is measured below.
    let joining = (meter.cpu() - before.1, time(zero).since(before.2));
    let warm = Instant::now();
    let limit = Duration::from_secs(args.number("warm-up", 20)?);
    run.warm_up(limit, if has_video { 150 } else { 40 })?;
    figures.warm_up = warm.elapsed().as_secs_f64();

    run.begin();
    let (cpu, own_cpu, begin) = (meter.cpu(), own.cpu(), Instant::now());
    run.go_on(Duration::from_secs_f64(args.number("seconds", 10.0)?))?;
    figures.cpu = meter.cpu() - cpu;
    figures.own_cpu = own.cpu() - own_cpu;
    figures.seconds = begin.elapsed().as_secs_f64();
    figures.memory = (before.0, meter.memory().resident);
    let forwarding = figures.cpu as f64 / figures.seconds * joining.1.as_secs_f64() / 2.0;
    figures.cpu_per_join = joining.0.saturating_sub(forwarding as u64) / subscribers.max(1) as u64;
    run.count(&mut figures, (voices + if has_video { publishers } else { 0 }) * subscribers);
    Ok(figures)
}

fn open_door(args: &Args, server: SocketAddr, publishers: usize) -> io::Result<Box<dyn Door>> {
    match args.server.as_str() {
        "janus" => Ok(Box::new(Janus::new(server, args.number("room", 1234)?, publishers)?)),
        "whip" => {
            let file = std::fs::read_to_string(args.text("tokens", ""))?;
            let tokens: VecDeque<String> = file.lines().map(str::to_owned).collect();
            let group = args.text("group", "");
            Ok(Box::new(Whip::new(server, tls::client(false)?, group, args.text("media", "forwarded"), tokens)))
        }
        other => Err(io::Error::other(format!("no server {other}: whip or janus"))),
    }
}

impl Run {
    /// Brings a client in and waits until it is connected and, if it subscribes, has its first packet.
    fn join(&mut self, part: Part) -> io::Result<()> {
        let number = self.clients.len();
        let fresh = Fresh::new(self.source, number as u64, self.zero)?;
        self.visit.send(Visitor { fresh, part }).map_err(io::Error::other)?;
        let limit = Instant::now() + JOIN_LIMIT;
        let guest = loop {
            match self.guests.try_recv() {
                Ok(guest) => break guest?,
                Err(TryRecvError::Empty) => self.step()?,
                Err(error @ TryRecvError::Disconnected) => return Err(io::Error::other(error)),
            }
            if Instant::now() > limit {
                return Err(io::Error::other("a client was not let in"));
            }
        };
        let Guest { fresh, part, peer, began } = guest;
        let mut client = fresh.with(peer, number as u16, self.shape, self.loss, began);
        self.poll.registry().register(client.socket(), Token(number), Interest::READABLE)?;
        // What came before the socket was watched.
        client.receive(&mut self.buffer, &mut self.delays, self.zero);
        client.tick(time(self.zero));
        self.clients.push(client);
        let is_subscriber = matches!(part, Part::Subscriber { .. });
        loop {
            let client = &self.clients[number];
            if client.connected_at.is_some() && (!is_subscriber || client.first_at.is_some()) {
                return Ok(());
            }
            if Instant::now() > limit || client.is_closed {
                return Err(io::Error::other(format!("client {number} ({part:?}) did not connect or heard nothing")));
            }
            self.step()?;
        }
    }

    fn go_on(&mut self, span: Duration) -> io::Result<()> {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.step()?;
        }
        Ok(())
    }

    /// Waits until every stream has come whole for some time.
    fn warm_up(&mut self, limit: Duration, packets: usize) -> io::Result<()> {
        let end = Instant::now() + limit;
        loop {
            self.go_on(Duration::from_millis(200))?;
            let subscribers = self.clients.iter().filter(|client| client.outgoing.is_empty());
            let mut streams = subscribers.flat_map(|client| client.incoming.values());
            if streams.all(|stream| stream.is_steady(if stream.kind == Kind::Video { packets } else { 40 })) {
                return Ok(());
            }
            if Instant::now() > end {
                // Said by what is missing.
                return Ok(());
            }
        }
    }

    /// One look at sockets and clocks.
    fn step(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        let wait = self.next_tick.saturating_duration_since(Instant::now());
        match self.poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            if let Some(client) = self.clients.get_mut(event.token().0) {
                client.receive(&mut self.buffer, &mut self.delays, self.zero);
            }
        }
        if Instant::now() >= self.next_tick {
            self.next_tick = Instant::now() + TICK;
            let now = time(self.zero);
            for client in &mut self.clients {
                client.tick(now);
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.delays.clear();
        for client in &mut self.clients {
            client.incoming.values_mut().for_each(crate::incoming::Incoming::begin);
            client.lost = 0;
            client.padding = 0;
        }
    }

    fn count(&self, figures: &mut Figures, wanted: usize) {
        figures.streams_wanted = wanted;
        for client in self.clients.iter().filter(|client| client.outgoing.is_empty()) {
            figures.unknown += client.unknown;
            figures.padding += client.padding;
            figures.dropped += client.lost;
            if let Some(first) = client.first_at {
                figures.joins.push(first.since(client.began).as_micros() as u64);
            }
            for stream in client.incoming.values().filter(|stream| stream.tally.sound > 0) {
                let (expected, complete) = stream.completeness();
                figures.streams += 1;
                figures.packets += stream.tally.sound;
                figures.expected += expected;
                figures.complete += complete;
                figures.altered += stream.tally.altered;
                figures.twice += stream.tally.twice;
                figures.misplaced += stream.tally.misplaced;
                figures.repaired += stream.tally.repaired;
            }
        }
        figures.joins.sort_unstable();
        figures.delay_p50 = self.delays.quantile(0.5);
        figures.delay_p99 = self.delays.quantile(0.99);
    }
}
