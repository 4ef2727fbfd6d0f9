//! Data channels: SCTP over DTLS (RFC 8831) and the protocol that opens them (RFC 8832).
//!
//! Not here: what the messages mean.

mod association;
mod open;

pub(crate) use association::{Association, Event};

/// The SCTP stream of a data channel, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u16);

/// The channel that both sides have without opening it (`negotiated: true, id: 0`): control.
pub const CONTROL: ChannelId = ChannelId(0);

/// How hard a channel tries (RFC 8832 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reliability {
    /// Messages come in the order they were sent.
    pub is_ordered: bool,
    /// When a message is given up.
    pub limit: Limit,
}

impl Reliability {
    /// In order, until it arrives.
    pub const DURABLE: Reliability = Reliability { is_ordered: true, limit: Limit::Never };
    /// Out of order, sent once.
    pub const LOSSY: Reliability = Reliability { is_ordered: false, limit: Limit::Retransmits(0) };
}

/// When a message is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Never.
    Never,
    /// After it was sent again this often.
    Retransmits(u32),
    /// This many milliseconds after it was given.
    Lifetime(u32),
}

/// A data channel that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Which.
    pub channel: ChannelId,
    /// Its label; empty for the negotiated one. At most [`MAX_LABEL`] bytes.
    pub label: String,
    /// Its protocol; mostly empty.
    pub protocol: String,
    /// How hard it tries.
    pub reliability: Reliability,
    /// Who opened it.
    pub by: OpenedBy,
}

/// Who opened a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedBy {
    /// Nobody: both know it ([`CONTROL`]).
    Agreement,
    /// This side.
    Us,
    /// The other side.
    Them,
}

/// A message on a data channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Text (UTF-8 was not checked) or bytes.
    pub is_text: bool,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Content of users is nobody's business in a log.
        write!(f, "Message({}, {} bytes)", if self.is_text { "text" } else { "bytes" }, self.bytes.len())
    }
}

/// Why something cannot be sent or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataError {
    /// There is no such open channel, or no association (yet).
    NotOpen,
    /// Longer than the other side takes or [`MAX_MESSAGE`].
    TooLong,
    /// [`MAX_BUFFERED`] bytes of the channel wait already: nothing was taken.
    Full,
    /// [`MAX_CHANNELS`] are open.
    TooMany,
}

/// The longest message, in bytes, either way.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The longest label or protocol, in bytes.
pub const MAX_LABEL: usize = 512;

/// How much may wait to be sent on one channel, in bytes.
pub const MAX_BUFFERED: usize = 1024 * 1024;

/// Below how much a channel counts as drained again, in bytes.
pub const LOW_WATER: usize = 64 * 1024;

/// How many channels one peer may have. 350 participants with one lazily opened channel each, both reliabilities.
pub const MAX_CHANNELS: usize = 1024;
