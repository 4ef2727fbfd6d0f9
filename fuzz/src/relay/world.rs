//! The shell around the machine: sockets, clock, and the watching.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use centrale_model::{Time, Timestamp};
use centrale_relay::server::{Cap, Config, Fact, Limits, OpenWhen, Output, RelayAddress, Verdict};
use centrale_relay::stun::{Class, Message, Method, TransactionId, Writer, attribute};
use centrale_relay::{PeerAddr, PeerRules, RelayId, Server};

use super::client::{Client, Manner, clients};
use crate::bytes::Bytes;
use crate::reach::reached;

pub(crate) const SECRET: &[u8] = b"the relay secret";
pub(crate) const REALM: &str = "relay.example";
/// The wall clock at birth, in seconds.
pub(crate) const WALL: i64 = 1_700_000_000;

const PORTS: std::ops::RangeInclusive<u16> = 50_000..=50_007;
const NODE_PORTS: std::ops::RangeInclusive<u16> = 50_000..=50_015;
const LISTENER: &str = "192.88.0.1:3478";
const RELAY_V4: &str = "192.88.0.1";
const RELAY_V6: &str = "2a00:1::1";
/// Peers: public, inside an allowed block, refused, disguised, our own.
const PEERS: [&str; 12] = [
    "8.8.8.8:53",
    "8.8.8.8:54",
    "9.9.9.9:0",
    "10.1.0.5:9",
    "10.2.0.5:9",
    "127.0.0.1:80",
    "169.254.169.254:80",
    "[2606:4700::1111]:443",
    "[::1]:9",
    "[::ffff:10.2.0.1]:7",
    LISTENER,
    "192.88.0.1:50012",
];
/// Bytes of the biggest packet a client sends.
const BIG: u64 = 255 * 200;
const PERMISSION: Duration = Duration::from_secs(300);
const CHANNEL: Duration = Duration::from_secs(600);

pub(crate) struct World {
    server: Server,
    rules: PeerRules,
    now: Time,
    clients: Vec<Client>,
    opening: Vec<RelayId>,
    open: BTreeMap<RelayId, SocketAddr>,
    /// Whether sockets open as soon as they are asked for, or when all else that was put out with the wish is done.
    opens_at_once: bool,
    /// Which sockets will not open: one bit for each of the next ones, around and around.
    luck: u8,
    up: u64,
    down: u64,
    billed_up: u64,
    billed_down: u64,
    bills: BTreeSet<String>,
}

impl World {
    /// - `kind`: bits that choose the configuration.
    pub(crate) fn new(kind: u8) -> World {
        let block = |text: &str| text.parse().expect("a block");
        let rules = PeerRules { allowed: vec![block("10.1.0.0/16")], denied: vec![block("9.9.9.0/24")] };
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        // Bit 4: behind a one-to-one NAT.
        let local = if kind & 16 == 0 { address(RELAY_V4) } else { IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9)) };

        let config = Config {
            realm: REALM.to_owned(),
            secret: SECRET.to_vec(),
            seed: [kind; 32],
            instance: 7,
            wall_at_zero: Timestamp::from_secs(WALL),
            relay_v4: Some(RelayAddress { local, advertised: address(RELAY_V4) }),
            relay_v6: (kind & 8 == 0).then(|| RelayAddress { local: address(RELAY_V6), advertised: address(RELAY_V6) }),
            ports: PORTS,
            node_ports: NODE_PORTS,
            listeners: vec![LISTENER.parse().expect("an address")],
            peers: rules.clone(),
            limits: Limits {
                allocations: 5,
                user: Cap {
                    allocations: 3,
                    bytes_per_second: if kind & 32 != 0 { 1_000 } else { 0 },
                    bytes_per_day: if kind & 4 != 0 { 3 * BIG } else { 0 },
                },
                // Several users share a source, and all of them a resource.
                source: Cap {
                    allocations: 2,
                    bytes_per_second: if kind & 32 != 0 { 1_100 } else { 0 },
                    bytes_per_day: if kind & 4 != 0 { 4 * BIG } else { 0 },
                },
                resource: Cap {
                    allocations: 4,
                    bytes_per_second: if kind & 32 != 0 { 1_200 } else { 0 },
                    bytes_per_day: if kind & 4 != 0 { 5 * BIG } else { 0 },
                },
                permissions: 4,
                channels: 3,
                stranger_answers_per_second: if kind & 64 != 0 { 2 } else { 0 },
                stranger_answers_in_all: 0,
                stranger_buckets: 16,
                users: 8,
                lifetime: Duration::from_secs(3600),
            },
            nonce_lifetime: Duration::from_secs(1800),
            usage_interval: Duration::from_secs(10),
            open: if kind & 128 == 0 { OpenWhen::Permitted } else { OpenWhen::Allocated },
        };
        World {
            server: Server::new(config),
            rules,
            now: Time::from_secs(1),
            clients: clients(),
            opening: Vec::new(),
            open: BTreeMap::new(),
            opens_at_once: true,
            luck: 0,
            up: 0,
            down: 0,
            billed_up: 0,
            billed_down: 0,
            bills: BTreeSet::new(),
        }
    }

    pub(crate) fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 16 {
            0 => self.ask(bytes, Method::ALLOCATE, Some(Manner::Unsigned)),
            1 => self.ask(bytes, Method::ALLOCATE, None),
            2 => self.ask(bytes, Method::CREATE_PERMISSION, None),
            3 => self.ask(bytes, Method::CHANNEL_BIND, None),
            4 => self.channel_data(bytes),
            5 => self.peer_sends(bytes),
            6 => self.send_indication(bytes),
            7 => self.wait(Duration::from_secs(u64::from(bytes.byte()))),
            8 => self.ask(bytes, Method::REFRESH, None),
            9 => self.ask(bytes, Method::BINDING, Some(Manner::Unsigned)),
            10 => self.raw(bytes),
            11 => self.wait(Duration::from_millis(u64::from(bytes.word()))),
            12 => self.disconnect(bytes),
            13 => self.opens_at_once = bytes.byte() % 2 == 0,
            14 => self.luck = bytes.byte(),
            _ => self.operate(bytes),
        }
    }

    /// Ends everything and adds up.
    pub(crate) fn end(mut self) {
        self.server.close_all(self.now);
        self.drain();
        assert!(self.open.is_empty(), "sockets left open: {:?}", self.open);
        assert_eq!(self.server.allocation_count(), 0);
        let stats = *self.server.stats();
        reached(stats.entries());
        assert_eq!(
            (self.billed_up, self.billed_down),
            (stats.bytes_up, stats.bytes_down),
            "billed is what was counted"
        );
        assert_eq!(self.down, stats.bytes_down, "counted is what came to clients");
        assert!(self.up <= stats.bytes_up, "what crossed is counted, and what was lost on the way across too");
        assert_eq!(stats.allocations, stats.ended, "each allocation ended once");
    }

    fn ask(&mut self, bytes: &mut Bytes<'_>, method: Method, manner: Option<Manner>) {
        let who = bytes.below(self.clients.len());
        let detail = bytes.byte();
        let flags = bytes.byte();
        let (seal, user) = (bytes.byte(), bytes.byte());
        let manner = manner.unwrap_or(Manner::of(seal));
        if manner != Manner::Unsigned && self.clients[who].nonce.is_empty() {
            self.challenge(who);
        }
        let user = if user % 8 == 0 { user as usize / 8 } else { who };
        let peer = self.peer(detail);
        let number = 0x4000 + u16::from(flags % 6);
        let now = self.now;
        let request = self.clients[who].request(method, user, manner, now, |writer| match method {
            Method::ALLOCATE => {
                let mut writer =
                    writer.attribute(attribute::REQUESTED_TRANSPORT, &[if flags == 255 { 6 } else { 17 }, 0, 0, 0]);
                match flags % 8 {
                    1 => writer = writer.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[1 + detail % 3, 0, 0, 0]),
                    2 => writer = writer.attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                    3 => writer = writer.attribute(attribute::EVEN_PORT, &[detail & 0x80]),
                    4 => writer = writer.number(attribute::LIFETIME, u32::from(detail) * 40),
                    5 => writer = writer.attribute(attribute::RESERVATION_TOKEN, &[detail; 8]),
                    6 => writer = writer.attribute(0x7000 + u16::from(detail), b"??"),
                    _ => {}
                }
                writer
            }
            Method::CREATE_PERMISSION => {
                let writer = writer.xor_address(attribute::XOR_PEER_ADDRESS, peer);
                if flags % 4 == 1 {
                    writer.xor_address(attribute::XOR_PEER_ADDRESS, ([8, 8, 4, 4], 1).into())
                } else {
                    writer
                }
            }
            Method::CHANNEL_BIND => {
                let number = if flags == 255 { 0x3fff } else { number };
                let [high, low] = number.to_be_bytes();
                writer
                    .attribute(attribute::CHANNEL_NUMBER, &[high, low, 0, 0])
                    .xor_address(attribute::XOR_PEER_ADDRESS, peer)
            }
            Method::REFRESH => match flags % 4 {
                0 => writer.number(attribute::LIFETIME, 0),
                1 => writer.number(attribute::LIFETIME, 600 + u32::from(detail)),
                2 => writer
                    .number(attribute::LIFETIME, 0)
                    .attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[1 + detail % 2, 0, 0, 0]),
                _ => writer,
            },
            _ => writer,
        });
        // What it asks for soundly, it may get: the model grants it from here on, at the latest until its time from here. The
        // answer may come later than the grant when a socket has to open first, never earlier than the question.
        let client = &mut self.clients[who];
        if matches!(manner, Manner::Sound | Manner::Sha256 | Manner::Repeated) {
            if matches!(method, Method::CREATE_PERMISSION | Method::CHANNEL_BIND) {
                client.permitted.insert(peer.ip(), now + PERMISSION);
                if method == Method::CREATE_PERMISSION && flags % 4 == 1 {
                    client.permitted.insert([8, 8, 4, 4].into(), now + PERMISSION);
                }
            }
            if method == Method::CHANNEL_BIND {
                client.channels.entry(number).or_default().push((peer, now + CHANNEL));
            }
        }
        self.hand_in(who, &request);
    }

    /// Makes a client ask without credentials, as each does first.
    fn challenge(&mut self, who: usize) {
        let now = self.now;
        let request = self.clients[who].request(Method::ALLOCATE, who, Manner::Unsigned, now, |writer| {
            writer.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        });
        self.hand_in(who, &request);
    }

    /// Gives a client an allocation and a channel, so that histories need not be lucky to reach the packet path.
    pub(crate) fn warm(&mut self, who: usize, peer: u8) {
        let who = who as u8;
        self.ask(&mut Bytes::new(&[who, 0, 2, 0, 1]), Method::ALLOCATE, None);
        self.ask(&mut Bytes::new(&[who, peer, 0, 0, 1]), Method::CHANNEL_BIND, None);
    }

    fn channel_data(&mut self, bytes: &mut Bytes<'_>) {
        let who = bytes.below(self.clients.len());
        let (number, claim, size) = (bytes.byte(), bytes.byte(), bytes.byte());
        // Every fourth is big: limits of bandwidth are only met by bytes.
        let size = u16::from(size) * if claim % 4 == 1 { 200 } else { 1 };
        let payload: Vec<u8> = (0..size).map(|place| place as u8 ^ number).collect();
        let mut datagram = (0x4000 + u16::from(number % 7)).to_be_bytes().to_vec();
        let length = if claim < 250 { size } else { u16::from(claim) + size / 2 };
        datagram.extend_from_slice(&length.to_be_bytes());
        datagram.extend_from_slice(&payload);
        self.hand_in(who, &datagram);
    }

    fn send_indication(&mut self, bytes: &mut Bytes<'_>) {
        let who = bytes.below(self.clients.len());
        let peer = self.peer(bytes.byte());
        let flags = bytes.byte();
        let payload = bytes.take(usize::from(flags % 16));
        let mut writer = Writer::new(Class::Indication, Method::SEND, TransactionId([flags; 12]));
        if flags & 0x80 == 0 {
            writer = writer.xor_address(attribute::XOR_PEER_ADDRESS, peer);
        }
        if flags & 0x40 != 0 {
            writer = writer.attribute(attribute::DONT_FRAGMENT, &[]);
        }
        if flags & 0x20 == 0 {
            writer = writer.attribute(attribute::DATA, payload);
        }
        let datagram = writer.finish();
        self.hand_in(who, &datagram);
    }

    /// Any bytes from a client: noise, or a sound message with a few bytes changed.
    fn raw(&mut self, bytes: &mut Bytes<'_>) {
        let who = bytes.below(self.clients.len());
        let kind = bytes.byte();
        let noise = bytes.take(usize::from(kind % 64));
        let datagram = match kind >> 6 {
            0 => noise.to_vec(),
            1 => [&[0x40, 0][..], noise].concat(),
            _ => {
                let now = self.now;
                let mut request = self.clients[who].request(Method::ALLOCATE, who, Manner::Sha256, now, |writer| {
                    writer.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
                });
                for (place, byte) in noise.chunks_exact(2).map(|pair| (usize::from(pair[0]), pair[1])) {
                    let last = request.len() - 1;
                    // The transaction stays: answers are told apart by it.
                    let place = place.min(last);
                    if !(8..20).contains(&place) && !(0..2).contains(&place) {
                        request[place] ^= byte;
                    }
                }
                request
            }
        };
        // Noise may be a question that the client does not remember having asked.
        if let Ok(message) = Message::parse(&datagram) {
            if !self.clients[who].asked.contains_key(&message.transaction().0) {
                return;
            }
        }
        self.hand_in(who, &datagram);
    }

    fn peer_sends(&mut self, bytes: &mut Bytes<'_>) {
        let peer = self.peer(bytes.byte());
        let (which, size) = (bytes.byte(), bytes.byte());
        let Some((relay, _)) = self.open.iter().nth(usize::from(which) % self.open.len().max(1)) else { return };
        let relay = *relay;
        let datagram: Vec<u8> = (0..size).map(|place| place.wrapping_mul(3)).collect();
        let verdict = self.server.from_peer(relay, PeerAddr(peer), &datagram, self.now);
        match verdict {
            Verdict::Nothing => {}
            Verdict::ToPeer { .. } => panic!("what a peer sends goes to a client"),
            Verdict::ToClient { client, head, payload } => {
                assert_eq!(payload, 0..datagram.len(), "all of it");
                self.down += datagram.len() as u64;
                self.comes(client, Some(peer), head.as_bytes(), &datagram[payload], head.padding());
            }
        }
        self.drain();
    }

    fn hand_in(&mut self, who: usize, datagram: &[u8]) {
        let address = self.clients[who].address;
        let verdict = self.server.datagram(address, datagram, self.now);
        match verdict {
            Verdict::Nothing => {}
            Verdict::ToPeer { relay, to, payload, .. } => {
                let payload = &datagram[payload];
                self.up += payload.len() as u64;
                assert!(self.open.contains_key(&relay), "from an open socket");
                self.may_go(who, to.0, datagram);
            }
            Verdict::ToClient { client, head, payload } => {
                let payload = &datagram[payload];
                self.up += payload.len() as u64;
                self.down += payload.len() as u64;
                self.comes(client, None, head.as_bytes(), payload, head.padding());
            }
        }
        self.drain();
    }

    /// Whether the model allows that this client's bytes go there.
    fn may_go(&self, who: usize, to: SocketAddr, datagram: &[u8]) {
        let is_of_node = NODE_PORTS.contains(&to.port()) && !self.rules.allows(to.ip())
            || [RELAY_V4, RELAY_V6].iter().any(|ip| to.ip().to_string() == *ip);
        assert!(self.rules.allows(to.ip()) || is_of_node, "{to} is refused by the rules");
        assert_ne!(to.to_string(), LISTENER, "nobody is relayed to ourselves");
        let client = &self.clients[who];
        if datagram[0] >= 0x40 {
            let number = u16::from_be_bytes([datagram[0], datagram[1]]);
            let bound = client.channels.get(&number).into_iter().flatten();
            let is_bound = bound.clone().any(|(peer, until)| {
                (peer.ip() == to.ip() || is_of_node) && peer.port() == to.port() && *until > self.now
            });
            assert!(is_bound, "channel {number:#x} to {to} at {:?}", self.now);
        } else {
            let is_permitted =
                client.permitted.iter().any(|(ip, until)| (*ip == to.ip() || is_of_node) && *until > self.now);
            assert!(is_permitted, "{to} at {:?}", self.now);
        }
    }

    /// Checks what comes to a client: its head fits, and it is from somebody the client asked for.
    fn comes(
        &self,
        to: centrale_relay::ClientAddr,
        peer: Option<SocketAddr>,
        head: &[u8],
        payload: &[u8],
        padding: usize,
    ) {
        let client = self.clients.iter().find(|client| client.address == to).expect("a client of this world");
        let mut whole = [head, payload].concat();
        whole.resize(whole.len() + padding, 0);
        if to.transport.is_stream() || head.len() > 4 {
            assert!(whole.len().is_multiple_of(4), "padded");
        }
        if head.len() == 4 {
            let number = u16::from_be_bytes([head[0], head[1]]);
            assert_eq!(usize::from(u16::from_be_bytes([head[2], head[3]])), payload.len());
            // The same number may have been asked for several peers; one that fits in everything will do.
            let is_asked = client.channels.get(&number).into_iter().flatten().any(|(from, until)| {
                let is_sender = peer.is_none_or(|peer| peer == *from || is_inner(peer));
                let is_permitted = client.permitted.get(&from.ip()).is_some_and(|until| *until > self.now);
                *until > self.now && is_sender && is_permitted
            });
            assert!(is_asked, "a channel that the client asked for, to a peer that is permitted");
            return;
        }
        let message = Message::parse(&whole).expect("a Data indication parses");
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
        assert_eq!(message.get(attribute::DATA), Some(payload));
        let value = message.get(attribute::XOR_PEER_ADDRESS).expect("it says who sent it");
        let from = attribute::read_xor_address(value, message.transaction()).expect("an address");
        assert!(peer.is_none_or(|peer| peer == from || is_inner(peer)), "{peer:?} sent it, not {from}");
        let until = client.permitted.get(&from.ip()).expect("an address that the client asked for");
        assert!(*until > self.now, "{from}: the permission has passed");
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
        self.server.handle_timeout(self.now);
        self.drain();
        if let Some((at, why)) = self.server.timeout() {
            assert!(at > self.now, "{why:?} again at {at:?}, which has passed");
        }
    }

    fn disconnect(&mut self, bytes: &mut Bytes<'_>) {
        let who = bytes.below(self.clients.len());
        let address = self.clients[who].address;
        if address.transport.is_stream() {
            self.server.disconnected(address, self.now);
            self.clients[who].forget();
            self.drain();
        }
    }

    fn operate(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 16 {
            0 => self.server.drain(vec!["192.88.0.2:3478".parse().expect("an address")]),
            1 => self.server.revoke(super::client::USERS[bytes.below(3)], self.now + Duration::from_secs(60), self.now),
            2 => {
                let ahead = self.now.since(Time::ZERO) + Duration::from_secs(u64::from(bytes.byte()));
                self.server.set_wall_clock(Timestamp::from_secs(WALL).plus(ahead), self.now);
            }
            _ => {}
        }
        self.drain();
    }

    fn try_to_open(&mut self, relay: RelayId) {
        let fails = self.luck & 1 != 0;
        self.luck = self.luck.rotate_right(1);
        self.opened(relay, !fails);
    }

    fn opened(&mut self, relay: RelayId, mut is_open: bool) {
        // Whoever wished for it may have ended since, when another of its sockets would not open.
        is_open &= self.server.local_address(relay).is_some();
        if is_open {
            let address = self.server.local_address(relay).expect("it was there a line ago");
            assert!(PORTS.contains(&address.port()), "{address} is not ours to lend");
            assert!(!self.open.values().any(|other| *other == address), "{address} is lent twice");
            assert!(self.open.insert(relay, address).is_none(), "opened twice");
        }
        self.server.opened(relay, is_open, self.now);
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        loop {
            let Some(output) = self.server.poll() else {
                let Some(relay) = self.opening.pop() else { break };
                self.try_to_open(relay);
                continue;
            };
            outputs += 1;
            assert!(outputs < 200, "no end of outputs");
            match output {
                Output::Reply { client, bytes } => {
                    let client = self.clients.iter_mut().find(|c| c.address == client).expect("a client of this world");
                    client.answered(&bytes);
                }
                Output::Probe { relay } => self.server.opened(relay, true, self.now),
                Output::Open { relay } => {
                    assert!(!self.open.contains_key(&relay), "asked to open twice");
                    assert!(!self.opening.contains(&relay), "asked to open twice");
                    if self.opens_at_once {
                        self.try_to_open(relay);
                    } else {
                        self.opening.push(relay);
                    }
                }
                Output::Close { relay } => {
                    self.open.remove(&relay);
                    self.opening.retain(|other| *other != relay);
                }
                Output::Disconnect { client } => {
                    assert!(client.transport.is_stream(), "only connections can be closed");
                    self.server.disconnected(client, self.now);
                }
                // What neighbours on the same node are told.
                Output::Borrowed { port, .. } | Output::Returned { port, .. } => assert!(NODE_PORTS.contains(&port)),
                Output::Usage(Fact::Refused(refused)) => assert!(refused.times > 0 && refused.to >= refused.from),
                Output::Usage(Fact::Relayed(usage)) => {
                    assert!(self.bills.insert(usage.id.to_string()), "{} twice", usage.id);
                    assert!(usage.from <= usage.to && usage.started <= usage.from);
                    self.billed_up += usage.bytes_up;
                    self.billed_down += usage.bytes_down;
                }
            }
        }
        assert!(!self.server.has_output());
        assert!(self.server.allocation_count() <= self.clients.len().min(5));
    }

    /// A peer: one of the list, or a relayed address of some client.
    fn peer(&self, byte: u8) -> SocketAddr {
        let choice = usize::from(byte) % (PEERS.len() + 4);
        if let Some(text) = PEERS.get(choice) {
            return text.parse().expect("an address");
        }
        let relayed: Vec<SocketAddr> = self.clients.iter().flat_map(|client| client.relayed.iter().copied()).collect();
        relayed.get(usize::from(byte / 16) % relayed.len().max(1)).copied().unwrap_or(([8, 8, 8, 8], 53).into())
    }
}

/// The inner side of the one-to-one NAT: a client knows it by its outer side.
fn is_inner(peer: SocketAddr) -> bool {
    peer.ip() == IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9))
}
