//! A network that delays, loses and repeats.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use core::net::SocketAddr;

use centrale_model::Time;

use crate::peer::{Arrived, Config, Dialing, Host, OfferedLine, Output, Peer, Rtp};
use crate::rtp::{ExtensionIds, Extensions, Header, Span};
use crate::sdp::Kind;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Client,
    Server,
}

impl End {
    fn other(self) -> End {
        match self {
            End::Client => End::Server,
            End::Server => End::Client,
        }
    }
}

pub(super) const SERVER: SocketAddr =
    SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)), 3478);
const CLIENT: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(198, 51, 100, 7)), 40_000);

/// How long a datagram is on its way.
const DELAY: Duration = Duration::from_millis(10);

/// A client, a server, and what is between them.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) client: Peer,
    pub(super) server: Peer,
    /// Where the client's datagrams seem to come from.
    pub(super) client_at: SocketAddr,
    /// Of 256 datagrams so many are lost, and so many come twice.
    pub(super) lost: u8,
    pub(super) repeated: u8,
    /// Nothing gets through.
    pub(super) is_cut: bool,
    wire: BTreeMap<(Time, u64), (End, SocketAddr, Vec<u8>)>,
    sent: u64,
    chance: u64,
    pub(super) outputs: VecDeque<(End, Output)>,
    pub(super) arrived: Vec<(End, Arrived, Vec<u8>)>,
}

#[expect(clippy::disallowed_methods, reason = "a test is the shell that has a clock")]
pub(super) fn host() -> Arc<Host> {
    static HOST: OnceLock<Arc<Host>> = OnceLock::new();
    HOST.get_or_init(|| Arc::new(Host::new(vec![SERVER], Instant::now()))).clone()
}

pub(super) fn config(seed: u8) -> Config {
    Config::new(host(), [seed; 32])
}

pub(super) fn line(kind: Kind, sends: bool, receives: bool, rids: &[&str]) -> OfferedLine {
    OfferedLine { kind, sends, receives, formats: Vec::new(), rids: rids.iter().map(|rid| (*rid).to_owned()).collect() }
}

/// What a participant offers: voice both ways, a camera in layers, one picture to see, data.
pub(super) fn usual_lines() -> Vec<OfferedLine> {
    vec![
        line(Kind::Audio, true, true, &[]),
        line(Kind::Video, true, false, &["h", "m", "l"]),
        line(Kind::Video, false, true, &[]),
        line(Kind::Data, false, false, &[]),
    ]
}

impl World {
    pub(super) fn new() -> World {
        World::with(Peer::dial(config(1), &usual_lines()))
    }

    pub(super) fn with(dialing: Dialing) -> World {
        let (server, answer) = Peer::answer(config(2), dialing.offer(), Time::ZERO).expect("our own offer");
        let client = dialing.connect(&answer, Time::ZERO).expect("our own answer");
        World::between(client, server)
    }

    pub(super) fn between(client: Peer, server: Peer) -> World {
        World {
            now: Time::ZERO,
            client,
            server,
            client_at: CLIENT,
            lost: 0,
            repeated: 0,
            is_cut: false,
            wire: BTreeMap::new(),
            sent: 0,
            chance: 88_172_645_463_325_252,
            outputs: VecDeque::new(),
            arrived: Vec::new(),
        }
    }

    /// A world that is connected, with everything that led to it forgotten.
    pub(super) fn connected() -> World {
        let mut world = World::new();
        world.run(Duration::from_secs(2));
        assert!(world.client.is_connected() && world.server.is_connected());
        world.outputs.clear();
        world
    }

    pub(super) fn peer(&mut self, end: End) -> &mut Peer {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }

    /// Lets time pass, event by event.
    pub(super) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        self.drain();
        loop {
            let timers = [End::Client, End::Server].map(|end| (self.peer(end).timeout().map(|(at, _)| at), end));
            let timer = timers.into_iter().filter_map(|(at, end)| Some((at?, end))).min();
            let datagram = self.wire.keys().next().copied();
            let next_timer = timer.map_or(Time::FOREVER, |(at, _)| at);
            let next_datagram = datagram.map_or(Time::FOREVER, |(at, _)| at);
            let next = next_timer.min(next_datagram);
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            let now = self.now;
            match (datagram, timer) {
                (Some(key), _) if next_datagram <= next_timer => {
                    let (to, from, mut bytes) = self.wire.remove(&key).expect("it was there");
                    let arrived = self.peer(to).datagram(from, &mut bytes, now);
                    if arrived != Arrived::Nothing {
                        self.arrived.push((to, arrived, bytes));
                    }
                }
                (_, Some((_, end))) => self.peer(end).handle_timeout(now),
                (_, None) => break,
            }
            self.drain();
        }
        self.now = until;
    }

    fn drain(&mut self) {
        for end in [End::Client, End::Server] {
            while let Some(output) = self.peer(end).poll() {
                match output {
                    Output::Transmit { to, bytes } => self.transmit(end, to, bytes),
                    other => self.outputs.push_back((end, other)),
                }
            }
        }
    }

    /// Puts a datagram on its way.
    pub(super) fn transmit(&mut self, from: End, to: SocketAddr, bytes: Vec<u8>) {
        let is_reachable = match from {
            End::Client => to == SERVER,
            End::Server => to == self.client_at,
        };
        let copies = if self.chance(self.lost) || self.is_cut || !is_reachable {
            0
        } else {
            1 + usize::from(self.chance(self.repeated))
        };
        let source = if from == End::Client { self.client_at } else { SERVER };
        for copy in 0..copies {
            self.sent += 1;
            let at = self.now + DELAY + Duration::from_millis(3 * copy as u64);
            self.wire.insert((at, self.sent), (from.other(), source, bytes.clone()));
        }
    }

    fn chance(&mut self, of_256: u8) -> bool {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 20) as u8 % 255 < of_256
    }

    /// Sends an RTP packet from one end.
    pub(super) fn send_rtp(&mut self, from: End, header: &Header, names: &[u8], payload: &[u8]) {
        let mut buffer = vec![0; 1500];
        let ids = self.peer(from).negotiated().extensions;
        let length = header.write(names, &ids, &mut buffer).expect("there is room");
        buffer[length..length + payload.len()].copy_from_slice(payload);
        let sealed = self.peer(from).seal_rtp(&mut buffer, length + payload.len()).expect("connected");
        buffer.truncate(sealed);
        let to = self.peer(from).path().expect("a path");
        self.transmit(from, to, buffer);
    }

    /// The RTP packets that came to one end, with their payloads; forgets them.
    pub(super) fn received(&mut self, end: End) -> Vec<(Rtp, Vec<u8>)> {
        let (mine, others) = core::mem::take(&mut self.arrived).into_iter().partition(|(to, _, _)| *to == end);
        self.arrived = others;
        let mine: Vec<(End, Arrived, Vec<u8>)> = mine;
        mine.into_iter()
            .filter_map(|(_, arrived, bytes)| match arrived {
                Arrived::Rtp(rtp) => Some((rtp, bytes[rtp.payload()].to_vec())),
                Arrived::Rtcp { .. } | Arrived::Nothing => None,
            })
            .collect()
    }

    /// The outputs of one end; forgets them.
    pub(super) fn told(&mut self, end: End) -> Vec<Output> {
        let (mine, others) = core::mem::take(&mut self.outputs).into_iter().partition(|(by, _)| *by == end);
        self.outputs = others;
        let mine: VecDeque<(End, Output)> = mine;
        mine.into_iter().map(|(_, output)| output).collect()
    }
}

/// A header of a stream, with names of m-line and layer in the extensions; use [`names`] for writing.
pub(super) fn header(payload_type: u8, sequence: u16, ssrc: u32) -> Header {
    Header { payload_type, sequence, ssrc, timestamp: u32::from(sequence) * 960, ..Default::default() }
}

/// Fills in a name; its text must be the whole of what is given to `write`.
pub(super) fn with_mid(mut header: Header, mid: &[u8]) -> Header {
    header.extensions = Extensions { mid: Span::whole(mid), ..header.extensions };
    header
}

/// Numbers that are not agreed with anybody.
pub(super) fn no_ids() -> ExtensionIds {
    ExtensionIds::default()
}
