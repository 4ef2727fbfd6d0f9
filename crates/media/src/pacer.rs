//! How fast packets may leave towards one receiver.
//!
//! An ordinary frame leaves at once, as one run. Only what goes far beyond the estimate waits: a key picture on a slow path, a burst
//! after a stall. Voices never wait.

use core::time::Duration;
use std::collections::VecDeque;

use centrale_model::{Bitrate, Time};

/// How much faster than the estimate packets leave.
///
/// Higher: key pictures arrive sooner, queues on the path get longer. libwebrtc has 2.5 as well.
const FACTOR: f64 = 2.5;

/// How much may leave at once after a pause: so much time's worth, and never less than this many bytes (sixteen full packets).
const BURST: Duration = Duration::from_millis(40);
const LEAST_BURST: f64 = 19_200.0;

/// The most packets that wait. More than that would come too late: the newest is dropped and repaired by what repairs loss.
const MAX_WAITING: usize = 1024;

/// The shortest wait worth waking up for.
const LEAST_WAIT: Duration = Duration::from_millis(2);

/// A packet that waits: where it is, not what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) slot: u8,
    pub(crate) layer: u8,
    /// Index of the track, in case the slot is given to another meanwhile.
    pub(crate) track: u32,
    pub(crate) sequence: u64,
}

/// A bucket of bytes, and who waits for it.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Bytes that may leave; below zero: borrowed.
    tokens: f64,
    filled: Time,
    /// Bytes per second.
    rate: f64,
    waiting: VecDeque<Waiting>,
}

impl Pacer {
    pub(crate) fn new(now: Time) -> Pacer {
        Pacer { tokens: LEAST_BURST, filled: now, rate: f64::INFINITY, waiting: VecDeque::new() }
    }

    /// Follows the estimate.
    pub(crate) fn set(&mut self, estimate: Bitrate, now: Time) {
        self.fill(now);
        self.rate = estimate.0 as f64 / 8.0 * FACTOR;
    }

    /// Whether a packet may leave at this moment: the bucket is not overdrawn.
    #[inline]
    pub(crate) fn is_open(&mut self, now: Time) -> bool {
        if now > self.filled {
            self.fill(now);
        }
        self.tokens > 0.0
    }

    /// Notes that bytes left.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) {
        if self.rate.is_finite() {
            self.tokens -= bytes as f64;
        }
    }

    /// Whether anything waits.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Lets a packet wait; says whether there was room.
    pub(crate) fn wait(&mut self, packet: Waiting) -> bool {
        let has_room = self.waiting.len() < MAX_WAITING;
        if has_room {
            self.waiting.push_back(packet);
        }
        has_room
    }

    /// The next packet that may leave.
    pub(crate) fn next(&mut self, now: Time) -> Option<Waiting> {
        if self.waiting.is_empty() || !self.is_open(now) {
            return None;
        }
        self.waiting.pop_front()
    }

    /// When the next packet may leave.
    pub(crate) fn due(&self) -> Option<Time> {
        if self.waiting.is_empty() {
            return None;
        }
        let missing = (-self.tokens).max(0.0) / self.rate;
        let wait = Duration::from_secs_f64(missing.min(1.0));
        Some(self.filled + wait.max(LEAST_WAIT))
    }

    fn fill(&mut self, now: Time) {
        let passed = (now - self.filled).as_secs_f64();
        self.filled = now;
        if self.rate.is_finite() {
            let most = (self.rate * BURST.as_secs_f64()).max(LEAST_BURST);
            self.tokens = (self.tokens + passed * self.rate).min(most);
        } else {
            self.tokens = LEAST_BURST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(sequence: u64) -> Waiting {
        Waiting { slot: 0, layer: 0, track: 0, sequence }
    }

    #[test]
    fn ordinary_frames_leave_at_once() {
        let mut pacer = Pacer::new(Time::ZERO);
        pacer.set(Bitrate::from_kilobits(1800), Time::ZERO);
        for frame in 0..100u64 {
            let now = Time::from_millis(frame * 33);
            for _ in 0..6 {
                assert!(pacer.is_open(now), "frame {frame}");
                pacer.spend(1130);
            }
        }
    }

    #[test]
    fn a_burst_far_above_the_estimate_is_spread() {
        let mut pacer = Pacer::new(Time::ZERO);
        pacer.set(Bitrate::from_kilobits(400), Time::ZERO);
        let mut now = Time::ZERO;
        let mut left = Vec::new();
        for n in 0..100 {
            pacer.wait(waiting(n));
        }
        while pacer.is_waiting() {
            while let Some(packet) = pacer.next(now) {
                pacer.spend(1200);
                left.push((now, packet.sequence));
            }
            if let Some(due) = pacer.due() {
                assert!(due > now);
                now = due;
            }
        }
        // 100 packets, less sixteen at once, at 125,000 bytes per second.
        let (last, sequence) = left[99];
        assert_eq!(sequence, 99);
        assert!((790..=830).contains(&last.as_millis()), "{last}");
        assert!(left.iter().filter(|(at, _)| *at == Time::ZERO).count() <= 17);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut pacer = Pacer::new(Time::ZERO);
        assert_eq!((0..5000).filter(|n| pacer.wait(waiting(*n))).count(), MAX_WAITING);
    }
}
