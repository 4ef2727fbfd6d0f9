//! Numbers of a slot: one unbroken stream for the receiver, whatever is switched behind it.
//!
//! A slot has one SSRC for its whole life. When it changes over to another layer, or to another participant, sequence numbers, timestamps
//! and VP8's picture numbers go on where they stood: each is the sender's number plus an offset, chosen anew at each change. Packets
//! that are left out on purpose close up, so that the receiver does not ask for them; packets that were lost leave their gap, so that it does.

use core::time::Duration;

use centrale_model::Time;

use crate::receive::Kept;

/// How many changes of the sequence offset are remembered for packets that come late. Older ones are dropped.
const CHANGES: usize = 8;

/// What a packet is sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    /// Added to the sender's picture id.
    pub(crate) picture_offset: u16,
    /// Added to the sender's index of base pictures.
    pub(crate) tl0_offset: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Change {
    /// From which number of the sender on.
    from: u64,
    /// Subtracted from the sender's number, modulo 2^16.
    sequence: u16,
    picture: u16,
}

/// The offsets of one slot.
#[derive(Debug)]
pub(crate) struct Rewriter {
    changes: [Change; CHANGES],
    count: usize,
    /// The first number of the source; what is older belongs to nobody.
    begin: u64,
    /// The newest number of the source that was passed or left out.
    newest: u64,
    timestamp_offset: u32,
    tl0_offset: u8,
    last: Last,
}

/// What was sent last, so that the next source goes on from there.
#[derive(Clone, Copy, Debug)]
struct Last {
    sequence: u16,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    at: Option<Time>,
}

impl Rewriter {
    /// - `first`: the first sequence number; below 2^15, so that a receiver that misses it counts the turns right (RFC 3711 §3.3.1).
    /// - `timestamp`: where media time begins.
    pub(crate) fn new(first: u16, timestamp: u32) -> Rewriter {
        let last = Last { sequence: (first & 0x7fff).wrapping_sub(1), timestamp, picture: 0, tl0: 0, at: None };
        Rewriter {
            changes: [Change::default(); CHANGES],
            count: 0,
            begin: u64::MAX,
            newest: 0,
            timestamp_offset: 0,
            tl0_offset: 0,
            last,
        }
    }

    /// Changes over to a source of which `packet` is the first to be sent.
    ///
    /// - `passed`: media time between the last packet sent and this one, in units of the clock, where the sender's clock tells it;
    ///   otherwise the time between sending is taken.
    pub(crate) fn begin(&mut self, packet: &Kept, clock_rate: u32, passed: Option<u32>, now: Time) {
        let sequence = self.last.sequence.wrapping_add(1);
        let passed = passed.unwrap_or_else(|| match self.last.at {
            None => 0,
            // At least one unit: two pictures never share a time.
            Some(at) => units(now - at, clock_rate).max(1),
        });
        let timestamp = self.last.timestamp.wrapping_add(passed);
        self.timestamp_offset = timestamp.wrapping_sub(packet.timestamp);
        let mut picture = 0;
        if let Some(numbers) = packet.picture.vp8 {
            if let Some((_, id, _)) = numbers.picture_id {
                picture = self.last.picture.wrapping_add(1).wrapping_sub(id);
            }
            if let Some((_, tl0)) = numbers.tl0 {
                self.tl0_offset = self.last.tl0.wrapping_add(1).wrapping_sub(tl0);
            }
        }
        self.begin = packet.sequence;
        self.newest = packet.sequence - 1;
        self.count = 0;
        self.change(Change {
            from: packet.sequence,
            sequence: (packet.sequence as u16).wrapping_sub(sequence),
            picture,
        });
    }

    /// The numbers of a packet that is sent; nothing for one from before the source began or too late to tell.
    #[inline]
    pub(crate) fn pass(&mut self, packet: &Kept, now: Time) -> Option<Numbers> {
        if packet.sequence < self.begin {
            return None;
        }
        let change = self.offsets(packet.sequence)?;
        let numbers = Numbers {
            sequence: (packet.sequence as u16).wrapping_sub(change.sequence),
            timestamp: packet.timestamp.wrapping_add(self.timestamp_offset),
            picture_offset: change.picture,
            tl0_offset: self.tl0_offset,
        };
        if packet.sequence > self.newest {
            self.newest = packet.sequence;
            self.last.sequence = numbers.sequence;
            self.last.timestamp = numbers.timestamp;
            self.last.at = Some(now);
            if let Some(vp8) = packet.picture.vp8 {
                if let Some((_, id, _)) = vp8.picture_id {
                    self.last.picture = id.wrapping_add(change.picture);
                }
                if let Some((_, tl0)) = vp8.tl0 {
                    self.last.tl0 = tl0.wrapping_add(self.tl0_offset);
                }
            }
        }
        Some(numbers)
    }

    /// Leaves a packet out: the numbers behind it close up. One that comes late leaves its gap, which was already sent around.
    pub(crate) fn skip(&mut self, packet: &Kept) {
        if packet.sequence <= self.newest || packet.sequence < self.begin {
            return;
        }
        self.newest = packet.sequence;
        let Some(mut change) = self.offsets(packet.sequence) else { return };
        change.from = packet.sequence + 1;
        change.sequence = change.sequence.wrapping_add(1);
        if packet.picture.begins {
            change.picture = change.picture.wrapping_sub(1);
        }
        self.change(change);
    }

    /// Where media time stands: the last timestamp and when it was sent.
    pub(crate) fn stands_at(&self) -> Option<(u32, Time)> {
        Some((self.last.timestamp, self.last.at?))
    }

    /// What is added to the source's timestamps.
    pub(crate) fn timestamp_offset(&self) -> u32 {
        self.timestamp_offset
    }

    /// What is added to the source's indices of base pictures.
    pub(crate) fn tl0_offset(&self) -> u8 {
        self.tl0_offset
    }

    fn offsets(&self, sequence: u64) -> Option<Change> {
        let known = self.count.min(CHANGES);
        (1..=known).map(|back| self.changes[(self.count - back) % CHANGES]).find(|change| change.from <= sequence)
    }

    fn change(&mut self, change: Change) {
        self.changes[self.count % CHANGES] = change;
        self.count += 1;
    }
}

/// A span in units of a clock.
pub(crate) fn units(span: Duration, clock_rate: u32) -> u32 {
    (span.as_nanos() * u128::from(clock_rate) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Picture, vp8};

    fn packet(sequence: u64, timestamp: u32, id: u16) -> Kept {
        let vp8 = vp8::Numbers { picture_id: Some((2, id, true)), tl0: Some((4, 9)) };
        let picture = Picture { begins: true, vp8: Some(vp8), ..Picture::default() };
        let mut kept = Kept::new(sequence, timestamp, true, Time::ZERO);
        kept.picture = picture;
        kept
    }

    #[test]
    fn numbers_go_on_across_a_change_of_source() {
        let mut rewriter = Rewriter::new(100, 5000);
        let first = packet(0x1_0007, 90_000, 40);
        rewriter.begin(&first, 90_000, None, Time::ZERO);
        let sent = rewriter.pass(&first, Time::ZERO).expect("sent");
        assert_eq!((sent.sequence, sent.timestamp, sent.picture_offset.wrapping_add(40)), (100, 5000, 1));
        let other = packet(0x1_ffff, 7, 0x7000);
        rewriter.begin(&other, 90_000, None, Time::from_millis(100));
        let sent = rewriter.pass(&other, Time::from_millis(100)).expect("sent");
        assert_eq!((sent.sequence, sent.timestamp), (101, 14_000));
        assert_eq!((sent.picture_offset.wrapping_add(0x7000), sent.tl0_offset.wrapping_add(9)), (2, 2));
        assert_eq!(rewriter.pass(&packet(0x2_0000, 3007, 0x7001), Time::ZERO).map(|n| n.sequence), Some(102));
    }

    #[test]
    fn what_is_left_out_closes_up_and_what_is_lost_does_not() {
        let mut rewriter = Rewriter::new(0, 0);
        rewriter.begin(&packet(10, 0, 0), 90_000, None, Time::ZERO);
        let mut pass = |n, id| {
            rewriter.pass(&packet(n, 0, id), Time::ZERO).map(|s| (s.sequence, s.picture_offset.wrapping_add(id)))
        };
        assert_eq!(pass(10, 0), Some((0, 1)));
        assert_eq!(pass(12, 2), Some((2, 3)));
        rewriter.skip(&packet(13, 0, 3));
        let mut pass = |n, id| {
            rewriter.pass(&packet(n, 0, id), Time::ZERO).map(|s| (s.sequence, s.picture_offset.wrapping_add(id)))
        };
        assert_eq!(pass(14, 4), Some((3, 4)));
        assert_eq!(pass(11, 1), Some((1, 2)));
        assert_eq!(pass(9, 9), None);
    }
}
