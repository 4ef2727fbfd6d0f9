//! A TURN client of the tests, over UDP, TCP and TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use centrale_model::Timestamp;
use centrale_relay::stun::{Class, Frame, Message, Method, TransactionId, Writer, attribute, frame};
use centrale_relay::{Credential, LongTermKey};

use crate::Secure;

/// How a client reaches the relay.
pub enum Line {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
    Tls(Box<Secure>, Vec<u8>),
}

impl Line {
    pub fn udp(server: SocketAddr) -> Line {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(server).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(3))).expect("a patience");
        Line::Udp(socket)
    }

    pub fn tcp(server: SocketAddr) -> Line {
        let socket = TcpStream::connect(server).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(3))).expect("a patience");
        Line::Tcp(socket, Vec::new())
    }

    pub fn tls(stream: Secure) -> Line {
        Line::Tls(Box::new(stream), Vec::new())
    }

    pub fn send(&mut self, bytes: &[u8]) {
        match self {
            Line::Udp(socket) => socket.send(bytes).map(|_| ()).expect("sent"),
            Line::Tcp(socket, _) => socket.write_all(&padded(bytes)).expect("sent"),
            Line::Tls(stream, _) => stream.write_all(&padded(bytes)).and_then(|()| stream.flush()).expect("sent"),
        }
    }

    /// The next message.
    pub fn receive(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; 65_536];
        let (stream, held): (&mut dyn Read, _) = match self {
            Line::Udp(socket) => {
                let count = socket.recv(&mut bytes)?;
                bytes.truncate(count);
                return Ok(bytes);
            }
            Line::Tcp(socket, held) => (socket, held),
            Line::Tls(stream, held) => (stream, held),
        };
        loop {
            if let Frame::Whole { message, taken } = frame(held) {
                let whole = held[..message].to_vec();
                held.drain(..taken);
                return Ok(whole);
            }
            let count = stream.read(&mut bytes)?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            held.extend_from_slice(&bytes[..count]);
        }
    }
}

/// Messages on a stream have lengths that four divides.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub struct Client {
    pub line: Line,
    user: Credential,
    key: LongTermKey,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    next: u8,
}

impl Client {
    /// A client that has asked once and knows the nonce.
    pub fn meet(line: Line, secret: &str, user: &str) -> Client {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let now = Timestamp::from_secs(i64::try_from(now.as_secs()).expect("not so late"));
        let user = Credential::mint(secret.as_bytes(), user, now, Duration::from_secs(3600));
        let key = LongTermKey::md5(b"", b"", b"");
        let mut client = Client { line, user, key, realm: Vec::new(), nonce: Vec::new(), next: 0 };
        let answer = knock(&mut client.line);
        assert_eq!(code(&answer), 401);
        client.learn(&answer);
        client
    }

    fn learn(&mut self, answer: &[u8]) {
        self.realm = value(answer, attribute::REALM);
        self.nonce = value(answer, attribute::NONCE);
        self.key = LongTermKey::md5(self.user.username.as_bytes(), &self.realm, self.user.password.as_bytes());
    }

    fn transaction(&mut self) -> TransactionId {
        self.next += 1;
        TransactionId([self.next; 12])
    }

    /// Asks with credentials. Relayed data that comes first is let fall.
    pub fn ask(&mut self, method: Method, build: impl Fn(Writer) -> Writer) -> Vec<u8> {
        let transaction = self.transaction();
        let request = build(Writer::new(Class::Request, method, transaction))
            .attribute(attribute::USERNAME, self.user.username.as_bytes())
            .attribute(attribute::REALM, &self.realm)
            .attribute(attribute::NONCE, &self.nonce)
            .integrity(self.key.as_bytes())
            .finish();
        self.line.send(&request);
        loop {
            let answer = self.line.receive().expect("an answer");
            if Message::parse(&answer).is_ok_and(|message| message.transaction() == transaction) {
                return answer;
            }
        }
    }

    pub fn try_allocate(&mut self) -> Vec<u8> {
        self.ask(Method::ALLOCATE, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]))
    }

    pub fn allocate(&mut self) -> SocketAddr {
        let answer = self.try_allocate();
        assert_eq!(code(&answer), 0, "allocated");
        address(&answer, attribute::XOR_RELAYED_ADDRESS)
    }

    pub fn bind(&mut self, channel: u16, peer: SocketAddr) {
        let answer = self.ask(Method::CHANNEL_BIND, |w| {
            w.number(attribute::CHANNEL_NUMBER, u32::from(channel) << 16).xor_address(attribute::XOR_PEER_ADDRESS, peer)
        });
        assert_eq!(code(&answer), 0, "bound");
    }

    /// Ends the allocation.
    pub fn leave(&mut self) {
        assert_eq!(code(&self.try_leave()), 0);
    }

    pub fn try_leave(&mut self) -> Vec<u8> {
        self.ask(Method::REFRESH, |w| w.number(attribute::LIFETIME, 0))
    }

    pub fn say(&mut self, channel: u16, data: &[u8]) {
        let mut bytes = channel.to_be_bytes().to_vec();
        bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
        bytes.extend_from_slice(data);
        self.line.send(&bytes);
    }

    /// The payload of the next ChannelData.
    pub fn hear(&mut self) -> std::io::Result<Vec<u8>> {
        loop {
            let bytes = self.line.receive()?;
            if bytes.first().is_some_and(|first| first & 0xC0 == 0x40) {
                let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                return Ok(bytes[4..4 + length].to_vec());
            }
        }
    }
}

/// What a stranger who wants an allocation is answered.
pub fn knock(line: &mut Line) -> Vec<u8> {
    line.send(&Writer::new(Class::Request, Method::ALLOCATE, TransactionId(*b"a stranger's")).finish());
    line.receive().expect("an answer")
}

/// A peer that sends back what it gets.
pub fn echo() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok((count, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(&bytes[..count], from);
        }
    });
    address
}

pub fn binding() -> Vec<u8> {
    Writer::new(Class::Request, Method::BINDING, TransactionId(*b"operated run")).finish()
}

pub fn code(answer: &[u8]) -> u16 {
    let message = Message::parse(answer).expect("a message");
    match message.get(attribute::ERROR_CODE) {
        Some(value) => u16::from(value[2]) * 100 + u16::from(value[3]),
        None => 0,
    }
}

pub fn value(answer: &[u8], kind: u16) -> Vec<u8> {
    Message::parse(answer).expect("a message").get(kind).expect("the attribute").to_vec()
}

pub fn address(answer: &[u8], kind: u16) -> SocketAddr {
    let message = Message::parse(answer).expect("a message");
    attribute::read_xor_address(message.get(kind).expect("the attribute"), message.transaction()).expect("an address")
}
