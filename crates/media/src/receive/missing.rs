//! Asking a sender again for what did not come (RFC 4585 §6.2.1).

use core::time::Duration;

use centrale_model::Time;

/// How long a gap may be mere disorder before it is asked for.
///
/// Lower: quicker repair, more needless repetitions on paths that reorder. Higher: the receivers behind us ask too, for nothing.
const PATIENCE: Duration = Duration::from_millis(4);

/// The least time between two questions for the same packet, beside the round trip.
const LEAST_WAIT: Duration = Duration::from_millis(20);

/// The round trip that is assumed before it was measured.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);

/// How long a packet is asked for. After that a decoder has passed it.
const MAX_AGE: Duration = Duration::from_millis(1500);

/// How often a packet is asked for.
const MAX_TRIES: u8 = 10;

/// The most packets missing at once. When more are, asking for a key picture is cheaper: [`Verdict::Hopeless`].
///
/// Also the bound of the list. Higher: longer outages are repaired by repetitions.
const MAX_MISSING: usize = 256;

/// What is to be done about a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Waits to be asked for.
    Noted,
    /// Too much is missing: the list was cleared, and a key picture must be asked for.
    Hopeless,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    sequence: u64,
    since: Time,
    asked: Time,
    tries: u8,
}

/// The packets that one stream misses.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    gaps: Vec<Gap>,
    round_trip: Option<Duration>,
}

impl Missing {
    /// Notes that `count` packets in front of `newest` did not come.
    pub(crate) fn note(&mut self, newest: u64, count: u64, now: Time) -> Verdict {
        if self.gaps.len() + usize::try_from(count).unwrap_or(usize::MAX) > MAX_MISSING {
            self.gaps.clear();
            return Verdict::Hopeless;
        }
        self.gaps.extend((newest - count..newest).map(|sequence| Gap { sequence, since: now, asked: now, tries: 0 }));
        Verdict::Noted
    }

    /// A packet came late. Says whether it was missing; if not, it is one more copy.
    pub(crate) fn came(&mut self, sequence: u64, is_repetition: bool, now: Time) -> bool {
        let Ok(at) = self.gaps.binary_search_by_key(&sequence, |gap| gap.sequence) else { return false };
        let gap = self.gaps.remove(at);
        if is_repetition && gap.tries == 1 {
            let sample = now - gap.asked;
            self.round_trip = Some(self.round_trip.map_or(sample, |smooth| (smooth * 7 + sample) / 8));
        }
        true
    }

    /// Forgets everything (the stream began anew, or nobody wants it).
    pub(crate) fn clear(&mut self) {
        self.gaps.clear();
    }

    /// How many are missing.
    pub(crate) fn len(&self) -> usize {
        self.gaps.len()
    }

    /// When the next question is due.
    pub(crate) fn due(&self) -> Option<Time> {
        self.gaps.iter().map(|gap| self.next_try(gap)).min()
    }

    /// Gives the numbers to ask for at this moment, in order, at most `room` of them. Says whether a packet was given up, so that a
    /// key picture is needed.
    pub(crate) fn ask(&mut self, room: usize, now: Time, mut each: impl FnMut(u16)) -> bool {
        let before = self.gaps.len();
        self.gaps.retain(|gap| gap.tries < MAX_TRIES && now - gap.since < MAX_AGE);
        let gave_up = self.gaps.len() < before;
        let mut asked = 0;
        for at in 0..self.gaps.len() {
            if asked == room {
                break;
            }
            if self.next_try(&self.gaps[at]) <= now {
                let gap = &mut self.gaps[at];
                gap.asked = now;
                gap.tries += 1;
                each(gap.sequence as u16);
                asked += 1;
            }
        }
        gave_up
    }

    /// The round trip to the sender, as questions and their answers show it.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    fn next_try(&self, gap: &Gap) -> Time {
        if gap.tries == 0 {
            return gap.since + PATIENCE;
        }
        let trip = self.round_trip.unwrap_or(FIRST_ROUND_TRIP);
        gap.asked + (trip + trip / 4).max(LEAST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(missing: &mut Missing, now: Time) -> Vec<u16> {
        let mut numbers = Vec::new();
        missing.ask(100, now, |number| numbers.push(number));
        numbers
    }

    #[test]
    fn gaps_are_asked_for_after_patience_and_again_after_a_round_trip() {
        let mut missing = Missing::default();
        let at = Time::from_millis;
        assert_eq!(missing.note(0x1_0005, 2, at(100)), Verdict::Noted);
        assert_eq!(missing.due(), Some(at(104)));
        assert_eq!(asked(&mut missing, at(103)), [0u16; 0]);
        assert_eq!(asked(&mut missing, at(104)), [3, 4]);
        assert!(missing.came(0x1_0003, true, at(144)));
        assert!(!missing.came(0x1_0003, true, at(145)));
        assert_eq!(missing.round_trip(), Some(Duration::from_millis(40)));
        assert_eq!(missing.due(), Some(at(154)));
        assert_eq!(asked(&mut missing, at(154)), [4]);
    }

    #[test]
    fn packets_are_given_up_after_a_while() {
        let mut missing = Missing::default();
        missing.note(0x1_0001, 1, Time::ZERO);
        assert!(!missing.ask(10, Time::from_millis(10), |_| {}));
        assert!(missing.ask(10, Time::from_millis(1600), |_| {}));
        assert_eq!(missing.due(), None);
    }

    #[test]
    fn a_long_outage_is_hopeless_and_bounded() {
        let mut missing = Missing::default();
        assert_eq!(missing.note(0x2_0000, 200, Time::ZERO), Verdict::Noted);
        assert_eq!(missing.note(0x2_0100, 200, Time::ZERO), Verdict::Hopeless);
        assert_eq!(missing.due(), None);
        assert_eq!(missing.note(u64::MAX, u64::MAX, Time::ZERO), Verdict::Hopeless);
    }
}
