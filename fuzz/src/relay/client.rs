//! The clients of the world, and how they speak.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use centrale_model::{Time, Timestamp};
use centrale_relay::stun::{Class, Message, Method, TransactionId, Writer, attribute};
use centrale_relay::{ClientAddr, Credential, LongTermKey, Transport};

use super::world::{REALM, SECRET, WALL};

/// One client and what the model grants it.
pub(crate) struct Client {
    pub(crate) address: ClientAddr,
    /// From the latest challenge.
    pub(crate) nonce: Vec<u8>,
    /// What was asked, by transaction; more than once when a transaction is repeated.
    pub(crate) asked: BTreeMap<[u8; 12], Vec<Asked>>,
    /// Until when each address may be talked to at the latest.
    pub(crate) permitted: BTreeMap<IpAddr, Time>,
    /// Until when each channel is bound at the latest, and to whom.
    pub(crate) channels: BTreeMap<u16, Vec<(SocketAddr, Time)>>,
    /// Relayed addresses from the latest success, for others to talk to.
    pub(crate) relayed: Vec<SocketAddr>,
    counter: u32,
}

/// A request that is on its way.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// The key when it was signed as it ought to be, and whether with SHA-256.
    pub(crate) seal: Option<(Vec<u8>, bool)>,
    pub(crate) size: usize,
}

/// How a request is spoiled, if at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Sound,
    Sha256,
    Unsigned,
    WrongPassword,
    Expired,
    StaleNonce,
    Repeated,
}

impl Manner {
    pub(crate) fn of(byte: u8) -> Manner {
        match byte % 16 {
            0..=6 => Manner::Sound,
            7..=9 => Manner::Sha256,
            10 => Manner::Unsigned,
            11 => Manner::WrongPassword,
            12 => Manner::Expired,
            13 => Manner::StaleNonce,
            _ => Manner::Repeated,
        }
    }
}

/// Users, in the order of the clients that prefer them.
pub(crate) const USERS: [&str; 3] = ["8:acs:house_ann", "8:acs:house_bob", ""];

pub(crate) fn clients() -> Vec<Client> {
    [
        ("198.51.100.1:4000", Transport::Udp, 0),
        ("198.51.100.1:4001", Transport::Udp, 0),
        ("198.51.100.1:4000", Transport::Udp, 1),
        ("[2001:db8::1]:4000", Transport::Udp, 2),
        ("198.51.100.2:4000", Transport::Tcp, 10),
        ("[2001:db8::2]:4000", Transport::Tls, 11),
    ]
    .into_iter()
    .map(|(addr, transport, door)| Client {
        address: ClientAddr { addr: addr.parse().expect("an address"), transport, door },
        nonce: Vec::new(),
        asked: BTreeMap::new(),
        permitted: BTreeMap::new(),
        channels: BTreeMap::new(),
        relayed: Vec::new(),
        counter: 0,
    })
    .collect()
}

impl Client {
    /// The next transaction, or the latest again.
    fn transaction(&mut self, manner: Manner) -> TransactionId {
        if manner != Manner::Repeated || self.counter == 0 {
            self.counter += 1;
        }
        let mut id = [0; 12];
        id[..4].copy_from_slice(&self.counter.to_be_bytes());
        id[4..8].copy_from_slice(&self.address.door.to_be_bytes());
        id[8..10].copy_from_slice(&self.address.addr.port().to_be_bytes());
        id[10] = u8::from(self.address.addr.is_ipv6());
        TransactionId(id)
    }

    /// A request with these attributes, sealed in this manner.
    pub(crate) fn request(
        &mut self,
        method: Method,
        user: usize,
        manner: Manner,
        now: Time,
        fill: impl FnOnce(Writer) -> Writer,
    ) -> Vec<u8> {
        let transaction = self.transaction(manner);
        let wall = Timestamp::from_secs(WALL).plus(now.since(Time::ZERO));
        let name = USERS[user % USERS.len()];
        let issued = if manner == Manner::Expired { wall.minus(Duration::from_secs(7200)) } else { wall };
        let credential = Credential::mint(SECRET, name, issued, Duration::from_secs(3600));
        let is_sha256 = manner == Manner::Sha256;
        let password = if manner == Manner::WrongPassword { "wrong" } else { &credential.password };
        let parts = (credential.username.as_bytes(), REALM.as_bytes(), password.as_bytes());
        let key = match is_sha256 {
            true => LongTermKey::sha256(parts.0, parts.1, parts.2),
            false => LongTermKey::md5(parts.0, parts.1, parts.2),
        };
        let writer = fill(Writer::new(Class::Request, method, transaction));
        let bytes = if manner == Manner::Unsigned {
            writer.finish()
        } else {
            let mut nonce = self.nonce.clone();
            if let (Manner::StaleNonce, Some(last)) = (manner, nonce.last_mut()) {
                *last ^= 1;
            }
            let writer = writer
                .attribute(attribute::USERNAME, parts.0)
                .attribute(attribute::REALM, parts.1)
                .attribute(attribute::NONCE, &nonce);
            match is_sha256 {
                true => writer
                    .attribute(attribute::PASSWORD_ALGORITHMS, &[0, 2, 0, 0, 0, 1, 0, 0])
                    .attribute(attribute::PASSWORD_ALGORITHM, &[0, 2, 0, 0])
                    .integrity_sha256(key.as_bytes())
                    .fingerprint()
                    .finish(),
                false => writer.integrity(key.as_bytes()).finish(),
            }
        };
        let is_sealed = matches!(manner, Manner::Sound | Manner::Sha256 | Manner::Repeated);
        let asked = Asked { method, seal: is_sealed.then(|| (key.as_bytes().to_vec(), is_sha256)), size: bytes.len() };
        self.asked.entry(transaction.0).or_default().push(asked);
        bytes
    }

    /// Takes an answer.
    ///
    /// # Panics
    /// When it was not asked for, does not parse, is a success without a seal, or is long though it was asked by a stranger.
    pub(crate) fn answered(&mut self, bytes: &[u8]) {
        let message = Message::parse(bytes).expect("an answer parses");
        let asked = self.asked.get(&message.transaction().0).expect("an answer to what this client asked");
        let method = message.method();
        let fitting = asked.iter().filter(|asked| asked.method == method);
        assert!(fitting.clone().next().is_some(), "the method of the question");
        assert_ne!(message.fingerprint(), Some(false));
        match message.class() {
            Class::Success if method == Method::BINDING => {
                let value = message.get(attribute::XOR_MAPPED_ADDRESS).expect("what binding is for");
                let mapped = attribute::read_xor_address(value, message.transaction());
                assert_eq!(mapped, Some(self.address.addr));
            }
            Class::Success => {
                let is_signed =
                    fitting.filter_map(|asked| asked.seal.as_ref()).any(|(key, is_sha256)| match is_sha256 {
                        true => message.has_integrity_sha256(key),
                        false => message.has_integrity(key),
                    });
                assert!(is_signed, "success only with sound credentials, and signed as its question was");
                if method == Method::ALLOCATE {
                    self.relayed = message
                        .attributes()
                        .filter(|a| a.kind == attribute::XOR_RELAYED_ADDRESS)
                        .filter_map(|a| attribute::read_xor_address(a.value, message.transaction()))
                        .collect();
                    assert!(!self.relayed.is_empty(), "an allocation has an address");
                }
            }
            Class::Error => {
                let size = fitting.map(|asked| asked.size).max().unwrap_or(0);
                assert!(bytes.len() < 256, "{} bytes of answer to {size} bytes of question", bytes.len());
                if let Some(nonce) = message.get(attribute::NONCE) {
                    self.nonce = nonce.to_vec();
                }
            }
            Class::Request | Class::Indication => panic!("a server answers"),
        }
    }

    /// Forgets what was granted: the allocation may have ended.
    pub(crate) fn forget(&mut self) {
        self.permitted.clear();
        self.channels.clear();
    }
}
