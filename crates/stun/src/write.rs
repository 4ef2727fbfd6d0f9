//! Writing a message.

use core::net::SocketAddr;

use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::message::type_word;
use super::{Class, HEADER, MAGIC_COOKIE, Method, TransactionId, attribute, crc::crc32};

/// A message being written. Attributes stand in the order in which they are added; integrity comes after what it
/// covers, FINGERPRINT last.
#[derive(Clone, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    transaction: TransactionId,
}

impl Writer {
    /// Begins a message.
    pub fn new(class: Class, method: Method, transaction: TransactionId) -> Writer {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(&type_word(class, method).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        bytes.extend_from_slice(&transaction.0);
        Writer { bytes, transaction }
    }

    /// Adds an attribute with these bytes; padding is zero.
    ///
    /// - `value`: at most 65 535 bytes, and short enough that the whole message has a 16-bit length.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Writer {
        self.add(kind, value);
        self
    }

    /// Adds a number of 32 bits.
    #[must_use]
    pub fn number(self, kind: u16, value: u32) -> Writer {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Adds an address xored with cookie and transaction (RFC 8489 §14.2).
    #[must_use]
    pub fn xor_address(self, kind: u16, address: SocketAddr) -> Writer {
        let mut value = [0; 20];
        let length = attribute::write_xor_address(address, self.transaction, &mut value);
        self.attribute(kind, &value[..length])
    }

    /// Adds an address as it is, as ALTERNATE-SERVER wants it (RFC 8489 §14.1, §14.15).
    #[must_use]
    pub fn plain_address(self, kind: u16, address: SocketAddr) -> Writer {
        let mut value = vec![0, if address.is_ipv4() { attribute::IPV4 } else { attribute::IPV6 }];
        value.extend_from_slice(&address.port().to_be_bytes());
        match address.ip() {
            core::net::IpAddr::V4(ip) => value.extend_from_slice(&ip.octets()),
            core::net::IpAddr::V6(ip) => value.extend_from_slice(&ip.octets()),
        }
        self.attribute(kind, &value)
    }

    /// Adds ERROR-CODE.
    ///
    /// - `code`: 300..=699. The reason phrase may be empty, which keeps unauthenticated answers small.
    ///
    /// RFC 8489 §14.8.
    #[must_use]
    pub fn error_code(self, code: u16, reason: &str) -> Writer {
        let mut value = vec![0, 0, (code / 100) as u8, (code % 100) as u8];
        value.extend_from_slice(reason.as_bytes());
        self.attribute(attribute::ERROR_CODE, &value)
    }

    /// Adds MESSAGE-INTEGRITY (RFC 8489 §14.5).
    #[must_use]
    pub fn integrity(mut self, key: &[u8]) -> Writer {
        self.set_length(24);
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(&self.bytes);
        let code = mac.finalize().into_bytes();
        self.add(attribute::MESSAGE_INTEGRITY, &code);
        self
    }

    /// Adds MESSAGE-INTEGRITY-SHA256, whole (RFC 8489 §14.6).
    #[must_use]
    pub fn integrity_sha256(mut self, key: &[u8]) -> Writer {
        self.set_length(36);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(&self.bytes);
        let code = mac.finalize().into_bytes();
        self.add(attribute::MESSAGE_INTEGRITY_SHA256, &code);
        self
    }

    /// Adds FINGERPRINT (RFC 8489 §14.7).
    #[must_use]
    pub fn fingerprint(mut self) -> Writer {
        self.set_length(8);
        let crc = crc32(&self.bytes) ^ 0x5354_554E;
        self.add(attribute::FINGERPRINT, &crc.to_be_bytes());
        self
    }

    /// Gives the finished message.
    pub fn finish(mut self) -> Vec<u8> {
        self.set_length(0);
        self.bytes
    }

    fn add(&mut self, kind: u16, value: &[u8]) {
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Sets the header's length to what is written and `more` bytes.
    fn set_length(&mut self, more: usize) {
        let length = (self.bytes.len() - HEADER + more) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }
}
