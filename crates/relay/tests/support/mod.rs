//! A server in a hand-moved hour, and clients that know the password.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use core::net::SocketAddr;
use core::time::Duration;

use centrale_model::{Time, Timestamp};
use centrale_relay::stun::{Class, Message, Method, TransactionId, Writer, attribute};
use centrale_relay::{
    ClientAddr, Config, Credential, Fact, Limits, LongTermKey, OpenWhen, Output, PeerRules, Refused, RelayAddress,
    RelayId, Server, Transport, Usage, Verdict,
};

pub const REALM: &str = "example.org";
pub const SECRET: &[u8] = b"a secret";
pub const WALL: Timestamp = Timestamp::from_secs(1_700_000_000);

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("a socket address")
}

pub fn config() -> Config {
    let relay = |ip: &str| {
        let ip = ip.parse().expect("an address");
        Some(RelayAddress { local: ip, advertised: ip })
    };
    Config {
        realm: REALM.into(),
        secret: SECRET.into(),
        seed: [7; 32],
        instance: 1,
        wall_at_zero: WALL,
        relay_v4: relay("9.9.9.9"),
        relay_v6: relay("2a00::9"),
        ports: 50_000..=50_099,
        node_ports: 50_000..=50_199,
        listeners: vec![addr("9.9.9.9:3478"), addr("[2a00::9]:3478")],
        peers: PeerRules::default(),
        limits: Limits::default(),
        nonce_lifetime: Duration::from_secs(600),
        usage_interval: Duration::from_secs(5),
        open: OpenWhen::Permitted,
    }
}

/// A server, the time, and what it did to sockets.
pub struct World {
    pub server: Server,
    pub now: Time,
    pub opened: Vec<RelayId>,
    pub closed: Vec<RelayId>,
    pub usage: Vec<Usage>,
    pub refused: Vec<Refused>,
    pub others: Vec<Output>,
    /// How often to say that a socket would not open.
    pub refuse_opens: u32,
}

impl World {
    pub fn new(config: Config) -> World {
        World {
            server: Server::new(config),
            now: Time::from_secs(10),
            opened: Vec::new(),
            closed: Vec::new(),
            usage: Vec::new(),
            refused: Vec::new(),
            others: Vec::new(),
            refuse_opens: 0,
        }
    }

    pub fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.server.handle_timeout(self.now);
        assert_eq!(self.drain(), Vec::<(ClientAddr, Vec<u8>)>::new());
    }

    /// Hands bytes in; gives the verdict and the replies.
    pub fn give(&mut self, client: ClientAddr, bytes: &[u8]) -> (Verdict, Vec<Vec<u8>>) {
        let verdict = self.server.datagram(client, bytes, self.now);
        let replies = self.drain();
        assert!(replies.iter().all(|(to, _)| *to == client), "an answer goes to whoever asked");
        (verdict, replies.into_iter().map(|(_, bytes)| bytes).collect())
    }

    /// Hands in bytes that are answered once and forwarded nowhere.
    pub fn ask(&mut self, client: ClientAddr, bytes: &[u8]) -> Vec<u8> {
        let (verdict, mut replies) = self.give(client, bytes);
        assert_eq!(verdict, Verdict::Nothing);
        assert_eq!(replies.len(), 1, "one answer");
        replies.remove(0)
    }

    pub fn drain(&mut self) -> Vec<(ClientAddr, Vec<u8>)> {
        let mut replies = Vec::new();
        while let Some(output) = self.server.poll() {
            match output {
                Output::Reply { client, bytes } => replies.push((client, bytes)),
                Output::Open { relay } => {
                    let is_open = self.refuse_opens == 0;
                    self.refuse_opens = self.refuse_opens.saturating_sub(1);
                    if is_open {
                        self.opened.push(relay);
                    }
                    self.server.opened(relay, is_open, self.now);
                }
                Output::Probe { relay } => {
                    let is_open = self.refuse_opens == 0;
                    self.refuse_opens = self.refuse_opens.saturating_sub(1);
                    self.server.opened(relay, is_open, self.now);
                }
                Output::Close { relay } => self.closed.push(relay),
                Output::Usage(Fact::Relayed(usage)) => self.usage.push(usage),
                Output::Usage(Fact::Refused(refused)) => self.refused.push(refused),
                other => self.others.push(other),
            }
        }
        replies
    }
}

/// A client.
pub struct Client {
    pub addr: ClientAddr,
    pub username: String,
    pub key: LongTermKey,
    pub sha256: bool,
    pub nonce: Vec<u8>,
    next: u32,
}

impl Client {
    pub fn udp(address: &str, user: &str) -> Client {
        Client::new(ClientAddr { addr: addr(address), transport: Transport::Udp, door: 0 }, user)
    }

    pub fn new(addr: ClientAddr, user: &str) -> Client {
        let credential = Credential::mint(SECRET, user, WALL, Duration::from_secs(86_400));
        let key = LongTermKey::md5(credential.username.as_bytes(), REALM.as_bytes(), credential.password.as_bytes());
        Client { addr, username: credential.username, key, sha256: false, nonce: Vec::new(), next: 0 }
    }

    /// Asks without credentials, to learn the nonce.
    pub fn meet(&mut self, world: &mut World) {
        let bare = Writer::new(Class::Request, Method::ALLOCATE, self.transaction()).finish();
        let answer = world.ask(self.addr, &bare);
        assert_eq!(code(&answer), 401);
        self.nonce = value(&answer, attribute::NONCE);
        assert_eq!(value(&answer, attribute::REALM), REALM.as_bytes());
    }

    pub fn transaction(&mut self) -> TransactionId {
        self.next += 1;
        let mut bytes = [0; 12];
        bytes[8..].copy_from_slice(&self.next.to_be_bytes());
        TransactionId(bytes)
    }

    /// A request with credentials.
    pub fn request(&mut self, method: Method, build: impl FnOnce(Writer) -> Writer) -> Vec<u8> {
        let writer = build(Writer::new(Class::Request, method, self.transaction()))
            .attribute(attribute::USERNAME, self.username.as_bytes())
            .attribute(attribute::REALM, REALM.as_bytes())
            .attribute(attribute::NONCE, &self.nonce);
        if self.sha256 {
            writer.integrity_sha256(self.key.as_bytes()).finish()
        } else {
            writer.integrity(self.key.as_bytes()).finish()
        }
    }

    /// Asks with credentials; the answer's integrity is checked when it is of the kind that has one.
    pub fn ask(&mut self, world: &mut World, method: Method, build: impl FnOnce(Writer) -> Writer) -> Vec<u8> {
        let request = self.request(method, build);
        let answer = world.ask(self.addr, &request);
        if !matches!(code(&answer), 401 | 438) {
            let message = Message::parse(&answer).expect("a message");
            let is_sealed = if self.sha256 {
                message.has_integrity_sha256(self.key.as_bytes())
            } else {
                message.has_integrity(self.key.as_bytes())
            };
            assert!(is_sealed, "an answer is sealed as its request was");
        }
        answer
    }

    pub fn allocate(&mut self, world: &mut World) -> SocketAddr {
        if self.nonce.is_empty() {
            self.meet(world);
        }
        let answer = self.ask(world, Method::ALLOCATE, udp);
        assert_eq!(code(&answer), 0, "allocated");
        address(&answer, attribute::XOR_RELAYED_ADDRESS)
    }

    pub fn permit(&mut self, world: &mut World, peer: SocketAddr) -> u16 {
        code(&self.ask(world, Method::CREATE_PERMISSION, |w| w.xor_address(attribute::XOR_PEER_ADDRESS, peer)))
    }

    pub fn bind(&mut self, world: &mut World, number: u16, peer: SocketAddr) -> u16 {
        code(&self.ask(world, Method::CHANNEL_BIND, |w| {
            w.number(attribute::CHANNEL_NUMBER, u32::from(number) << 16).xor_address(attribute::XOR_PEER_ADDRESS, peer)
        }))
    }

    pub fn refresh(&mut self, world: &mut World, seconds: u32) -> u16 {
        code(&self.ask(world, Method::REFRESH, |w| w.number(attribute::LIFETIME, seconds)))
    }

    pub fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        Writer::new(Class::Indication, Method::SEND, self.transaction())
            .xor_address(attribute::XOR_PEER_ADDRESS, peer)
            .attribute(attribute::DATA, data)
            .finish()
    }
}

pub fn udp(writer: Writer) -> Writer {
    writer.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
}

pub fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// The error code of an answer; 0: success.
pub fn code(answer: &[u8]) -> u16 {
    let message = Message::parse(answer).expect("a message");
    match message.class() {
        Class::Success => 0,
        _ => {
            let value = message.get(attribute::ERROR_CODE).expect("an error has a code");
            u16::from(value[2]) * 100 + u16::from(value[3])
        }
    }
}

pub fn value(answer: &[u8], kind: u16) -> Vec<u8> {
    Message::parse(answer).expect("a message").get(kind).expect("the attribute").to_vec()
}

pub fn has(answer: &[u8], kind: u16) -> bool {
    Message::parse(answer).expect("a message").has(kind)
}

pub fn address(answer: &[u8], kind: u16) -> SocketAddr {
    let message = Message::parse(answer).expect("a message");
    attribute::read_xor_address(message.get(kind).expect("the attribute"), message.transaction()).expect("an address")
}
