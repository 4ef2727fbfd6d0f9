//! What was sent when, by transport-wide sequence number, until feedback tells what became of it.

use core::time::Duration;

use centrale_model::Time;

/// Feedback later than this is of no use: the packet counts as never answered.
///
/// With the packet rate it decides how far the ring grows.
const MAX_WAIT: Duration = Duration::from_millis(1000);

const FIRST: usize = 64;

/// The most packets on the way; a power of two. 4,096 in a second are 39 Mbit/s of full packets.
const MOST: usize = 4096;

/// One packet on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// When, in microseconds of the machine's clock, wrapping after 71 minutes.
    pub(crate) micros: u32,
    /// Bytes on the wire without IP and UDP headers; 0: no such packet, or answered.
    pub(crate) bytes: u16,
    number: u16,
    /// Which probe it belongs to; 0: none.
    pub(crate) probe: u8,
    /// Reported as not received (it may come yet).
    pub(crate) is_missing: bool,
}

/// The ring of packets on their way.
#[derive(Debug)]
pub(crate) struct OnTheWay {
    ring: Vec<Sent>,
    next: u16,
}

impl OnTheWay {
    pub(crate) fn new() -> OnTheWay {
        OnTheWay { ring: Vec::new(), next: 0 }
    }

    /// Notes a packet and gives its transport-wide sequence number.
    #[inline]
    pub(crate) fn send(&mut self, bytes: usize, probe: u8, now: Time) -> u16 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        let micros = micros(now);
        if self.ring.is_empty() {
            self.ring = vec![Sent::default(); FIRST];
        }
        let mut at = usize::from(number) & (self.ring.len() - 1);
        while self.ring.len() < MOST && self.is_waited_for(self.ring[at], micros) {
            self.grow();
            at = usize::from(number) & (self.ring.len() - 1);
        }
        self.ring[at] =
            Sent { micros, bytes: bytes.min(usize::from(u16::MAX)) as u16, number, probe, is_missing: false };
        number
    }

    /// The packet of this number, for feedback to change.
    pub(crate) fn find(&mut self, number: u16) -> Option<&mut Sent> {
        let mask = self.ring.len().checked_sub(1)?;
        let sent = &mut self.ring[usize::from(number) & mask];
        (sent.number == number && sent.bytes > 0).then_some(sent)
    }

    fn is_waited_for(&self, sent: Sent, now: u32) -> bool {
        sent.bytes > 0 && u128::from(now.wrapping_sub(sent.micros)) < MAX_WAIT.as_micros()
    }

    fn grow(&mut self) {
        let mut ring = vec![Sent::default(); self.ring.len() * 2];
        let mask = ring.len() - 1;
        for sent in &self.ring {
            ring[usize::from(sent.number) & mask] = *sent;
        }
        self.ring = ring;
    }
}

/// The machine's clock in wrapping microseconds.
pub(crate) fn micros(now: Time) -> u32 {
    (now.as_nanos() / 1000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_while_they_are_waited_for() {
        let mut on_the_way = OnTheWay::new();
        for n in 0..500u64 {
            let number = on_the_way.send(1000, 0, Time::from_millis(n));
            assert_eq!(u64::from(number), n);
        }
        assert_eq!(on_the_way.find(1).map(|sent| sent.micros), Some(1000));
        assert!(on_the_way.find(500).is_none());
        on_the_way.find(1).expect("found").bytes = 0;
        assert!(on_the_way.find(1).is_none());
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut on_the_way = OnTheWay::new();
        for _ in 0..70_000 {
            on_the_way.send(1000, 0, Time::ZERO);
        }
        assert_eq!(on_the_way.ring.len(), MOST);
    }
}
