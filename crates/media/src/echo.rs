//! The echo test: records what a caller says, then plays it back, and again (B-CALL-12).
//!
//! Packets are played as they came, without a codec, at the pace at which they came.

use core::time::Duration;

use centrale_model::Time;

use crate::receive::Kept;

/// How long is recorded at a time.
///
/// Longer: whole sentences; shorter: the caller hears sooner whether it works.
const LENGTH: Duration = Duration::from_secs(5);

/// The most packets and bytes of a recording; beyond them the rest of the five seconds is not recorded. Opus at 128 kbit/s has 80 kB.
const MAX_PACKETS: usize = 600;
const MAX_BYTES: usize = 128 << 10;

/// A packet of the recording.
#[derive(Debug)]
pub(crate) struct Recorded {
    at: Duration,
    pub(crate) kept: Kept,
    pub(crate) payload: Box<[u8]>,
}

#[derive(Debug)]
enum Phase {
    /// Records; since the first packet, once there is one.
    Recording(Option<Time>),
    /// Plays; since when, and which packet is next.
    Playing(Time, usize),
}

/// One caller's recorder.
#[derive(Debug)]
pub(crate) struct Echo {
    phase: Phase,
    packets: Vec<Recorded>,
    bytes: usize,
}

impl Echo {
    pub(crate) fn new() -> Echo {
        Echo { phase: Phase::Recording(None), packets: Vec::new(), bytes: 0 }
    }

    /// A packet of the caller. While the recording is played, nothing is recorded.
    pub(crate) fn hear(&mut self, kept: &Kept, payload: &[u8], now: Time) {
        let Phase::Recording(since) = &mut self.phase else { return };
        let since = *since.get_or_insert(now);
        let has_room = self.packets.len() < MAX_PACKETS && self.bytes + payload.len() <= MAX_BYTES;
        if now - since < LENGTH && has_room && !payload.is_empty() {
            self.bytes += payload.len();
            self.packets.push(Recorded { at: now - since, kept: *kept, payload: payload.into() });
        }
    }

    /// When something is due.
    pub(crate) fn due(&self) -> Option<Time> {
        match self.phase {
            Phase::Recording(since) => Some(since? + LENGTH),
            Phase::Playing(since, next) => Some(since + self.packets.get(next).map_or(LENGTH, |packet| packet.at)),
        }
    }

    /// The next packet to be played at this moment, and whether the recording begins with it. Call until nothing comes.
    pub(crate) fn play(&mut self, now: Time) -> Option<(&Recorded, bool)> {
        if self.due()? > now {
            return None;
        }
        let (since, next) = match self.phase {
            Phase::Recording(_) => (now, 0),
            Phase::Playing(since, next) => (since, next),
        };
        if next >= self.packets.len() {
            self.packets.clear();
            self.bytes = 0;
            self.phase = Phase::Recording(None);
            return None;
        }
        self.phase = Phase::Playing(since, next + 1);
        Some((&self.packets[next], next == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_played_at_the_same_pace_and_then_again() {
        let mut echo = Echo::new();
        let mut heard = Vec::new();
        for round in 0..2u64 {
            let begin = round * 11_000;
            for n in 0..300u64 {
                let now = Time::from_millis(begin + n * 20);
                echo.hear(&Kept::new(n, (n * 960) as u32, false, now), &[n as u8], now);
            }
            let mut now = Time::from_millis(begin + 5000);
            for _ in 0..1000 {
                while let Some((packet, is_first)) = echo.play(now) {
                    assert_eq!(is_first, packet.payload[0] == 0);
                    heard.push((now.as_millis() - begin, packet.kept.timestamp));
                }
                let Some(due) = echo.due() else { break };
                now = due;
            }
            assert_eq!(heard.len(), 250);
            assert_eq!((heard[0].0, heard[249].0), (5000, 9980));
            assert_eq!((heard[0].1, heard[249].1), (0, 249 * 960));
            heard.clear();
        }
    }

    #[test]
    fn a_recording_is_bounded() {
        let mut echo = Echo::new();
        for n in 0..100_000u64 {
            echo.hear(&Kept::new(n, 0, false, Time::ZERO), &[0; 1000], Time::ZERO);
        }
        assert!(echo.packets.len() <= MAX_PACKETS && echo.bytes <= MAX_BYTES);
    }
}
