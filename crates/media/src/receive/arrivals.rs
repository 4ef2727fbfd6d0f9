//! When each packet of a sender's transport came, for the feedback that its congestion control lives on
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use core::time::Duration;

use centrale_model::Time;

use crate::rtcp::write;

/// How long arrivals are gathered before they are reported.
///
/// Lower: the sender reacts sooner, more RTCP. libwebrtc itself gathers 50 to 250 ms.
const GATHER: Duration = Duration::from_millis(50);

/// How many arrivals are reported without waiting.
const ENOUGH: usize = 120;

/// The most numbers between the oldest and the newest that is not reported; a jump further begins anew.
const MOST: usize = 1000;

/// The arrivals that are not reported yet.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Extended number of `list[0]`, the newest that was reported: feedback begins with one that came.
    base: u64,
    list: Vec<Option<i64>>,
    since: Option<Time>,
    count: u8,
}

impl Arrivals {
    /// Notes a packet.
    #[inline]
    pub(crate) fn take(&mut self, number: u16, now: Time) {
        let at = Some((now.as_nanos() / 1000) as i64);
        let newest = self.base + self.list.len() as u64;
        let step = i64::from(number.wrapping_sub(newest as u16) as i16);
        let sequence = newest.saturating_add_signed(step);
        if self.list.is_empty()
            || step.unsigned_abs() as usize > MOST
            || sequence.saturating_sub(self.base) as usize > MOST
        {
            self.base = 0x1_0000 | u64::from(number);
            self.list.clear();
            self.list.push(at);
            self.since = Some(now);
            return;
        }
        // What comes after a later one was reported stays unreported: the sender takes it as lost.
        let Some(place) = sequence.checked_sub(self.base) else { return };
        let place = place as usize;
        if place >= self.list.len() {
            self.list.resize(place + 1, None);
        }
        if self.list[place].is_none() {
            self.list[place] = at;
            self.since.get_or_insert(now);
        }
    }

    /// When a report is due.
    pub(crate) fn due(&self) -> Option<Time> {
        let since = self.since?;
        Some(if self.list.len() > ENOUGH { since } else { since + GATHER })
    }

    /// Writes what is to be reported, one feedback packet into each `packet` that it is given.
    pub(crate) fn report(&mut self, sender: u32, media: u32, out: &mut Vec<u8>, mut packet: impl FnMut(&mut Vec<u8>)) {
        while self.since.is_some() {
            let taken = write::transport_feedback(out, sender, media, self.count, self.base as u16, &self.list);
            if taken == 0 {
                self.list.clear();
                break;
            }
            self.count = self.count.wrapping_add(1);
            packet(out);
            let last = taken - 1;
            self.list.drain(..last);
            self.base += last as u64;
            if self.list.len() == 1 {
                break;
            }
            if last == 0 {
                // Two neighbours too far apart for one feedback: the next begins behind the gap.
                let gap = self.list[1..].iter().position(Option::is_some).map_or(self.list.len(), |at| at + 1);
                self.list.drain(..gap);
                self.base += gap as u64;
            }
        }
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, packets};

    fn reported(arrivals: &mut Arrivals) -> Vec<(u16, bool)> {
        let mut all = Vec::new();
        arrivals.report(1, 2, &mut Vec::new(), |out| {
            for packet in packets(out) {
                let Packet::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
                all.extend(feedback.arrivals().map(|arrival| (arrival.sequence, arrival.at.is_some())));
            }
            out.clear();
        });
        all
    }

    #[test]
    fn gaps_are_reported_across_reports() {
        let mut arrivals = Arrivals::default();
        let at = Time::from_millis;
        arrivals.take(0xffff, at(100));
        arrivals.take(1, at(110));
        assert_eq!(arrivals.due(), Some(at(150)));
        assert_eq!(reported(&mut arrivals), [(0xffff, true), (0, false), (1, true)]);
        assert_eq!(arrivals.due(), None);
        arrivals.take(4, at(160));
        assert_eq!(reported(&mut arrivals), [(1, true), (2, false), (3, false), (4, true)]);
    }

    #[test]
    fn jumps_and_long_silences_begin_anew_and_nothing_grows() {
        let mut arrivals = Arrivals::default();
        for n in 0..70_000u32 {
            arrivals.take((n * 7919) as u16, Time::from_millis(u64::from(n)));
            assert!(arrivals.list.len() <= MOST + 1);
        }
        let _ = reported(&mut arrivals);
        arrivals.take(10, Time::from_secs(100));
        let _ = reported(&mut arrivals);
        arrivals.take(11, Time::from_secs(200));
        arrivals.take(12, Time::from_secs(200));
        assert_eq!(reported(&mut arrivals).last(), Some(&(12, true)));
    }
}
