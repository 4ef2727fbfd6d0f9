//! Transport-wide feedback: when each packet of a transport came
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use super::read::word;

/// Feedback on a run of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// Which stream it names: one of those that it speaks of.
    pub media: u32,
    /// Transport sequence number of the first packet.
    pub first: u16,
    /// How many packets it speaks of.
    pub count: u16,
    /// A moment near the first arrival, in 64 ms since the receiver's own beginning; 24 bits with sign.
    pub reference: i32,
    /// Number of the feedback, to see that one was lost.
    pub feedback_count: u8,
    chunks: &'a [u8],
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its transport sequence number.
    pub sequence: u16,
    /// When it came, in microseconds of the receiver's clock (steps of 250); nothing: it did not come (yet).
    pub at: Option<i64>,
}

/// Length of a delta's unit, in microseconds.
pub(super) const DELTA_UNIT: i64 = 250;

/// Length of the reference time's unit, in microseconds.
pub(super) const REFERENCE_UNIT: i64 = 64_000;

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<TransportFeedback<'a>> {
        let counts = word(body, 8)?;
        let times = word(body, 12)?;
        Some(TransportFeedback {
            media: word(body, 4)?,
            first: (counts >> 16) as u16,
            count: counts as u16,
            reference: (times as i32) >> 8,
            feedback_count: times as u8,
            chunks: body.get(16..)?,
        })
    }

    /// Each packet it speaks of, in order; ends early when the feedback is cut short.
    pub fn arrivals(&self) -> Arrivals<'a> {
        // The deltas begin behind the chunks, and how many chunks there are shows only by walking them.
        let mut left = usize::from(self.count);
        let mut rest = self.chunks;
        while left > 0 {
            let Some((chunk, behind)) = rest.split_at_checked(2) else { break };
            left = left.saturating_sub(Chunk::read([chunk[0], chunk[1]]).left);
            rest = behind;
        }
        Arrivals {
            chunks: self.chunks,
            deltas: if left == 0 { rest } else { &[] },
            chunk: Chunk { word: 0, left: 0 },
            sequence: self.first,
            left: self.count,
            at: i64::from(self.reference) * REFERENCE_UNIT,
        }
    }
}

/// The statuses of one chunk.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    word: u16,
    left: usize,
}

impl Chunk {
    fn read(bytes: [u8; 2]) -> Chunk {
        let word = u16::from_be_bytes(bytes);
        let left = match word >> 14 {
            0 | 1 => usize::from(word & 0x1FFF),
            2 => 14,
            _ => 7,
        };
        Chunk { word, left }
    }

    /// The status of the next packet: 0 not received, 1 small delta, 2 large or negative delta.
    fn next(&mut self) -> u16 {
        self.left -= 1;
        match self.word >> 14 {
            0 | 1 => (self.word >> 13) & 3,
            2 => (self.word >> self.left) & 1,
            _ => (self.word >> (2 * self.left)) & 3,
        }
    }
}

/// What became of each packet.
#[derive(Clone, Copy, Debug)]
pub struct Arrivals<'a> {
    chunks: &'a [u8],
    deltas: &'a [u8],
    chunk: Chunk,
    sequence: u16,
    left: u16,
    at: i64,
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.left = self.left.checked_sub(1)?;
        while self.chunk.left == 0 {
            let (chunk, rest) = self.chunks.split_at_checked(2)?;
            self.chunk = Chunk::read([chunk[0], chunk[1]]);
            self.chunks = rest;
        }
        let delta = match self.chunk.next() {
            1 => {
                let (delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                Some(i64::from(*delta))
            }
            2 => {
                let (delta, rest) = self.deltas.split_at_checked(2)?;
                self.deltas = rest;
                Some(i64::from(i16::from_be_bytes([delta[0], delta[1]])))
            }
            _ => None,
        };
        let at = delta.map(|delta| {
            self.at += delta * DELTA_UNIT;
            self.at
        });
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Some(Arrival { sequence, at })
    }
}
