//! STUN messages: bytes to attributes and back.
//!
//! RFC 8489 (with the attributes of RFC 8656). A [`Message`] borrows the datagram it was parsed from; a [`Writer`] builds one.
//! [`frame`] cuts a TCP or TLS stream into messages. Not here: what the messages mean, which is the business of the relay
//! (TURN) and of the media processor (ICE).

mod crc;
mod frame;
mod message;
mod write;

pub mod attribute;

pub use frame::{Frame, frame};
pub use message::{Attribute, Attributes, Class, Message, Method, ParseError, TransactionId};
pub use write::Writer;

pub use message::type_word;

/// The fixed word in every STUN message (RFC 8489 §5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// Length of the header in front of the attributes, in bytes.
pub const HEADER: usize = 20;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
