//! Reading a message.

use core::fmt;

use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::{HEADER, MAGIC_COOKIE, attribute, crc::crc32};

/// What ties an answer to its request: 96 bits chosen by the asker (RFC 8489 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub [u8; 12]);

/// The class of a message (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// The method of a message, 12 bits (RFC 8489 §5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Method(pub u16);

impl Method {
    pub const BINDING: Method = Method(1);
    pub const ALLOCATE: Method = Method(3);
    pub const REFRESH: Method = Method(4);
    pub const SEND: Method = Method(6);
    pub const DATA: Method = Method(7);
    pub const CREATE_PERMISSION: Method = Method(8);
    pub const CHANNEL_BIND: Method = Method(9);
    /// TCP allocations (RFC 6062), which are answered but not offered.
    pub const CONNECT: Method = Method(10);
    /// TCP allocations (RFC 6062), which are answered but not offered.
    pub const CONNECTION_BIND: Method = Method(11);
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Method::BINDING => "Binding",
            Method::ALLOCATE => "Allocate",
            Method::REFRESH => "Refresh",
            Method::SEND => "Send",
            Method::DATA => "Data",
            Method::CREATE_PERMISSION => "CreatePermission",
            Method::CHANNEL_BIND => "ChannelBind",
            Method::CONNECT => "Connect",
            Method::CONNECTION_BIND => "ConnectionBind",
            Method(other) => return write!(f, "Method({other:#x})"),
        };
        f.write_str(name)
    }
}

/// The message type word of a class and a method (RFC 8489 §5, figure 3).
pub fn type_word(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0,
        Class::Indication => 0x010,
        Class::Success => 0x100,
        Class::Error => 0x110,
    };
    let m = method.0;
    (m & 0x00F) | ((m & 0x070) << 1) | ((m & 0xF80) << 2) | class
}

/// Why bytes are not a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Shorter than a header.
    TooShort,
    /// The first two bits are not zero.
    NotStun,
    /// Without the cookie: RFC 3489, or something else.
    NoMagicCookie,
    /// The header's length is not that of the bytes, or not a multiple of four.
    WrongLength,
    /// An attribute reaches past the end.
    BrokenAttribute,
}

/// A STUN message inside the bytes it came in. Its framing is checked; its values are not yet.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
}

/// One attribute of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub kind: u16,
    pub value: &'a [u8],
    /// Where the attribute's header begins in the message, in bytes.
    pub at: usize,
}

impl<'a> Message<'a> {
    /// Parses exactly one message that fills `bytes`.
    ///
    /// # Errors
    /// [`ParseError`] says what is wrong with the framing (RFC 8489 §6.3).
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, ParseError> {
        if bytes.len() < HEADER {
            return Err(ParseError::TooShort);
        }
        if bytes[0] & 0xC0 != 0 {
            return Err(ParseError::NotStun);
        }
        if bytes[4..8] != MAGIC_COOKIE.to_be_bytes() {
            return Err(ParseError::NoMagicCookie);
        }
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        if length % 4 != 0 || length + HEADER != bytes.len() {
            return Err(ParseError::WrongLength);
        }
        let message = Message { bytes };
        let mut attributes = message.attributes();
        while attributes.next().is_some() {}
        if attributes.at != bytes.len() {
            return Err(ParseError::BrokenAttribute);
        }
        Ok(message)
    }

    pub fn class(&self) -> Class {
        match self.type_word() & 0x110 {
            0 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        }
    }

    pub fn method(&self) -> Method {
        let word = self.type_word();
        Method((word & 0x00F) | ((word & 0x0E0) >> 1) | ((word & 0x3E00) >> 2))
    }

    pub fn transaction(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes[8..20]);
        TransactionId(id)
    }

    /// Every attribute, in order.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { bytes: self.bytes, at: HEADER }
    }

    /// The attributes that a receiver may use: those in front of the first integrity attribute. What follows it is
    /// not covered and is ignored (RFC 8489 §14.5).
    pub fn covered(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.attributes().take_while(|a| !is_trailer(a.kind))
    }

    /// The value of the first attribute of this kind; repeated ones are ignored (RFC 8489 §14).
    pub fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.find(kind).map(|attribute| attribute.value)
    }

    /// Whether there is an attribute of this kind.
    pub fn has(&self, kind: u16) -> bool {
        self.find(kind).is_some()
    }

    /// Whether MESSAGE-INTEGRITY is present and made with `key`; compared in constant time (RFC 8489 §14.5).
    pub fn has_integrity(&self, key: &[u8]) -> bool {
        let Some(attribute) = self.find(attribute::MESSAGE_INTEGRITY) else { return false };
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
        self.digest(attribute, |bytes| mac.update(bytes));
        mac.verify_slice(attribute.value).is_ok()
    }

    /// Whether MESSAGE-INTEGRITY-SHA256 is present, whole (32 bytes) and made with `key` (RFC 8489 §14.6).
    pub fn has_integrity_sha256(&self, key: &[u8]) -> bool {
        let Some(attribute) = self.find(attribute::MESSAGE_INTEGRITY_SHA256) else { return false };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        self.digest(attribute, |bytes| mac.update(bytes));
        mac.verify_slice(attribute.value).is_ok()
    }

    /// Whether FINGERPRINT is right; nothing when there is none (RFC 8489 §14.7).
    pub fn fingerprint(&self) -> Option<bool> {
        let attribute = self.find(attribute::FINGERPRINT)?;
        let is_last = attribute.at + 8 == self.bytes.len();
        let crc = crc32(&self.bytes[..attribute.at]) ^ 0x5354_554E;
        Some(is_last && attribute.value == crc.to_be_bytes())
    }

    fn type_word(&self) -> u16 {
        u16::from_be_bytes([self.bytes[0], self.bytes[1]])
    }

    fn find(&self, kind: u16) -> Option<Attribute<'a>> {
        if is_trailer(kind) {
            self.attributes().find(|attribute| attribute.kind == kind)
        } else {
            self.covered().find(|attribute| attribute.kind == kind)
        }
    }

    /// Feeds what an integrity attribute covers: everything in front of it, with a length as if it were the last.
    fn digest(&self, attribute: Attribute<'_>, mut update: impl FnMut(&[u8])) {
        let length = (attribute.at - HEADER + 4 + attribute.value.len()) as u16;
        update(&self.bytes[..2]);
        update(&length.to_be_bytes());
        update(&self.bytes[4..attribute.at]);
    }
}

fn is_trailer(kind: u16) -> bool {
    matches!(kind, attribute::MESSAGE_INTEGRITY | attribute::MESSAGE_INTEGRITY_SHA256 | attribute::FINGERPRINT)
}

/// The attributes of a message, in order.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let head = self.bytes.get(self.at..self.at + 4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let begin = self.at + 4;
        let value = self.bytes.get(begin..begin + length)?;
        let end = begin + length.next_multiple_of(4);
        if end > self.bytes.len() {
            return None;
        }
        let attribute = Attribute { kind, value, at: self.at };
        self.at = end;
        Some(attribute)
    }
}
