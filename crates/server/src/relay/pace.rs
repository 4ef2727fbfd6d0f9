//! How a worker waits when there is nothing to do: the larger part of what a packet costs when few are on their way.
//!
//! ```text
//!   Sleep  until the kernel calls            being woken costs 5 to 15 µs of CPU: right when traffic is thin
//!   Look   again and again for a moment      right when the next datagram comes before a sleeper would be awake
//!   Nap    for a fixed moment, then look     right under load: one wake-up for a whole handful, as network cards do it
//! ```
//!
//! Which one is right cannot be told from outside (who sleeps also makes the sender slower, since it has to wake somebody), so it
//! is tried: now and then another manner, and it stays if it paid.

use std::time::Duration;

/// How long to look. Lower: fewer lone packets are caught; higher: more is burnt in vain.
pub(super) const LOOKING: Duration = Duration::from_micros(12);
/// How long a nap is; the kernel adds up to 50 µs of slack. It is what load adds to the delay of a packet. Lower: less delay; higher: fewer
/// wake-ups.
pub(super) const NAP: Duration = Duration::from_micros(20);
/// Datagrams that a nap must bring to have paid: a wake-up divided by eight is less than a tenth of a packet's cost.
const NAP_PAYS: u32 = 8;
/// Sleeps shorter than this may have been waits for somebody who waits for us: looking is tried.
const SHORT: Duration = Duration::from_micros(60);
/// Short sleeps between two tries of looking. Lower: quicker to see; higher: less is burnt when looking does not pay.
const SLEEPS_BETWEEN_TRIES: u32 = 32;
/// Looks in vain, more than those that paid, that end the looking.
const PATIENCE: i32 = 3;
/// Time per datagram under which a nap is tried: eight of them in a nap with its slack.
const BUSY: Duration = Duration::from_micros(9);
/// Busy rests in a row before a nap is tried; doubled after each nap that did not pay, up to [`LONGEST_DOUBT`].
const DOUBT: u32 = 16;
const LONGEST_DOUBT: u32 = 1 << 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Sleep,
    Look,
    Nap,
}

/// What has been learnt. Time is an argument.
pub(super) struct Pace {
    manner: Rest,
    /// Datagrams since the last rest.
    handled: u32,
    /// When the last rest began.
    began: Duration,
    /// Looks that paid less those that did not, within ±[`PATIENCE`].
    trust: i32,
    short_sleeps: u32,
    busy: u32,
    doubt: u32,
}

impl Pace {
    pub(super) const fn new() -> Pace {
        Pace {
            manner: Rest::Sleep,
            handled: 0,
            began: Duration::ZERO,
            trust: 0,
            short_sleeps: 0,
            busy: 0,
            doubt: DOUBT,
        }
    }

    /// Notes that datagrams were handled.
    #[inline]
    pub(super) fn note(&mut self, count: u32) {
        self.handled += count;
    }

    /// Says how to rest, since nothing is there.
    ///
    /// - `now`: since any fixed moment.
    pub(super) fn begin(&mut self, now: Duration) -> Rest {
        let handled = std::mem::take(&mut self.handled);
        let spent = now.saturating_sub(std::mem::replace(&mut self.began, now));
        if self.manner == Rest::Nap {
            if handled >= NAP_PAYS {
                self.doubt = DOUBT;
                return Rest::Nap;
            }
            (self.manner, self.busy) = (Rest::Sleep, 0);
            self.doubt = (self.doubt * 2).min(LONGEST_DOUBT);
        }
        self.busy = if handled > 0 && spent < BUSY * handled { self.busy + 1 } else { 0 };
        if self.busy > self.doubt {
            self.manner = Rest::Nap;
            return Rest::Nap;
        }
        if self.manner == Rest::Sleep && self.short_sleeps >= SLEEPS_BETWEEN_TRIES {
            self.short_sleeps = 0;
            return Rest::Look;
        }
        self.manner
    }

    /// Learns from a rest.
    ///
    /// - `waited`: until there was something, or until looking was given up.
    /// - `came`: there was something.
    pub(super) fn end(&mut self, rest: Rest, waited: Duration, came: bool) {
        match rest {
            Rest::Sleep if waited < SHORT => self.short_sleeps += 1,
            Rest::Sleep => self.short_sleeps = 0,
            Rest::Look => {
                self.trust = (self.trust + if came { 1 } else { -1 }).clamp(-PATIENCE, PATIENCE);
                if came {
                    self.manner = Rest::Look;
                    self.trust = self.trust.max(0);
                } else if self.trust < 0 {
                    self.manner = Rest::Sleep;
                }
            }
            Rest::Nap => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    /// A world in which `each` datagrams come together, `gap` after the worker went to rest (a look sees them if it lasts as
    /// long; a sleeper is awake `waking` later). Gives how often it rested in each manner, in the last half of the time.
    fn live(each: impl Fn(Duration) -> u32, gap: Duration, waking: Duration) -> [u32; 3] {
        let mut pace = Pace::new();
        let mut now = Duration::ZERO;
        let mut count = [0; 3];
        for turn in 0..40_000 {
            let rest = pace.begin(now);
            count[rest as usize] += u32::from(turn >= 20_000);
            let (waited, came) = match rest {
                Rest::Sleep => (gap + waking, true),
                Rest::Look => (gap.min(LOOKING), gap <= LOOKING),
                Rest::Nap => (NAP.max(gap), true),
            };
            now += waited;
            pace.end(rest, waited, came);
            if came {
                let count = each(waited);
                pace.note(count);
                now += 3 * MICROSECOND * count;
            }
        }
        count
    }

    #[test]
    fn a_lone_packet_at_a_time_is_looked_for() {
        let [sleeps, looks, naps] = live(|_| 1, 4 * MICROSECOND, 15 * MICROSECOND);
        assert!(looks > 19_900, "{sleeps} {looks} {naps}");
    }

    #[test]
    fn thin_traffic_is_slept_for() {
        let [sleeps, looks, naps] = live(|_| 1, 1000 * MICROSECOND, 15 * MICROSECOND);
        assert_eq!([sleeps, looks, naps], [20_000, 0, 0]);
    }

    #[test]
    fn looking_in_vain_is_rare() {
        let [sleeps, looks, naps] = live(|_| 1, 30 * MICROSECOND, 15 * MICROSECOND);
        assert!(looks < sleeps / 25, "{sleeps} {looks} {naps}");
    }

    #[test]
    fn a_stream_is_napped_for() {
        let two_per_microsecond_and_a_half = |waited: Duration| (waited.as_nanos() / 1_500) as u32;
        let [sleeps, looks, naps] = live(two_per_microsecond_and_a_half, 2 * MICROSECOND, 15 * MICROSECOND);
        assert!(naps > 19_000, "{sleeps} {looks} {naps}");
    }
}
