//! What a subscriber receives: one stream, checked packet by packet.

use std::collections::BTreeMap;
use std::time::Duration;

use centrale_media::rtp::Header;
use centrale_media::sdp::Kind;
use centrale_model::Time;

use crate::content::Mark;

/// How long a missing packet is asked for again and again.
const ASKED_AGAIN: Duration = Duration::from_millis(40);
/// How far back missing packets are asked for.
const BACK: u64 = 500;

/// What was found wrong, and how much was right.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Packets whose every byte was right.
    pub(crate) sound: u64,
    /// Packets that are not what anybody sent.
    pub(crate) altered: u64,
    /// Packets that came twice.
    pub(crate) twice: u64,
    /// Packets of another sender or with a time that does not fit.
    pub(crate) misplaced: u64,
    /// Packets that came by repetition.
    pub(crate) repaired: u64,
}

pub(crate) struct Incoming {
    pub(crate) kind: Kind,
    pub(crate) ssrc: u32,
    /// Whose packets these are.
    pub(crate) publisher: Option<u16>,
    /// Extended numbers that came, of late.
    numbers: BTreeMap<u64, ()>,
    highest: u64,
    first_counter: Option<u32>,
    /// Counters that came since the measurement began, as a bit each.
    counters: Vec<bool>,
    counters_begin: u32,
    last: Option<(u32, u32)>,
    asked: BTreeMap<u64, Time>,
    pub(crate) tally: Tally,
    pub(crate) first_at: Option<Time>,
    pub(crate) last_at: Time,
    /// Sequence number and count at the last report.
    reported: (u64, u64),
    received: u64,
}

impl Incoming {
    pub(crate) fn new(kind: Kind, ssrc: u32) -> Incoming {
        Incoming {
            kind,
            ssrc,
            publisher: None,
            numbers: BTreeMap::new(),
            highest: 0,
            first_counter: None,
            counters: Vec::new(),
            counters_begin: 0,
            last: None,
            asked: BTreeMap::new(),
            tally: Tally::default(),
            first_at: None,
            last_at: Time::ZERO,
            reported: (0, 0),
            received: 0,
        }
    }

    /// Takes a packet; gives how long it was on its way.
    ///
    /// - `number`: its sequence number, or the one that it repairs.
    pub(crate) fn take(
        &mut self,
        header: &Header,
        number: u16,
        payload: &[u8],
        is_repair: bool,
        now: Time,
    ) -> Option<u64> {
        self.first_at.get_or_insert(now);
        self.last_at = now;
        if self.highest == 0 {
            self.highest = 0x1_0000 | u64::from(number);
        }
        let step = i64::from(number.wrapping_sub(self.highest as u16) as i16);
        let sequence = self.highest.saturating_add_signed(step);
        self.highest = self.highest.max(sequence);
        self.received += 1;
        if self.numbers.insert(sequence, ()).is_some() {
            self.tally.twice += 1;
            return None;
        }
        if self.numbers.len() > 4 * BACK as usize {
            self.numbers = self.numbers.split_off(&(self.highest - 2 * BACK));
        }
        self.asked.remove(&sequence);
        let mark = match self.kind {
            Kind::Audio => Mark::read(payload),
            _ => Mark::read_picture(payload),
        };
        let Some(mark) = mark else {
            self.tally.altered += 1;
            return None;
        };
        let of_another = *self.publisher.get_or_insert(mark.publisher) != mark.publisher;
        // Packets in order have times in order.
        let is_out_of_time = !is_repair
            && self.last.is_some_and(|(counter, timestamp)| {
                let ahead = mark.counter.wrapping_sub(counter) as i32 > 0;
                ahead && (header.timestamp.wrapping_sub(timestamp) as i32) < 0
            });
        self.tally.misplaced += u64::from(of_another || is_out_of_time);
        if !is_repair {
            self.last = Some((mark.counter, header.timestamp));
        }
        self.tally.sound += 1;
        self.tally.repaired += u64::from(is_repair);
        self.first_counter.get_or_insert(mark.counter);
        if let Some(place) = mark.counter.checked_sub(self.counters_begin) {
            let place = place as usize;
            if place >= self.counters.len() {
                self.counters.resize(place + 1, false);
            }
            self.counters[place] = true;
        }
        Some(now.as_nanos().saturating_sub(mark.sent))
    }

    /// Begins the measurement: what came before does not count.
    pub(crate) fn begin(&mut self) {
        self.counters_begin += self.counters.len() as u32;
        self.counters.clear();
        self.tally = Tally::default();
    }

    /// How many packets of the publisher's there were between the first and the last of the measurement, and how many of them came. The
    /// newest are left out: they may be on their way.
    pub(crate) fn completeness(&self) -> (u64, u64) {
        let upto = self.counters.len().saturating_sub(30);
        let came = self.counters[..upto].iter().filter(|came| **came).count();
        (upto as u64, came as u64)
    }

    /// Whether the last second or so came whole.
    pub(crate) fn is_steady(&self, packets: usize) -> bool {
        let all = self.counters.len();
        all > packets && self.counters[all - packets..].iter().all(|came| *came)
    }

    /// Packets to ask for.
    pub(crate) fn missing(&mut self, now: Time) -> Vec<u16> {
        let Some((first, ())) = self.numbers.first_key_value() else { return Vec::new() };
        let begin = (*first).max(self.highest.saturating_sub(BACK));
        let mut missing = Vec::new();
        if self.highest - begin + 1 == self.numbers.range(begin..).count() as u64 {
            return missing;
        }
        for number in begin..self.highest {
            if self.numbers.contains_key(&number) {
                continue;
            }
            let asked = self.asked.get(&number);
            if asked.is_none_or(|at| now - *at >= ASKED_AGAIN) {
                self.asked.insert(number, now);
                missing.push(number as u16);
            }
        }
        self.asked = self.asked.split_off(&begin);
        missing
    }

    /// Highest number, and share lost since the last report, of 256.
    pub(crate) fn report(&mut self) -> (u32, u8) {
        let (highest, received) = std::mem::replace(&mut self.reported, (self.highest, self.received));
        let expected = self.highest.saturating_sub(highest);
        let got = self.received - received;
        let lost = expected.saturating_sub(got);
        let share = if highest == 0 || expected == 0 { 0 } else { (lost * 256 / expected).min(255) };
        (self.highest as u32, share as u8)
    }
}
