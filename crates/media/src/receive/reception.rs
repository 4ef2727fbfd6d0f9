//! Counting what came of a stream: extended sequence numbers, loss, jitter (RFC 3550 §6.4.1, appendices A.1, A.3 and A.8).

#[cfg(test)]
use core::time::Duration;

use centrale_model::Time;

/// A jump further than this, forwards or backwards, is another stream under the same SSRC (RFC 3550 A.1 has 3000 and 100).
///
/// Higher: a longer gap is still taken as loss. Lower: a sender that began anew is understood sooner.
const MAX_JUMP: i32 = 3000;

/// What the number of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// The newest; `after` is how many between it and the newest before are missing.
    Newest { sequence: u64, after: u64 },
    /// One that comes late; maybe seen before.
    Late { sequence: u64 },
    /// A jump: the stream begins anew, at a number above all that were given before.
    Anew { sequence: u64 },
    /// A first sign of a jump; not taken.
    Odd,
}

/// What a report block says of a stream, without SSRC and sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Lost since the last report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// Lost since the beginning; 24 bits, signed.
    pub(crate) lost: i32,
    /// Highest sequence number, with the count of its turns above.
    pub(crate) highest: u32,
    /// In units of the clock.
    pub(crate) jitter: u32,
}

/// The counters of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    clock_rate: u32,
    base: u64,
    highest: u64,
    received: u64,
    /// The number that a stream that began anew would go on with.
    odd: Option<u16>,
    expected_before: u64,
    received_before: u64,
    /// In 1/16 of a clock unit.
    jitter: u32,
    transit: Option<u32>,
}

impl Reception {
    /// Begins with the first packet, which is not counted yet.
    ///
    /// Extended numbers begin in the second turn, so that packets from before the first have numbers too.
    pub(crate) fn new(first: u16, clock_rate: u32) -> Reception {
        let base = 0x1_0000 | u64::from(first);
        Reception {
            clock_rate,
            base,
            highest: base - 1,
            received: 0,
            odd: None,
            expected_before: 0,
            received_before: 0,
            jitter: 0,
            transit: None,
        }
    }

    /// Takes a packet's number.
    pub(crate) fn take(&mut self, number: u16) -> Arrived {
        let step = i32::from(number.wrapping_sub(self.highest as u16) as i16);
        if step.abs() > MAX_JUMP {
            if self.odd != Some(number) {
                self.odd = Some(number.wrapping_add(1));
                return Arrived::Odd;
            }
            // Two in a row: the sender began anew. Its numbers go on two turns above, where nothing was.
            let sequence = (((self.highest >> 16) + 2) << 16) | u64::from(number);
            *self = Reception { transit: None, ..Reception::new(number, self.clock_rate) };
            self.base = sequence;
            self.highest = sequence;
            self.received = 1;
            return Arrived::Anew { sequence };
        }
        self.odd = None;
        self.received += 1;
        let sequence = self.highest.saturating_add_signed(i64::from(step));
        if step > 0 {
            self.highest = sequence;
            return Arrived::Newest { sequence, after: step as u64 - 1 };
        }
        Arrived::Late { sequence }
    }

    /// Takes a packet's times into the jitter (RFC 3550 A.8). Not for repetitions.
    pub(crate) fn time(&mut self, timestamp: u32, now: Time) {
        let arrival = (u128::from(now.as_nanos()) * u128::from(self.clock_rate) / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs().min(self.clock_rate);
            self.jitter = self.jitter.saturating_add(difference).saturating_sub((self.jitter + 8) >> 4);
        }
    }

    /// The extended number of a packet that was numbered in another stream (RTX's original sequence number).
    pub(crate) fn extend(&self, number: u16) -> u64 {
        let step = i64::from(number.wrapping_sub(self.highest as u16) as i16);
        self.highest.saturating_add_signed(step)
    }

    /// A repetition came in by another stream: it counts as received (it is no longer lost to those behind us).
    pub(crate) fn repaired(&mut self) {
        self.received += 1;
    }

    /// The highest extended number.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Jitter as a span.
    #[cfg(test)]
    pub(crate) fn jitter(&self) -> Duration {
        Duration::from_nanos(u64::from(self.jitter >> 4) * 1_000_000_000 / u64::from(self.clock_rate.max(1)))
    }

    /// What a report says, and begins the next interval.
    pub(crate) fn report(&mut self) -> Block {
        let expected = self.highest + 1 - self.base;
        let lost = i64::try_from(expected).unwrap_or(i64::MAX) - i64::try_from(self.received).unwrap_or(i64::MAX);
        let expected_now = expected.saturating_sub(self.expected_before);
        let received_now = self.received.saturating_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        Block {
            fraction_lost: (lost_now * 256).checked_div(expected_now).map_or(0, |share| share.min(255) as u8),
            lost: lost.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest: (self.highest - 0x1_0000) as u32,
            jitter: self.jitter >> 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_extended_across_the_turn() {
        let mut reception = Reception::new(0xfffe, 90_000);
        assert_eq!(reception.take(0xfffe), Arrived::Newest { sequence: 0x1_fffe, after: 0 });
        assert_eq!(reception.take(1), Arrived::Newest { sequence: 0x2_0001, after: 2 });
        assert_eq!(reception.take(0xffff), Arrived::Late { sequence: 0x1_ffff });
        assert_eq!(reception.take(0xfffd), Arrived::Late { sequence: 0x1_fffd });
    }

    #[test]
    fn reports_say_what_was_lost_since_the_last() {
        let mut reception = Reception::new(0, 90_000);
        for number in [0u16, 1, 2, 4] {
            reception.take(number);
        }
        let block = reception.report();
        assert_eq!((block.fraction_lost, block.lost, block.highest), (51, 1, 4));
        reception.repaired();
        reception.take(5);
        let block = reception.report();
        assert_eq!((block.fraction_lost, block.lost), (0, 0));
    }

    #[test]
    fn a_jump_is_believed_the_second_time() {
        let mut reception = Reception::new(0, 90_000);
        reception.take(0);
        assert_eq!(reception.take(20_000), Arrived::Odd);
        assert_eq!(reception.take(1), Arrived::Newest { sequence: 0x1_0001, after: 0 });
        assert_eq!(reception.take(20_000), Arrived::Odd);
        assert_eq!(reception.take(20_001), Arrived::Anew { sequence: 0x3_0000 | 20_001 });
        assert_eq!(reception.take(20_002), Arrived::Newest { sequence: 0x3_0000 | 20_002, after: 0 });
        assert_eq!(reception.report().lost, 0);
    }

    #[test]
    fn jitter_is_zero_for_an_even_stream_and_grows_with_unevenness() {
        let mut even = Reception::new(0, 48_000);
        let mut uneven = Reception::new(0, 48_000);
        for n in 0..100u32 {
            even.time(n * 960, Time::from_millis(u64::from(n) * 20));
            uneven.time(n * 960, Time::from_millis(u64::from(n) * 20 + u64::from(n % 2) * 10));
        }
        assert_eq!(even.jitter(), Duration::ZERO);
        assert!(uneven.jitter() > Duration::from_millis(8) && uneven.jitter() < Duration::from_millis(12));
    }
}
