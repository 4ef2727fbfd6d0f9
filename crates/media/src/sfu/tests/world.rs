//! A small world for the forwarder: clients of our own peer connection, a lossy network, simulated time.

use core::net::SocketAddr;
use core::time::Duration;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Instant;

use centrale_model::{CallId, ParticipantId, Time};

use super::client::Client;
use crate::command::{Command, ConferenceId, Event, Mode, RefusedBecause, Rights};
use crate::peer::{Config, Dialing, Host, OfferedLine, Peer};
use crate::{Settings, Sfu};

pub(super) const CONFERENCE: ConferenceId = ConferenceId(CallId::from_u128(0xc0));

/// One direction of a client's path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) loss_percent: u64,
    pub(super) delay: Duration,
    /// Chance delay on top; more than the distance of packets puts them out of order.
    pub(super) jitter: Duration,
    /// Kilobits per second; packets that would wait longer than 300 ms are lost.
    pub(super) kilobits: Option<u64>,
    free_at: Time,
}

impl Link {
    pub(super) fn new(delay_millis: u64) -> Link {
        let delay = Duration::from_millis(delay_millis);
        Link { loss_percent: 0, delay, jitter: Duration::ZERO, kilobits: None, free_at: Time::ZERO }
    }

    fn carry(&mut self, bytes: usize, chance: &mut u64, now: Time) -> Option<Time> {
        *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (*chance >> 33) % 100 < self.loss_percent {
            return None;
        }
        let mut at = now;
        if let Some(kilobits) = self.kilobits {
            at = at.max(self.free_at);
            if at - now > Duration::from_millis(300) {
                return None;
            }
            at = at + Duration::from_micros(bytes as u64 * 8000 / kilobits);
            self.free_at = at;
        }
        let jitter = self.jitter.as_nanos() as u64;
        Some(at + self.delay + Duration::from_nanos(if jitter > 0 { (*chance >> 20) % jitter } else { 0 }))
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Time,
    number: u64,
    to_sfu: bool,
    client: usize,
    from: SocketAddr,
    bytes: Vec<u8>,
}

/// The world.
pub(super) struct World {
    pub(super) sfu: Sfu,
    pub(super) clients: Vec<Client>,
    pub(super) now: Time,
    pub(super) events: Vec<Event>,
    /// Datagrams and runs that the forwarder handed out.
    pub(super) datagrams: u64,
    pub(super) runs: u64,
    host: Arc<Host>,
    flights: BinaryHeap<Reverse<Flight>>,
    number: u64,
    chance: u64,
    seeds: u16,
}

pub(super) fn sfu_address() -> SocketAddr {
    "203.0.113.7:3478".parse().expect("an address")
}

#[expect(clippy::disallowed_methods, reason = "the libraries below want a clock reading; nothing depends on which")]
fn epoch() -> Instant {
    Instant::now()
}

pub(super) fn who(n: usize) -> ParticipantId {
    ParticipantId::from_u128(n as u128 + 1)
}

impl World {
    pub(super) fn new() -> World {
        World::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Settings)) -> World {
        let epoch = epoch();
        let host = Arc::new(Host::new(vec![sfu_address()], epoch));
        let mut settings = Settings::new(host.clone(), [7; 32], 0xe000_0000_0000_0000);
        change(&mut settings);
        World {
            sfu: Sfu::new(settings),
            clients: Vec::new(),
            now: Time::ZERO,
            events: Vec::new(),
            datagrams: 0,
            runs: 0,
            host,
            flights: BinaryHeap::new(),
            number: 0,
            chance: 42,
            seeds: 0,
        }
    }

    pub(super) fn config(&mut self) -> Config {
        self.seeds += 1;
        let mut seed = [0x55; 32];
        seed[..2].copy_from_slice(&self.seeds.to_be_bytes());
        Config::new(Arc::new(Host::new(vec![], epoch())), seed)
    }

    fn chance(&mut self) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.chance
    }

    /// Dials and joins; gives the client's index, once it is answered. It connects as time passes.
    pub(super) fn join(&mut self, n: usize, lines: &[OfferedLine]) -> usize {
        self.join_as(n, 1, lines, Mode::Forwarded, false).expect("a join that is answered")
    }

    pub(super) fn join_as(
        &mut self,
        n: usize,
        epoch: u32,
        lines: &[OfferedLine],
        mode: Mode,
        is_echo: bool,
    ) -> Result<usize, RefusedBecause> {
        let dialing = self.dial(lines);
        let (participant, offer) = (who(n), dialing.offer().to_owned());
        let display_name = Some(format!("Person {n}"));
        let rights = Rights::ALL;
        let conference = CONFERENCE;
        let join = Command::Join { conference, participant, epoch, display_name, offer, rights, mode, is_echo };
        let answer = self.ask(join, participant, epoch)?;
        let peer = dialing.connect(&answer, self.now).expect("an answer that fits");
        let index = self.clients.len();
        let address = SocketAddr::new([10, 0, (index >> 8) as u8, index as u8].into(), 4000);
        let chance = self.chance();
        self.clients.push(Client::new(peer, n, address, chance));
        Ok(index)
    }

    pub(super) fn dial(&mut self, lines: &[OfferedLine]) -> Dialing {
        Peer::dial(self.config(), lines)
    }

    /// Gives a join to the forwarder and takes its answer.
    pub(super) fn ask(
        &mut self,
        join: Command,
        participant: ParticipantId,
        epoch: u32,
    ) -> Result<String, RefusedBecause> {
        self.command(join);
        let at = self.events.iter().rposition(|event| match event {
            Event::Answered { participant: p, epoch: e, .. } | Event::Refused { participant: p, epoch: e, .. } => {
                (*p, *e) == (participant, epoch)
            }
            _ => false,
        });
        match self.events.remove(at.expect("joins are answered at once")) {
            Event::Answered { answer, .. } => Ok(answer),
            Event::Refused { because, .. } => Err(because),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.sfu.command(command, self.now);
        self.settle();
    }

    /// Runs for some milliseconds.
    pub(super) fn run(&mut self, millis: u64) {
        for _ in 0..millis {
            self.step();
        }
    }

    /// Runs until something is true, at most some milliseconds; says whether it became true.
    pub(super) fn run_until(&mut self, millis: u64, is_so: impl Fn(&World) -> bool) -> bool {
        for _ in 0..millis {
            if is_so(self) {
                return true;
            }
            self.step();
        }
        is_so(self)
    }

    /// One millisecond: what arrives is taken in a batch, as a shell does.
    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        let mut has_come = false;
        while self.flights.peek().is_some_and(|Reverse(flight)| flight.at <= self.now) {
            let Some(Reverse(mut flight)) = self.flights.pop() else { break };
            if flight.to_sfu {
                self.sfu.datagram(flight.from, &mut flight.bytes, self.now);
                has_come = true;
            } else if self.clients[flight.client].address == flight.from {
                self.clients[flight.client].datagram(sfu_address(), &mut flight.bytes, self.now);
            }
        }
        if has_come {
            self.settle();
        }
        if self.sfu.timeout().is_some_and(|(at, _)| at <= self.now) {
            self.sfu.handle_timeout(self.now);
            self.settle();
        }
        while let Some(mut job) = self.sfu.job() {
            job.run(self.now);
            self.sfu.done(job, Duration::from_millis(1), self.now);
            self.settle();
        }
        for n in 0..self.clients.len() {
            let client = &mut self.clients[n];
            client.tick(self.now);
            let out = core::mem::take(&mut client.outbox);
            for bytes in out {
                self.fly_up(n, bytes);
            }
        }
    }

    fn fly_up(&mut self, n: usize, bytes: Vec<u8>) {
        let client = &mut self.clients[n];
        if let Some(at) = client.up.carry(bytes.len(), &mut self.chance, self.now) {
            self.number += 1;
            let (from, number) = (client.address, self.number);
            self.flights.push(Reverse(Flight { at, number, to_sfu: true, client: n, from, bytes }));
        }
    }

    /// A datagram of somebody who is no client.
    pub(super) fn intrude(&mut self, from: SocketAddr, mut bytes: Vec<u8>) {
        self.sfu.datagram(from, &mut bytes, self.now);
        self.settle();
    }

    fn settle(&mut self) {
        let (mut out, now) = (Vec::new(), self.now);
        let (mut runs, mut datagrams) = (0, 0);
        self.sfu.transmits(now, |to, bytes, segment| {
            runs += 1;
            assert!(bytes.len() <= 65_507 && bytes.len().div_ceil(segment) <= 64, "a run that the kernel takes");
            for datagram in bytes.chunks(segment) {
                datagrams += 1;
                out.push((to, datagram.to_vec()));
            }
        });
        self.runs += runs;
        self.datagrams += datagrams;
        for (to, bytes) in out {
            let Some(n) = self.clients.iter().rposition(|client| client.address == to) else { continue };
            let client = &mut self.clients[n];
            if let Some(at) = client.down.carry(bytes.len(), &mut self.chance, now) {
                self.number += 1;
                let number = self.number;
                self.flights.push(Reverse(Flight { at, number, to_sfu: false, client: n, from: to, bytes }));
            }
        }
        while let Some(event) = self.sfu.poll() {
            self.events.push(event);
        }
    }

    /// The participants that connected so far, by number.
    pub(super) fn connected(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Connected { .. })).count()
    }

    /// Epochs of events of a kind, for short assertions.
    pub(super) fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_it(event)).count()
    }

    /// Everybody's voices and pictures that arrived, by (receiver, sender).
    pub(super) fn heard(&self) -> BTreeMap<(usize, u8), usize> {
        let mut heard = BTreeMap::new();
        for (n, client) in self.clients.iter().enumerate() {
            for got in client.got.values() {
                for (sender, count) in &got.by_sender {
                    *heard.entry((n, *sender)).or_default() += count;
                }
            }
        }
        heard
    }

    /// How many peers use the certificate and settings (for leaks).
    pub(super) fn references(&self) -> usize {
        Arc::strong_count(&self.host)
    }
}
