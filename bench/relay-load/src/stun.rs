//! The little of STUN and TURN that a client needs (RFC 8489, RFC 8656).
//!
//! Written apart from the relay on purpose: a judge that shares the parser of the judged would share its mistakes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

pub(crate) const ALLOCATE: u16 = 0x0003;
pub(crate) const REFRESH: u16 = 0x0004;
pub(crate) const CHANNEL_BIND: u16 = 0x0009;

pub(crate) const SUCCESS: u16 = 0x0100;
pub(crate) const ERROR: u16 = 0x0110;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const CHANNEL_NUMBER: u16 = 0x000c;
const LIFETIME: u16 = 0x000d;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const XOR_RELAYED_ADDRESS: u16 = 0x0016;
const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
const REQUESTED_TRANSPORT: u16 = 0x0019;
const FINGERPRINT: u16 = 0x8028;

const COOKIE: u32 = 0x2112_a442;

/// Sixteen bytes of MD5 over `user:realm:password` (RFC 8489 §9.2.2).
pub(crate) fn long_term_key(user: &str, realm: &str, password: &str) -> [u8; 16] {
    Md5::digest(format!("{user}:{realm}:{password}")).into()
}

/// A request under construction. Attributes are appended in the order of the calls.
pub(crate) struct Request {
    bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: u16, transaction: [u8; 12]) -> Request {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&method.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&COOKIE.to_be_bytes());
        bytes.extend_from_slice(&transaction);
        Request { bytes }
    }

    pub(crate) fn requested_transport_udp(self) -> Request {
        self.attribute(REQUESTED_TRANSPORT, &[17, 0, 0, 0])
    }

    pub(crate) fn requested_family(self, is_v6: bool) -> Request {
        self.attribute(REQUESTED_ADDRESS_FAMILY, &[if is_v6 { 2 } else { 1 }, 0, 0, 0])
    }

    pub(crate) fn lifetime(self, seconds: u32) -> Request {
        self.attribute(LIFETIME, &seconds.to_be_bytes())
    }

    pub(crate) fn channel(self, number: u16) -> Request {
        let [high, low] = number.to_be_bytes();
        self.attribute(CHANNEL_NUMBER, &[high, low, 0, 0])
    }

    pub(crate) fn peer(self, peer: SocketAddr) -> Request {
        let mut value = vec![0, if peer.is_ipv6() { 2 } else { 1 }];
        let port = peer.port() ^ (COOKIE >> 16) as u16;
        value.extend_from_slice(&port.to_be_bytes());
        match peer.ip() {
            IpAddr::V4(ip) => value.extend_from_slice(&(u32::from(ip) ^ COOKIE).to_be_bytes()),
            IpAddr::V6(ip) => {
                let mask = &self.bytes[4..20];
                value.extend(ip.octets().iter().zip(mask).map(|(a, b)| a ^ b));
            }
        }
        self.attribute(XOR_PEER_ADDRESS, &value)
    }

    /// Ends the request with USERNAME, REALM, NONCE and MESSAGE-INTEGRITY.
    pub(crate) fn signed(self, user: &str, realm: &str, nonce: &[u8], key: &[u8]) -> Vec<u8> {
        let mut request =
            self.attribute(USERNAME, user.as_bytes()).attribute(REALM, realm.as_bytes()).attribute(NONCE, nonce);
        let length = request.bytes.len() - 20 + 24;
        request.write_length(length);
        let code = hmac_sha1(key, &request.bytes);
        request.attribute(MESSAGE_INTEGRITY, &code).plain()
    }

    pub(crate) fn plain(mut self) -> Vec<u8> {
        let length = self.bytes.len() - 20;
        self.write_length(length);
        self.bytes
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Request {
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(value);
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
        self
    }

    fn write_length(&mut self, length: usize) {
        self.bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    }
}

/// An answer, checked as far as a strict client would.
pub(crate) struct Answer<'a> {
    pub(crate) kind: u16,
    pub(crate) transaction: [u8; 12],
    bytes: &'a [u8],
    attributes: Vec<(u16, usize, &'a [u8])>,
}

impl<'a> Answer<'a> {
    /// Reads an answer; `None` when any length, the cookie or the FINGERPRINT is wrong.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Answer<'a>> {
        let header = bytes.get(..20)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[4..8] != COOKIE.to_be_bytes() || bytes.len() != 20 + length {
            return None;
        }
        let mut attributes = Vec::with_capacity(8);
        let mut at = 20;
        while at < bytes.len() {
            let head = bytes.get(at..at + 4)?;
            let kind = u16::from_be_bytes([head[0], head[1]]);
            let size = usize::from(u16::from_be_bytes([head[2], head[3]]));
            attributes.push((kind, at, bytes.get(at + 4..at + 4 + size)?));
            at += 4 + size.next_multiple_of(4);
        }
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&header[8..20]);
        let answer = Answer { kind: u16::from_be_bytes([header[0], header[1]]), transaction, bytes, attributes };
        answer.fingerprint_holds().then_some(answer)
    }

    /// Code of ERROR-CODE, for example 401.
    pub(crate) fn error(&self) -> Option<u16> {
        let value = self.find(ERROR_CODE)?.1;
        Some(u16::from(*value.get(2)?) * 100 + u16::from(*value.get(3)?))
    }

    pub(crate) fn realm(&self) -> Option<&'a str> {
        std::str::from_utf8(self.find(REALM)?.1).ok()
    }

    pub(crate) fn nonce(&self) -> Option<&'a [u8]> {
        Some(self.find(NONCE)?.1)
    }

    pub(crate) fn relayed(&self) -> Option<SocketAddr> {
        let value = self.find(XOR_RELAYED_ADDRESS)?.1;
        let port = u16::from_be_bytes([*value.get(2)?, *value.get(3)?]) ^ (COOKIE >> 16) as u16;
        let ip = match *value.get(1)? {
            1 => {
                let octets: [u8; 4] = value.get(4..8)?.try_into().ok()?;
                IpAddr::V4(Ipv4Addr::from(u32::from_be_bytes(octets) ^ COOKIE))
            }
            2 => {
                let mut octets: [u8; 16] = value.get(4..20)?.try_into().ok()?;
                for (octet, mask) in octets.iter_mut().zip(&self.bytes[4..20]) {
                    *octet ^= mask;
                }
                IpAddr::V6(Ipv6Addr::from(octets))
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Whether MESSAGE-INTEGRITY is there and made with this key (RFC 8489 §14.5).
    pub(crate) fn is_signed_with(&self, key: &[u8]) -> bool {
        let Some((at, code)) = self.find(MESSAGE_INTEGRITY) else { return false };
        let mut covered = self.bytes[..at].to_vec();
        covered[2..4].copy_from_slice(&((at - 20 + 24) as u16).to_be_bytes());
        hmac_sha1(key, &covered)[..] == *code
    }

    fn fingerprint_holds(&self) -> bool {
        match self.find(FINGERPRINT) {
            None => true,
            Some((at, value)) => {
                at + 8 == self.bytes.len() && value == (crc32(&self.bytes[..at]) ^ 0x5354_554e).to_be_bytes()
            }
        }
    }

    fn find(&self, kind: u16) -> Option<(usize, &'a [u8])> {
        self.attributes.iter().find(|(k, ..)| *k == kind).map(|(_, at, value)| (*at, *value))
    }
}

pub(crate) fn hmac_sha1(key: &[u8], bytes: &[u8]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

/// CRC-32 as in RFC 8489 §14.7, bit by bit: answers are few.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 §2.2: the IPv4 response, signed with a short-term key.
    const RESPONSE: &[u8] = &[
        0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
        0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,
        0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91,
        0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7,
        0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
    ];

    #[test]
    fn published_response_is_read_and_its_signature_checked() {
        let answer = Answer::parse(RESPONSE).expect("the vector is well formed");
        assert!(answer.is_signed_with(b"VOkJxbRl1RmTxUk/WvJxBt"));
        assert!(!answer.is_signed_with(b"VOkJxbRl1RmTxUk/WvJxBT"));
    }

    #[test]
    fn damaged_response_is_refused() {
        let mut damaged = RESPONSE.to_vec();
        damaged[30] ^= 1;
        assert!(Answer::parse(&damaged).is_none());
    }

    #[test]
    fn peer_address_survives_the_mask_in_both_families() {
        for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let address: SocketAddr = address.parse().expect("an address");
            let mut bytes = Request::new(0x0103, [7; 12]).peer(address).plain();
            bytes[20..22].copy_from_slice(&XOR_RELAYED_ADDRESS.to_be_bytes());
            assert_eq!(Answer::parse(&bytes).and_then(|a| a.relayed()), Some(address));
        }
    }
}
