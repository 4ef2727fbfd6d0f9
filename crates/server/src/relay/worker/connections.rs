//! TCP and TLS clients.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::PoisonError;
use std::time::Duration;

use centrale_model::Time;
use centrale_relay::{ClientAddr, Head, Transport, Verdict};

use super::super::config::StreamLimits;
use super::super::handle::{ShellStats, time_since};
use super::super::outgoing::{Destination, Via};
use super::super::ready::Source;
use super::super::stream::{Outcome, Stream};
use super::{TURN, Worker, unfragmented};

/// Connections taken before others have their turn.
const ACCEPT_TURN: usize = 64;
/// How often slow connections are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// The door number of a connection: above those of listeners.
pub(super) const STREAM_DOOR: u32 = 0x8000_0000;

/// Where connections come.
pub(super) struct Acceptor {
    pub(super) socket: TcpListener,
    pub(super) transport: Transport,
}

/// The connections.
pub(super) struct Streams {
    pub(super) all: Vec<Option<Stream>>,
    pub(super) free: Vec<u32>,
    sources: BTreeMap<IpAddr, u32>,
    limits: StreamLimits,
    /// Connections with something to write, flushed at the end of a turn: several messages, one write.
    pub(super) touched: Vec<u32>,
    /// Messages for a connection that is being read right now.
    deferred: Vec<(u32, Vec<u8>, bool)>,
    pub(super) next_sweep: Option<Time>,
}

impl Streams {
    pub(super) fn new(limits: StreamLimits) -> Streams {
        Streams {
            all: Vec::new(),
            free: Vec::new(),
            sources: BTreeMap::new(),
            limits,
            touched: Vec::new(),
            deferred: Vec::new(),
            next_sweep: None,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// Relayed bytes for a client: dropped when its reader is slow, as a datagram would be.
    pub(super) fn send(&mut self, client: ClientAddr, head: &Head, payload: &[u8], stats: &mut ShellStats) {
        let at = client.door & !STREAM_DOOR;
        if !self.put(at, [head.as_bytes(), payload, &[0; 3][..head.padding()]], false) {
            stats.dropped_slow_reader += 1;
        }
    }

    /// An answer for a client. One that does not fit means that the client reads nothing at all: it will time out.
    pub(super) fn answer(&mut self, client: ClientAddr, bytes: Vec<u8>) {
        self.put(client.door & !STREAM_DOOR, [&bytes, &[], &[]], true);
    }

    pub(super) fn put(&mut self, at: u32, parts: [&[u8]; 3], is_answer: bool) -> bool {
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
    pub(super) fn flush_one(&mut self, at: u32) -> bool {
        match self.all.get_mut(at as usize) {
            Some(Some(stream)) => stream.flush().is_ok(),
            Some(None) | None => true,
        }
    }
}
impl Worker {
    pub(super) fn accept(&mut self, at: u32) {
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

    pub(super) fn session(&self) -> Option<Box<rustls::ServerConnection>> {
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
    pub(super) fn take_stream(
        &mut self,
        socket: TcpStream,
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
        let ready = socket.set_nonblocking(true).and_then(|()| socket.set_nodelay(true));
        let ready = ready.and_then(|()| self.ready.watch_changes(&socket, Source::Stream(at)));
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

    pub(super) fn receive_from_stream(&mut self, at: u32) {
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
    pub(super) fn with_stream(&mut self, at: u32, now: Time, act: impl FnOnce(&mut Worker, &mut Stream) -> Outcome) {
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
    pub(super) fn take_message(&mut self, client: ClientAddr, message: &[u8], now: Time) {
        match self.server.datagram(client, message, now) {
            Verdict::Nothing => {}
            Verdict::ToPeer { relay, to, payload, dont_fragment } => {
                if dont_fragment && payload.len() > unfragmented(to.0) {
                    self.outgoing.failed += 1;
                    return;
                }
                let to = Destination { via: Via::Relayed(relay.0), to: to.0, source: None };
                self.outgoing.send(&to, &message[payload], &self.datagrams);
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
                self.outgoing.send(&to, &bytes, &self.datagrams);
            }
        }
        if self.server.has_output() {
            self.drain_outputs(now);
        }
    }

    pub(super) fn flush_streams(&mut self) {
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

    pub(super) fn close_stream(&mut self, at: u32, now: Time) {
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
    pub(super) fn sweep(&mut self, now: Time) {
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
}
