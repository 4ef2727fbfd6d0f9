//! One thread of the relay: its sockets, its machine, its loop.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use centrale_model::{Time, Timestamp};
use centrale_relay::{ClientAddr, Config, Family, Head, Output, PeerAddr, RelayId, Server, Transport, Verdict};
use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};

use super::config::StreamLimits;
use super::handle::{Command, Reins, RelayStats, ShellStats, TlsConfig, UsageSink, time_since};
use super::listen;
use super::outgoing::{Destination, Outgoing, Parcel, Via};
use super::stream::{Outcome, READ_SIZE, Stream};

/// Room in front of each received datagram for the longest head.
const HEADROOM: usize = 64;
/// A received datagram, or a run of them that the kernel put together.
const SLOT: usize = HEADROOM + 65_536;
/// Batches that one socket gets before others have their turn. Higher: fewer turns; lower: fairer.
const TURN: usize = 4;
/// Connections taken before others have their turn.
const ACCEPT_TURN: usize = 64;
/// How often slow connections are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// After the kernel refused a run of datagrams, when runs are tried again.
const FORGIVE: Duration = Duration::from_secs(30);
/// The door number of a connection: above those of listeners.
const STREAM_DOOR: u32 = 0x8000_0000;

/// What a worker is born with.
pub(super) struct Sockets {
    pub(super) udp: Vec<std::net::UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) tls: Vec<TcpListener>,
}

/// What an event is about: the kind in the upper half of the token, the number in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Inbox,
    Listener(u32),
    Acceptor(u32),
    Relayed(u32),
    Stream(u32),
}

impl Source {
    fn token(self) -> Token {
        let (kind, number) = match self {
            Source::Inbox => (0, 0),
            Source::Listener(number) => (1, number),
            Source::Acceptor(number) => (2, number),
            Source::Relayed(number) => (3, number),
            Source::Stream(number) => (4, number),
        };
        Token((kind << 32) | number as usize)
    }

    fn of(token: Token) -> Source {
        let number = token.0 as u32;
        match token.0 >> 32 {
            0 => Source::Inbox,
            1 => Source::Listener(number),
            2 => Source::Acceptor(number),
            3 => Source::Relayed(number),
            _ => Source::Stream(number),
        }
    }
}

struct Listener {
    socket: UdpSocket,
    state: UdpSocketState,
    is_wild: bool,
}

struct Acceptor {
    socket: mio::net::TcpListener,
    transport: Transport,
}

/// The UDP sockets.
struct Datagrams {
    listeners: Vec<Listener>,
    relayed: Vec<Option<UdpSocket>>,
    /// Addresses of ours that clients of wildcard listeners came to; a door names one, so that answers leave from it.
    own: Vec<IpAddr>,
}

impl super::outgoing::Sockets for Datagrams {
    #[inline]
    fn socket(&self, via: Via) -> Option<&UdpSocket> {
        match via {
            Via::Listener(at) => self.listeners.get(at as usize).map(|listener| &listener.socket),
            Via::Relayed(at) => self.relayed.get(at as usize)?.as_ref(),
        }
    }
}

impl Datagrams {
    /// The door of a client that came to `listener` at `local`.
    fn door(&mut self, listener: u32, local: Option<IpAddr>) -> u32 {
        let Some(local) = local.filter(|_| self.listeners[listener as usize].is_wild) else { return listener };
        let at = match self.own.iter().position(|ip| *ip == local) {
            Some(at) => at,
            // More addresses than a machine has: the kernel chooses for the rest.
            None if self.own.len() >= 4096 => return listener,
            None => {
                self.own.push(local);
                self.own.len() - 1
            }
        };
        listener | (at as u32 + 1) << 8
    }

    /// How to send to a UDP client.
    #[inline]
    fn to_client(&self, client: ClientAddr) -> Destination {
        let source = (client.door >> 8).checked_sub(1).and_then(|at| self.own.get(at as usize)).copied();
        Destination { via: Via::Listener(client.door & 0xFF), to: client.addr, source }
    }
}

/// The connections.
struct Streams {
    all: Vec<Option<Stream>>,
    free: Vec<u32>,
    sources: BTreeMap<IpAddr, u32>,
    limits: StreamLimits,
    /// Connections with something to write, flushed at the end of a turn: several messages, one write.
    touched: Vec<u32>,
    /// Messages for a connection that is being read right now.
    deferred: Vec<(u32, Vec<u8>, bool)>,
    next_sweep: Option<Time>,
}

pub(super) struct Worker {
    server: Server,
    datagrams: Datagrams,
    outgoing: Outgoing,
    streams: Streams,
    acceptors: Vec<Acceptor>,
    tls: TlsConfig,
    poll: Poll,
    registry: Registry,
    waker: Arc<Waker>,
    inbox: Receiver<Command>,
    neighbours: Vec<Reins>,
    sink: UsageSink,
    zero: Instant,
    /// The wall clock when `zero` was taken.
    wall_at_zero: Timestamp,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
    /// Datagrams asked for at a time; follows what comes.
    batch: usize,
    /// Sources that were not emptied in their turn.
    again: VecDeque<Source>,
    probe: UdpSocket,
    next_forgive: Time,
    stats: ShellStats,
    is_stopping: bool,
}

impl Worker {
    pub(super) fn new(
        config: Config,
        sockets: Sockets,
        limits: StreamLimits,
        tls: TlsConfig,
        inbox: Receiver<Command>,
        sink: UsageSink,
        zero: Instant,
    ) -> io::Result<Worker> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Arc::new(Waker::new(&registry, Source::Inbox.token())?);
        let mut listeners = Vec::new();
        for (at, socket) in sockets.udp.into_iter().take(0x100).enumerate() {
            let mut socket = UdpSocket::from_std(socket);
            let state = UdpSocketState::new((&socket).into())?;
            // Each option that puts something beside a datagram costs on each datagram; this one is not read.
            let options = socket2::SockRef::from(&socket);
            match socket.local_addr()? {
                SocketAddr::V4(_) => options.set_recv_tos_v4(false)?,
                SocketAddr::V6(_) => options.set_recv_tclass_v6(false)?,
            }
            let is_wild = socket.local_addr()?.ip().is_unspecified();
            let token = Source::Listener(at as u32).token();
            registry.register(&mut socket, token, Interest::READABLE)?;
            listeners.push(Listener { socket, state, is_wild });
        }
        let mut acceptors = Vec::new();
        let tcp = sockets.tcp.into_iter().map(|socket| (socket, Transport::Tcp));
        let with_tls = sockets.tls.into_iter().map(|socket| (socket, Transport::Tls));
        for (at, (socket, transport)) in tcp.chain(with_tls).enumerate() {
            let mut socket = mio::net::TcpListener::from_std(socket);
            registry.register(&mut socket, Source::Acceptor(at as u32).token(), Interest::READABLE)?;
            acceptors.push(Acceptor { socket, transport });
        }
        let probe = std::net::UdpSocket::bind("127.0.0.1:0").or_else(|_| std::net::UdpSocket::bind("[::1]:0"))?;
        let probe = UdpSocket::from_std(probe);
        let outgoing = Outgoing::new(&probe)?;
        let wall_at_zero = config.wall_at_zero;
        Ok(Worker {
            server: Server::new(config),
            datagrams: Datagrams { listeners, relayed: Vec::new(), own: Vec::new() },
            outgoing,
            streams: Streams {
                all: Vec::new(),
                free: Vec::new(),
                sources: BTreeMap::new(),
                limits,
                touched: Vec::new(),
                deferred: Vec::new(),
                next_sweep: None,
            },
            acceptors,
            tls,
            poll,
            registry,
            waker,
            inbox,
            neighbours: Vec::new(),
            sink,
            zero,
            wall_at_zero,
            buffer: vec![0; SLOT * BATCH_SIZE],
            scratch: vec![0; READ_SIZE],
            batch: 2,
            again: VecDeque::new(),
            probe,
            next_forgive: Time::ZERO,
            stats: ShellStats::default(),
            is_stopping: false,
        })
    }

    pub(super) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Runs until told to stop. In each turn: 1. whoever has something to read, 2. whoever was cut short the last time,
    /// 3. what streams have to write, 4. deadlines. Sending happens where the bytes are: nothing waits longer than a batch.
    pub(super) fn run(&mut self) {
        let mut events = Events::with_capacity(1024);
        while !self.is_stopping {
            let wait = self.wait();
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a relay worker lost its poll and ends");
                break;
            }
            for event in &events {
                if event.is_writable()
                    && let Source::Stream(at) = Source::of(event.token())
                {
                    self.streams.touched.push(at);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.serve(Source::of(event.token()));
                }
            }
            for _ in 0..self.again.len() {
                let Some(source) = self.again.pop_front() else { break };
                self.serve(source);
            }
            self.flush_streams();
            self.keep_time();
        }
        let now = time_since(self.zero);
        self.server.close_all(now);
        self.drain_outputs(now);
        self.flush_streams();
    }

    /// How long there is nothing to do.
    fn wait(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let machine = self.server.timeout().map(|(at, _)| at);
        let at = [machine, self.streams.next_sweep].into_iter().flatten().min()?;
        Some(at.since(time_since(self.zero)))
    }

    fn serve(&mut self, source: Source) {
        match source {
            Source::Inbox => self.obey(),
            Source::Listener(at) => self.receive_from_clients(at),
            Source::Relayed(at) => self.receive_from_peers(at),
            Source::Acceptor(at) => self.accept(at),
            Source::Stream(at) => self.receive_from_stream(at),
        }
    }

    // ---- UDP ----

    fn receive_from_clients(&mut self, at: u32) {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        for _ in 0..TURN {
            let listener = &self.datagrams.listeners[at as usize];
            let asked = self.batch;
            let outcome = receive(&listener.state, &listener.socket, &mut self.buffer, asked, &mut meta);
            let Some(count) = outcome else { return };
            let now = time_since(self.zero);
            for (slot, meta) in meta[..count].iter().enumerate() {
                let door = self.datagrams.door(at, meta.dst_ip);
                let client = ClientAddr { addr: meta.addr, transport: Transport::Udp, door };
                let start = slot * SLOT + HEADROOM;
                for range in segments(start, meta) {
                    let verdict = self.server.datagram(client, &self.buffer[range.clone()], now);
                    self.follow(verdict, range.start);
                    if self.server.has_output() {
                        self.drain_outputs(now);
                    }
                }
            }
            self.outgoing.flush(&self.buffer, &self.datagrams);
            if self.has_emptied(asked, count) {
                return;
            }
        }
        self.again.push_back(Source::Listener(at));
    }

    fn receive_from_peers(&mut self, at: u32) {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let relay = RelayId(at);
        for _ in 0..TURN {
            let Some(Some(socket)) = self.datagrams.relayed.get(at as usize) else { return };
            let Some(listener) = self.datagrams.listeners.first() else { return };
            let asked = self.batch;
            let Some(count) = receive(&listener.state, socket, &mut self.buffer, asked, &mut meta) else { return };
            let now = time_since(self.zero);
            for (slot, meta) in meta[..count].iter().enumerate() {
                let start = slot * SLOT + HEADROOM;
                for range in segments(start, meta) {
                    let bytes = &self.buffer[range.clone()];
                    let verdict = self.server.from_peer(relay, PeerAddr(meta.addr), bytes, now);
                    self.follow(verdict, range.start);
                }
            }
            self.outgoing.flush(&self.buffer, &self.datagrams);
            if self.has_emptied(asked, count) {
                return;
            }
        }
        self.again.push_back(Source::Relayed(at));
    }

    /// Whether the socket gave less than it was asked for; sets how much to ask for the next time.
    fn has_emptied(&mut self, asked: usize, got: usize) -> bool {
        self.batch = if got == asked { (asked * 4).min(BATCH_SIZE) } else { (got + 1).max(2) };
        got < asked
    }

    /// Does what a verdict says about a datagram that begins at `start` of the buffer.
    #[inline]
    fn follow(&mut self, verdict: Verdict, start: usize) {
        match verdict {
            Verdict::Nothing => {}
            Verdict::ToPeer { relay, to, payload, dont_fragment } => {
                if dont_fragment && payload.len() > unfragmented(to.0) {
                    self.outgoing.failed += 1;
                    return;
                }
                let to = Destination { via: Via::Relayed(relay.0), to: to.0, source: None };
                let payload = start + payload.start..start + payload.end;
                let parcel = Parcel { head: &[], padding: 0, payload };
                self.outgoing.push(to, parcel, &mut self.buffer, &self.datagrams);
            }
            Verdict::ToClient { client, head, payload } => {
                let payload = start + payload.start..start + payload.end;
                if client.transport.is_stream() {
                    let bytes = &self.buffer[payload];
                    self.streams.send(client, &head, bytes, &mut self.stats);
                } else {
                    let to = self.datagrams.to_client(client);
                    let parcel = Parcel { head: head.as_bytes(), padding: head.padding(), payload };
                    self.outgoing.push(to, parcel, &mut self.buffer, &self.datagrams);
                }
            }
        }
    }

    /// Does what the machine puts out.
    fn drain_outputs(&mut self, now: Time) {
        while let Some(output) = self.server.poll() {
            match output {
                Output::Reply { client, bytes } if client.transport.is_stream() => {
                    self.streams.answer(client, bytes);
                }
                Output::Reply { client, bytes } => {
                    let to = self.datagrams.to_client(client);
                    self.outgoing.send(to, &bytes, &self.datagrams);
                }
                Output::Probe { relay } => {
                    let outcome = self.relayed_socket(relay);
                    self.opened(relay, outcome.map(drop), now);
                }
                Output::Open { relay } => {
                    let outcome = self.open(relay);
                    self.opened(relay, outcome, now);
                }
                Output::Close { relay } => {
                    if let Some(socket) = self.datagrams.relayed.get_mut(relay.0 as usize) {
                        *socket = None;
                    }
                }
                Output::Disconnect { client } => self.close_stream(client.door & !STREAM_DOOR, now),
                Output::Borrowed { family, port } => self.tell_neighbours(family, port, true),
                Output::Returned { family, port } => self.tell_neighbours(family, port, false),
                Output::Usage(usage) => (self.sink)(usage),
            }
        }
    }

    fn tell_neighbours(&self, family: Family, port: u16, is_lent: bool) {
        for neighbour in &self.neighbours {
            neighbour.tell(Command::LentElsewhere { family, port, is_lent });
        }
    }

    fn opened(&mut self, relay: RelayId, outcome: io::Result<()>, now: Time) {
        if let Err(error) = &outcome {
            self.stats.failed_opens += 1;
            tracing::debug!(%error, "a relayed address could not be opened");
        }
        self.server.opened(relay, outcome.is_ok(), now);
    }

    fn relayed_socket(&self, relay: RelayId) -> io::Result<std::net::UdpSocket> {
        let address = self.server.local_address(relay).ok_or(io::ErrorKind::AddrNotAvailable)?;
        listen::relayed(address)
    }

    fn open(&mut self, relay: RelayId) -> io::Result<()> {
        let mut socket = UdpSocket::from_std(self.relayed_socket(relay)?);
        let token = Source::Relayed(relay.0).token();
        self.registry.register(&mut socket, token, Interest::READABLE)?;
        let at = relay.0 as usize;
        if self.datagrams.relayed.len() <= at {
            self.datagrams.relayed.resize_with(at + 1, || None);
        }
        self.datagrams.relayed[at] = Some(socket);
        Ok(())
    }

    // ---- TCP and TLS ----

    fn accept(&mut self, at: u32) {
        let transport = self.acceptors[at as usize].transport;
        for _ in 0..ACCEPT_TURN {
            match self.acceptors[at as usize].socket.accept() {
                Ok((socket, peer)) => {
                    let session = match transport {
                        Transport::Udp | Transport::Tcp => None,
                        Transport::Tls => match self.session() {
                            Some(session) => Some(session),
                            None => continue,
                        },
                    };
                    self.take_stream(socket, session, peer, transport, &[]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    // Out of descriptors, most likely: leave the rest for a later turn, and let time pass first.
                    tracing::debug!(%error, "a connection could not be accepted");
                    std::thread::sleep(Duration::from_millis(1));
                    break;
                }
            }
        }
        self.again.push_back(Source::Acceptor(at));
    }

    fn session(&self) -> Option<Box<rustls::ServerConnection>> {
        let config = self.tls.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        match rustls::ServerConnection::new(config) {
            Ok(session) => Some(Box::new(session)),
            Err(error) => {
                tracing::warn!(%error, "a TLS session could not be begun");
                None
            }
        }
    }

    /// Takes a connection, unless there are too many.
    fn take_stream(
        &mut self,
        mut socket: TcpStream,
        session: Option<Box<rustls::ServerConnection>>,
        peer: SocketAddr,
        transport: Transport,
        first: &[u8],
    ) {
        let now = time_since(self.zero);
        let limits = &self.streams.limits;
        let from_there = self.streams.sources.get(&peer.ip()).copied().unwrap_or(0);
        let count = self.streams.all.len() - self.streams.free.len();
        if count >= limits.connections || from_there >= limits.per_source {
            self.stats.refused_connections += 1;
            return;
        }
        let at = self.streams.free.pop().unwrap_or_else(|| {
            self.streams.all.push(None);
            (self.streams.all.len() - 1) as u32
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        let ready = socket.set_nodelay(true);
        let ready = ready.and_then(|()| self.registry.register(&mut socket, Source::Stream(at).token(), interest));
        if let Err(error) = ready {
            tracing::debug!(%error, "a connection could not be taken");
            self.streams.free.push(at);
            return;
        }
        let client = ClientAddr { addr: peer, transport, door: STREAM_DOOR | at };
        let backlog = self.streams.limits.backlog;
        self.streams.all[at as usize] = Some(Stream::new(socket, session, client, backlog, now));
        *self.streams.sources.entry(peer.ip()).or_default() += 1;
        self.stats.accepted += 1;
        self.streams.next_sweep.get_or_insert(now + SWEEP);
        if !first.is_empty() {
            self.with_stream(at, now, |worker, stream| {
                let client = stream.client;
                let outcome = stream.take_clear(first, &mut |message| worker.take_message(client, message, now));
                if outcome.is_err() { Outcome::Over } else { Outcome::More }
            });
        }
    }

    fn receive_from_stream(&mut self, at: u32) {
        let now = time_since(self.zero);
        self.with_stream(at, now, |worker, stream| {
            let client = stream.client;
            let mut scratch = std::mem::take(&mut worker.scratch);
            let mut outcome = Outcome::More;
            for _ in 0..TURN {
                outcome = stream.receive(&mut scratch, now, |message| worker.take_message(client, message, now));
                if outcome != Outcome::More {
                    break;
                }
            }
            worker.scratch = scratch;
            outcome
        });
    }

    /// Lets a connection out of the table while its messages are handled, and puts it back.
    fn with_stream(&mut self, at: u32, now: Time, act: impl FnOnce(&mut Worker, &mut Stream) -> Outcome) {
        let Some(mut stream) = self.streams.all.get_mut(at as usize).and_then(Option::take) else { return };
        let outcome = act(self, &mut stream);
        self.streams.all[at as usize] = Some(stream);
        for (at, bytes, is_answer) in std::mem::take(&mut self.streams.deferred) {
            self.streams.put(at, [&bytes, &[], &[]], is_answer);
        }
        match outcome {
            Outcome::Idle => {}
            Outcome::More => self.again.push_back(Source::Stream(at)),
            Outcome::Over => {
                // What it was answered last should reach it.
                self.streams.flush_one(at);
                self.close_stream(at, now);
            }
        }
    }

    /// Hands a message from a connection to the machine and does what it says.
    fn take_message(&mut self, client: ClientAddr, message: &[u8], now: Time) {
        match self.server.datagram(client, message, now) {
            Verdict::Nothing => {}
            Verdict::ToPeer { relay, to, payload, dont_fragment } => {
                if dont_fragment && payload.len() > unfragmented(to.0) {
                    self.outgoing.failed += 1;
                    return;
                }
                let to = Destination { via: Via::Relayed(relay.0), to: to.0, source: None };
                self.outgoing.send(to, &message[payload], &self.datagrams);
            }
            Verdict::ToClient { client, head, payload } if client.transport.is_stream() => {
                self.streams.send(client, &head, &message[payload], &mut self.stats);
            }
            Verdict::ToClient { client, head, payload } => {
                let mut bytes = Vec::with_capacity(Head::MOST + payload.len() + 4);
                bytes.extend_from_slice(head.as_bytes());
                bytes.extend_from_slice(&message[payload]);
                bytes.resize(bytes.len() + head.padding(), 0);
                let to = self.datagrams.to_client(client);
                self.outgoing.send(to, &bytes, &self.datagrams);
            }
        }
        if self.server.has_output() {
            self.drain_outputs(now);
        }
    }

    fn flush_streams(&mut self) {
        if self.streams.touched.is_empty() {
            return;
        }
        let now = time_since(self.zero);
        for at in std::mem::take(&mut self.streams.touched) {
            if !self.streams.flush_one(at) {
                self.close_stream(at, now);
            }
        }
    }

    fn close_stream(&mut self, at: u32, now: Time) {
        let Some(stream) = self.streams.all.get_mut(at as usize).and_then(Option::take) else { return };
        self.streams.free.push(at);
        if let Some(count) = self.streams.sources.get_mut(&stream.source()) {
            *count -= 1;
            if *count == 0 {
                self.streams.sources.remove(&stream.source());
            }
        }
        self.server.disconnected(stream.client, now);
        self.drain_outputs(now);
    }

    /// Closes connections that take too long to become useful.
    fn sweep(&mut self, now: Time) {
        let limits = &self.streams.limits;
        let is_late = |stream: &Stream| {
            let age = now.since(stream.opened);
            if self.server.has_allocation(stream.client) {
                return false;
            }
            (!stream.has_spoken && age > limits.patience) || now.since(stream.last_heard) > limits.idle
        };
        let late: Vec<u32> = (0u32..)
            .zip(&self.streams.all)
            .filter(|(_, stream)| stream.as_ref().is_some_and(is_late))
            .map(|(at, _)| at)
            .collect();
        for at in late {
            self.stats.timed_out += 1;
            self.close_stream(at, now);
        }
        let is_empty = self.streams.all.len() == self.streams.free.len();
        self.streams.next_sweep = (!is_empty).then_some(now + SWEEP);
    }

    // ---- time and commands ----

    fn keep_time(&mut self) {
        let now = time_since(self.zero);
        if self.server.timeout().is_some_and(|(at, _)| at <= now) {
            self.server.handle_timeout(now);
            self.drain_outputs(now);
        }
        if self.streams.next_sweep.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
        if self.next_forgive <= now {
            self.next_forgive = now + FORGIVE;
            self.outgoing.forgive(&self.probe);
            // The wall clock may have been set since.
            if let Ok(wall) = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
                self.server.set_wall_clock(Timestamp::from_millis(wall.as_millis() as i64), now);
            }
        }
    }

    fn obey(&mut self) {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Adopt { stream, tls, first, peer }) => {
                    if let Err(error) = stream.set_nonblocking(true) {
                        tracing::debug!(%error, "a connection could not be taken over");
                        continue;
                    }
                    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
                    self.take_stream(TcpStream::from_std(stream), tls, peer, transport, &first);
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
        shell.connections = (self.streams.all.len() - self.streams.free.len()) as u64;
        shell.failed_sends = self.outgoing.failed;
        shell.runs = self.outgoing.runs;
        RelayStats { relay: *self.server.stats(), shell, allocations: self.server.allocation_count() as u64 }
    }
}

impl Streams {
    /// Relayed bytes for a client: dropped when its reader is slow, as a datagram would be.
    fn send(&mut self, client: ClientAddr, head: &Head, payload: &[u8], stats: &mut ShellStats) {
        let at = client.door & !STREAM_DOOR;
        if !self.put(at, [head.as_bytes(), payload, &[0; 3][..head.padding()]], false) {
            stats.dropped_slow_reader += 1;
        }
    }

    /// An answer for a client. One that does not fit means that the client reads nothing at all: it will time out.
    fn answer(&mut self, client: ClientAddr, bytes: Vec<u8>) {
        self.put(client.door & !STREAM_DOOR, [&bytes, &[], &[]], true);
    }

    fn put(&mut self, at: u32, parts: [&[u8]; 3], is_answer: bool) -> bool {
        match self.all.get_mut(at as usize) {
            Some(Some(stream)) => {
                if !stream.has_backlog() {
                    self.touched.push(at);
                }
                stream.send(parts, is_answer)
            }
            // It is being read right now.
            Some(None) => {
                self.deferred.push((at, parts.concat(), is_answer));
                true
            }
            None => false,
        }
    }

    /// Writes what waits; says whether the connection is still good.
    fn flush_one(&mut self, at: u32) -> bool {
        match self.all.get_mut(at as usize) {
            Some(Some(stream)) => stream.flush().is_ok(),
            Some(None) | None => true,
        }
    }
}

/// Receives up to `asked` datagrams into the slots of `buffer`; gives nothing when there are none.
fn receive(
    state: &UdpSocketState,
    socket: &UdpSocket,
    buffer: &mut [u8],
    asked: usize,
    meta: &mut [RecvMeta; BATCH_SIZE],
) -> Option<usize> {
    let mut slots = buffer.chunks_exact_mut(SLOT);
    let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
        std::array::from_fn(|_| IoSliceMut::new(slots.next().map_or(&mut [], |slot| &mut slot[HEADROOM..])));
    loop {
        match state.recv(socket.into(), &mut slices[..asked], meta) {
            Ok(count) => return Some(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            // A peer's port is closed, say; the next call gives the datagrams.
            Err(_) => continue,
        }
    }
}

/// The datagrams of one receive: the kernel may have put several together.
fn segments(start: usize, meta: &RecvMeta) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
    let (end, stride) = (start + meta.len, meta.stride.max(1));
    // An empty datagram is a datagram as well.
    let count = meta.len.div_ceil(stride).max(1);
    (0..count).map(move |at| start + at * stride..(start + (at + 1) * stride).min(end))
}

/// The largest payload that is not fragmented on an ordinary path.
fn unfragmented(to: SocketAddr) -> usize {
    if to.is_ipv4() { 1_472 } else { 1_452 }
}
