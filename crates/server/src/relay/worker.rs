//! One thread of the relay: its sockets, its machine, its loop.

mod connections;
mod outputs;
mod packets;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use centrale_model::{Time, Timestamp};
use centrale_relay::{Config, Server, Transport};

use super::config::StreamLimits;
use super::handle::{Command, Reins, RelayStats, ShellStats, TlsConfig, UsageSink, time_since};
use super::outgoing::Outgoing;
use super::ready::{Events, Ready, Source, Waker};
use super::sockets::{Datagrams, Listener};
use super::stream::READ_SIZE;
use connections::{Acceptor, Streams};

/// Room in front of a received datagram for the longest head.
const HEADROOM: usize = 64;
/// A received datagram, or a run of them that the kernel put together.
const SLOT: usize = HEADROOM + 65_536;
/// Receives that one relayed address or connection gets before others have their turn. Higher: fewer turns; lower: fairer.
const TURN: usize = 4;
/// After the kernel refused a run of datagrams, when runs are tried again; and when unused second sockets are closed.
const FORGIVE: Duration = Duration::from_secs(30);
/// Listening UDP sockets that a worker serves: their number is one byte of a door.
const LISTENERS: usize = 0x100;

/// What a worker is born with.
pub(super) struct Sockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) tls: Vec<TcpListener>,
}

/// What a worker is told at birth besides what its machine is told.
pub(super) struct Terms {
    pub(super) streams: StreamLimits,
    pub(super) tls: TlsConfig,
    /// Relayed addresses that may have a second socket.
    pub(super) most_paired: usize,
}

pub(super) struct Worker {
    server: Server,
    datagrams: Datagrams,
    outgoing: Outgoing,
    streams: Streams,
    acceptors: Vec<Acceptor>,
    tls: TlsConfig,
    ready: Ready,
    inbox: Receiver<Command>,
    neighbours: Vec<Reins>,
    sink: UsageSink,
    zero: Instant,
    /// The wall clock when `zero` was taken.
    wall_at_zero: Timestamp,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
    /// Receives that a relayed address gets in this turn.
    peers_turn: usize,
    /// Sources that were not emptied in their turn.
    again: VecDeque<Source>,
    next_forgive: Time,
    stats: ShellStats,
    is_stopping: bool,
}

impl Worker {
    pub(super) fn new(
        config: Config,
        sockets: Sockets,
        terms: Terms,
        inbox: Receiver<Command>,
        sink: UsageSink,
        zero: Instant,
    ) -> io::Result<Worker> {
        let ready = Ready::new()?;
        let mut listeners = Vec::new();
        for (at, socket) in sockets.udp.into_iter().take(LISTENERS).enumerate() {
            ready.watch(&socket, Source::Listener(at as u32))?;
            listeners.push(Listener::new(socket)?);
        }
        let mut acceptors = Vec::new();
        let tcp = sockets.tcp.into_iter().map(|socket| (socket, Transport::Tcp));
        let with_tls = sockets.tls.into_iter().map(|socket| (socket, Transport::Tls));
        for (at, (socket, transport)) in tcp.chain(with_tls).enumerate() {
            ready.watch(&socket, Source::Acceptor(at as u32))?;
            acceptors.push(Acceptor { socket, transport });
        }
        let wall_at_zero = config.wall_at_zero;
        Ok(Worker {
            server: Server::new(config),
            datagrams: Datagrams::new(listeners, terms.most_paired),
            outgoing: Outgoing::default(),
            streams: Streams::new(terms.streams),
            acceptors,
            tls: terms.tls,
            ready,
            inbox,
            neighbours: Vec::new(),
            sink,
            zero,
            wall_at_zero,
            buffer: vec![0; SLOT],
            scratch: vec![0; READ_SIZE],
            peers_turn: 1,
            again: VecDeque::new(),
            next_forgive: Time::ZERO,
            stats: ShellStats::default(),
            is_stopping: false,
        })
    }

    pub(super) fn waker(&self) -> Arc<Waker> {
        self.ready.waker().clone()
    }

    /// Runs until told to stop. In each turn: 1. whoever has something to read, 2. whoever was cut short the last time,
    /// 3. what streams have to write, 4. deadlines. Sending happens where the bytes are: nothing waits longer than what was
    /// received in one call. The clock is read when a wait ends; a turn is a few hundred datagrams at the most.
    pub(super) fn run(&mut self) {
        let mut now = time_since(self.zero);
        let mut events = Events::new();
        while !self.is_stopping {
            match self.ready.wait(&mut events, self.patience(now)) {
                Ok(moment) => now = since(self.zero, moment),
                Err(error) => {
                    tracing::error!(%error, "a relay worker lost its poll and ends");
                    break;
                }
            }
            self.set_turns(events.count());
            for at in 0..events.count() {
                let event = events.at(at);
                if event.is_writable
                    && let Source::Stream(at) = event.source
                {
                    self.streams.touched.push(at);
                }
                if event.is_readable {
                    self.serve(event.source, now);
                }
            }
            for _ in 0..self.again.len() {
                let Some(source) = self.again.pop_front() else { break };
                self.serve(source, now);
            }
            self.flush_streams();
            self.keep_time(now);
        }
        self.server.close_all(now);
        self.drain_outputs(now);
        self.flush_streams();
    }

    /// How long there is nothing to do.
    fn patience(&self, now: Time) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let machine = self.server.timeout().map(|(at, _)| at);
        let at = [machine, self.streams.next_sweep].into_iter().flatten().min()?;
        Some(at.since(now))
    }

    fn serve(&mut self, source: Source, now: Time) {
        match source {
            Source::Inbox => self.obey(),
            Source::Listener(at) => self.receive_from_clients(at, now),
            Source::Relayed(at) => self.receive_from_peers(at, false, now),
            Source::Paired(at) => self.receive_from_peers(at, true, now),
            Source::Acceptor(at) => self.accept(at),
            Source::Stream(at) => self.receive_from_stream(at),
        }
    }

    fn keep_time(&mut self, now: Time) {
        if self.server.timeout().is_some_and(|(at, _)| at <= now) {
            self.server.handle_timeout(now);
            self.drain_outputs(now);
        }
        if self.streams.next_sweep.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
        if self.next_forgive <= now {
            self.next_forgive = now + FORGIVE;
            self.outgoing.forgive();
            self.datagrams.part_idle();
            // The wall clock may have been set since.
            if let Ok(wall) = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
                self.server.set_wall_clock(Timestamp::from_millis(wall.as_millis() as i64), now);
            }
        }
    }

    fn obey(&mut self) {
        self.ready.waker().hush();
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Adopt { stream, tls, first, peer }) => {
                    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
                    self.take_stream(stream, tls, peer, transport, &first);
                }
                Ok(Command::Drain(alternates)) => self.server.drain(alternates),
                Ok(Command::Revoke { user, until }) => {
                    let now = time_since(self.zero);
                    let until = Time::ZERO + until.since(self.wall_at_zero);
                    self.server.revoke(&user, until, now);
                    self.drain_outputs(now);
                }
                Ok(Command::Stats(answer)) => {
                    // Nobody may be waiting any more; that is theirs to know.
                    let _ = answer.try_send(self.stats());
                }
                Ok(Command::Neighbours(others)) => self.neighbours = others,
                Ok(Command::LentElsewhere { family, port, is_lent }) => {
                    self.server.lent_elsewhere(family, port, is_lent);
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    self.is_stopping = true;
                    return;
                }
                Err(TryRecvError::Empty) => return,
            }
        }
    }

    fn stats(&self) -> RelayStats {
        let mut shell = self.stats;
        shell.connections = self.streams.count() as u64;
        shell.failed_sends = self.outgoing.failed;
        shell.runs = self.outgoing.runs;
        RelayStats { relay: *self.server.stats(), shell, allocations: self.server.allocation_count() as u64 }
    }
}

fn since(zero: Instant, moment: Instant) -> Time {
    Time::from_nanos(u64::try_from(moment.duration_since(zero).as_nanos()).unwrap_or(u64::MAX))
}

/// The largest payload that is not fragmented on an ordinary path.
fn unfragmented(to: SocketAddr) -> usize {
    if to.is_ipv4() { 1_472 } else { 1_452 }
}
