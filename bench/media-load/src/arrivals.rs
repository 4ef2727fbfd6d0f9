//! When each packet of the server's transport came, for the feedback that its congestion control lives on
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::Duration;

use centrale_media::rtcp::write;
use centrale_model::Time;

/// How long arrivals are gathered, as browsers do.
const GATHER: Duration = Duration::from_millis(50);
/// The furthest that numbers may jump.
const MOST: i64 = 4000;

#[derive(Default)]
pub(crate) struct Arrivals {
    base: u16,
    list: Vec<Option<i64>>,
    since: Option<Time>,
    count: u8,
}

impl Arrivals {
    pub(crate) fn note(&mut self, number: u16, now: Time) {
        let at = Some((now.as_nanos() / 1000) as i64);
        let step = i64::from(number.wrapping_sub(self.base) as i16);
        if self.list.is_empty() || step > MOST {
            (self.base, self.since) = (number, Some(now));
            self.list.clear();
            self.list.push(at);
            return;
        }
        // What is older than the last report stays unreported.
        let Ok(place) = usize::try_from(step) else { return };
        if place >= self.list.len() {
            self.list.resize(place + 1, None);
        }
        self.list[place] = at;
        self.since.get_or_insert(now);
    }

    pub(crate) fn due(&self) -> Option<Time> {
        Some(self.since? + GATHER)
    }

    /// Writes what is to be reported. The newest that came stays, so that a gap behind it is reported as well.
    pub(crate) fn report(&mut self, out: &mut Vec<u8>) {
        self.since = None;
        loop {
            let taken = write::transport_feedback(out, 1, 0, self.count, self.base, &self.list);
            if taken == 0 {
                self.list.clear();
                return;
            }
            self.count = self.count.wrapping_add(1);
            let reported = taken - 1;
            self.list.drain(..reported);
            self.base = self.base.wrapping_add(reported as u16);
            if self.list.len() == 1 || reported == 0 {
                return;
            }
        }
    }
}
