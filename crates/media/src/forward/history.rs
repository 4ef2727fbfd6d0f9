//! What a slot sent under which number, for the receiver that asks for it again.
//!
//! Eight bytes for each packet: payloads stand in the sender's store, once for all receivers.

use core::time::Duration;

use centrale_model::Time;

/// How long numbers are remembered, if there is room. The stores behind keep no longer either.
const AGE: Duration = Duration::from_millis(1000);

const FIRST: usize = 32;
/// The most numbers; a power of two. 1,024 are a second of 9 Mbit/s.
const MOST: usize = 1024;

/// How many changes of source are remembered; packets from before are not sent again.
const SOURCES: usize = 4;

/// The least time between two repetitions of one packet: a second question meanwhile crossed the first answer.
const LEAST_WAIT: Duration = Duration::from_millis(15);

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Index of the track.
    pub(crate) track: u32,
    /// Which layer of it.
    pub(crate) layer: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    pub(crate) timestamp_offset: u32,
    pub(crate) tl0_offset: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Low bits of the sender's number.
    sequence: u16,
    picture_offset: u16,
    /// When it was last sent again, in milliseconds, wrapping; 0: never.
    again: u16,
    /// Which source.
    source: u8,
    is_sent: bool,
}

/// A packet that may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) source: Source,
    /// Low bits of the sender's number.
    pub(crate) sequence: u16,
    pub(crate) picture_offset: u16,
}

/// The memory of one slot.
#[derive(Debug, Default)]
pub(crate) struct History {
    ring: Vec<Entry>,
    newest: u16,
    turn_began: Time,
    sources: [Option<Source>; SOURCES],
    source: u8,
}

impl History {
    /// Another source begins.
    pub(crate) fn begin(&mut self, source: Source) {
        self.source = self.source.wrapping_add(1);
        let at = usize::from(self.source) % SOURCES;
        self.sources[at] = Some(source);
        // The place was that of the source four changes ago: what it sent is forgotten.
        let forgotten = self.source.wrapping_sub(SOURCES as u8);
        self.ring.iter_mut().filter(|entry| entry.source == forgotten).for_each(|entry| entry.is_sent = false);
    }

    /// Notes a packet of the source that began last.
    #[inline]
    pub(crate) fn sent(&mut self, number: u16, sequence: u16, picture_offset: u16, now: Time) {
        if self.ring.is_empty() {
            self.ring = vec![Entry::default(); FIRST];
            self.newest = number.wrapping_sub(1);
            self.turn_began = now;
        }
        let step = number.wrapping_sub(self.newest);
        if (1..0x8000).contains(&step) {
            let turns = usize::from(number) / self.ring.len() != usize::from(self.newest) / self.ring.len();
            if turns {
                if now - self.turn_began < AGE && self.ring.len() < MOST {
                    self.grow();
                }
                self.turn_began = now;
            }
            // Numbers in between were not sent (they did not come): what stood there is older by a turn.
            for back in 1..usize::from(step).min(self.ring.len()) {
                let at = usize::from(number.wrapping_sub(back as u16)) & (self.ring.len() - 1);
                self.ring[at].is_sent = false;
            }
            self.newest = number;
        } else if usize::from(self.newest.wrapping_sub(number)) >= self.ring.len() {
            return;
        }
        let at = usize::from(number) & (self.ring.len() - 1);
        self.ring[at] = Entry { sequence, picture_offset, again: 0, source: self.source, is_sent: true };
    }

    /// Whether a number was used: nothing is ever sent twice under one.
    #[inline]
    pub(crate) fn has(&self, number: u16) -> bool {
        let back = self.newest.wrapping_sub(number);
        usize::from(back) < self.ring.len() && self.ring[usize::from(number) & (self.ring.len() - 1)].is_sent
    }

    /// The packet that was sent under a number, if it is remembered and was not sent again just now.
    pub(crate) fn again(&mut self, number: u16, round_trip: Duration, now: Time) -> Option<Again> {
        if usize::from(self.newest.wrapping_sub(number)) >= self.ring.len() {
            return None;
        }
        let mask = self.ring.len() - 1;
        let entry = &mut self.ring[usize::from(number) & mask];
        if !entry.is_sent {
            return None;
        }
        let millis = (now.as_millis() as u16).max(1);
        let wait = (round_trip / 2).clamp(LEAST_WAIT, AGE / 2).as_millis() as u16;
        if entry.again != 0 && millis.wrapping_sub(entry.again) < wait {
            return None;
        }
        entry.again = millis;
        let source = self.sources[usize::from(entry.source) % SOURCES]?;
        Some(Again { source, sequence: entry.sequence, picture_offset: entry.picture_offset })
    }

    /// Forgets what came from a track, whose place may be given to another.
    pub(crate) fn forget(&mut self, track: u32) {
        for source in &mut self.sources {
            *source = source.filter(|source| source.track != track);
        }
    }

    fn grow(&mut self) {
        let old = core::mem::take(&mut self.ring);
        self.ring = vec![Entry::default(); old.len() * 2];
        let (small, large) = (old.len() - 1, self.ring.len() - 1);
        for back in 0..old.len() as u16 {
            let number = usize::from(self.newest.wrapping_sub(back));
            self.ring[number & large] = old[number & small];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source =
        Source { track: 3, layer: 1, rtx_payload_type: Some(97), timestamp_offset: 5, tl0_offset: 0 };
    const TRIP: Duration = Duration::from_millis(40);

    #[test]
    fn what_was_sent_is_found_once_per_round_trip() {
        let mut history = History::default();
        history.begin(SOURCE);
        for n in 0..1000u16 {
            history.sent(n, n.wrapping_add(7), 2, Time::from_millis(u64::from(n)));
        }
        let now = Time::from_millis(1000);
        let again = history.again(990, TRIP, now).expect("remembered");
        assert_eq!(again, Again { source: SOURCE, sequence: 997, picture_offset: 2 });
        assert_eq!(history.again(990, TRIP, now + Duration::from_millis(10)), None);
        assert!(history.again(990, TRIP, now + Duration::from_millis(30)).is_some());
        assert!(history.again(300, TRIP, now).is_some(), "three quarters of a second back");
        assert_eq!(history.again(1001, TRIP, now), None);
    }

    #[test]
    fn gaps_and_forgotten_sources_are_not_found() {
        let mut history = History::default();
        history.begin(SOURCE);
        history.sent(1, 1, 0, Time::ZERO);
        history.sent(4, 4, 0, Time::ZERO);
        assert_eq!(history.again(2, TRIP, Time::ZERO), None);
        history.sent(2, 2, 0, Time::ZERO);
        assert!(history.again(2, TRIP, Time::ZERO).is_some());
        for _ in 0..4 {
            history.begin(Source { track: 9, ..SOURCE });
        }
        assert_eq!(history.again(4, TRIP, Time::ZERO), None);
        history.sent(5, 5, 0, Time::ZERO);
        history.forget(9);
        assert_eq!(history.again(5, TRIP, Time::ZERO), None);
    }
}
