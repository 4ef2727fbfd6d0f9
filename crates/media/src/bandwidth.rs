//! How much a receiver's path carries: sender-side congestion control on transport-wide feedback.
//!
//! ```text
//!  packets sent ─▶ OnTheWay ─┐
//!  feedback ─────────────────┴▶ Delays ──▶ Over/Normal/Under ─▶ rate by delay ─┐
//!                             ├▶ Throughput (what arrived)                      ├─ the lower ─▶ estimate
//!                             ├▶ loss per interval ──────────▶ rate by loss ───┘
//!                             └▶ probe clusters ─────────────▶ what passed in one ─▶ raises both
//! ```
//!
//! After draft-ietf-rmcat-gcc-02, on the feedback of draft-holmer-rmcat-transport-wide-cc-extensions-01. A receiver that gives no such
//! feedback is estimated by its REMB messages and by the loss in its reports alone.
//!
//! Not here: what is sent at that rate (`forward::allocation`), and when (`pacer`).

mod delay;
mod probe;
mod sent;
mod throughput;

pub(crate) use probe::Cluster;

use core::time::Duration;

use centrale_model::{Bitrate, Time};

use delay::{Delays, Usage};
use probe::Probes;
use sent::OnTheWay;
use throughput::Throughput;

/// Where the estimate begins.
///
/// Lower: the first pictures are small until a probe has passed. Higher: a slow path is flooded for its first second.
const FIRST: Bitrate = Bitrate::from_kilobits(600);

/// What is hoped of a path of which nothing is known yet, and for how long: until the first probe has an answer.
///
/// Higher: first pictures come at once, and large; a slow path is flooded for a moment. Lower: the first picture waits for a probe.
const HOPE: Bitrate = Bitrate::from_kilobits(2500);
const HOPE_FOR: Duration = Duration::from_millis(1500);

/// What is assumed of a receiver that gives neither transport-wide feedback nor REMB.
const BLIND: Bitrate = Bitrate::from_kilobits(3000);

/// The least: one voice. Below it, nothing sensible can be sent.
const LEAST: Bitrate = Bitrate::from_kilobits(40);

/// The most; beyond it nothing is gained by knowing more.
const MOST: Bitrate = Bitrate::from_kilobits(50_000);

/// What is left of the throughput that arrived when queues grow (GCC §5.5: beta).
///
/// Lower: queues drain quicker, pictures fall further.
const BACK_OFF: f64 = 0.85;

/// Growth per second while far from a known limit (GCC §5.5: eta).
const GROWTH: f64 = 1.08;

/// Shares of lost packets below which the rate may grow and above which it falls (GCC §6).
const LITTLE_LOSS: f64 = 0.02;
const MUCH_LOSS: f64 = 0.10;

/// How many packets, and how long, a judgement of loss needs.
const LOSS_PACKETS: u32 = 20;
const LOSS_INTERVAL: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Increase,
    Hold,
}

/// The estimator of one receiver.
#[derive(Debug)]
pub(crate) struct Estimator {
    on_the_way: OnTheWay,
    delays: Delays,
    throughput: Throughput,
    probes: Probes,
    phase: Phase,
    by_delay: f64,
    by_loss: f64,
    /// Where queues last began to grow: mean of throughput, so that growth slows down near it.
    limit: Option<f64>,
    grown_at: Time,
    /// When the rate was last lowered because of delay.
    lowered_at: Option<Time>,
    loss: Loss,
    /// Until when the best is hoped; nothing: more is known.
    hope: Option<Time>,
    round_trip: Duration,
    /// Receiver's estimated maximum, when it sends one.
    remb: Option<Bitrate>,
    has_feedback: bool,
    /// Bytes sent since, for knowing whether what we send says anything about the limit.
    first_micros: Option<u32>,
    clock: f64,
    arrival: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    since: Time,
    lost: u32,
    total: u32,
    /// Smoothed share, for those who ask about quality.
    share: f64,
}

impl Estimator {
    pub(crate) fn new(has_feedback: bool, now: Time) -> Estimator {
        let first = if has_feedback { FIRST } else { BLIND };
        Estimator {
            on_the_way: OnTheWay::new(),
            delays: Delays::new(),
            throughput: Throughput::default(),
            probes: Probes::new(now),
            phase: Phase::Hold,
            by_delay: first.0 as f64,
            by_loss: MOST.0 as f64,
            limit: None,
            grown_at: now,
            lowered_at: None,
            loss: Loss { since: now, ..Loss::default() },
            hope: has_feedback.then_some(Time::FOREVER),
            round_trip: Duration::from_millis(100),
            remb: None,
            has_feedback,
            first_micros: None,
            clock: 0.0,
            arrival: 0.0,
        }
    }

    /// Whether transport-wide numbers are to be written.
    pub(crate) fn has_feedback(&self) -> bool {
        self.has_feedback
    }

    /// Notes that a packet of `bytes` is sent, and gives its transport-wide number.
    #[inline]
    pub(crate) fn sent(&mut self, bytes: usize, cluster: u8, now: Time) -> u16 {
        if self.hope == Some(Time::FOREVER) {
            self.hope = Some(now + HOPE_FOR);
        }
        self.on_the_way.send(bytes, cluster, now)
    }

    /// What the path carries.
    pub(crate) fn estimate(&self) -> Bitrate {
        let known = self.known();
        if self.hope.is_some() { Bitrate(known.0.max(HOPE.0)) } else { known }
    }

    fn known(&self) -> Bitrate {
        let rate = self.by_delay.min(self.by_loss) as u64;
        let rate = self.remb.map_or(rate, |remb| rate.min(remb.0));
        Bitrate(rate.clamp(LEAST.0, MOST.0))
    }

    /// Share of packets lost on the way to the receiver, smoothed over some seconds, 0..=1.
    pub(crate) fn loss(&self) -> f64 {
        self.loss.share
    }

    /// The round trip.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// A sample of the round trip, from report blocks (RFC 3550 §6.4.1).
    pub(crate) fn set_round_trip(&mut self, sample: Duration) {
        self.round_trip = (self.round_trip * 7 + sample) / 8;
    }

    /// A receiver's own estimate (REMB).
    pub(crate) fn set_remb(&mut self, remb: Bitrate) {
        if !self.has_feedback {
            self.by_delay = self.by_delay.max(remb.0 as f64).min(MOST.0 as f64);
        }
        self.remb = Some(remb);
    }

    /// The loss of a report block, for receivers without transport-wide feedback.
    ///
    /// - `fraction`: in 1/256.
    pub(crate) fn report(&mut self, fraction: u8, packets: u32, now: Time) {
        if self.has_feedback {
            return;
        }
        self.loss.total += packets;
        self.loss.lost += packets * u32::from(fraction) / 256;
        self.judge_loss(now);
    }

    /// One packet of a feedback message, in the order of numbers.
    ///
    /// - `arrived`: microseconds of the receiver's clock; nothing: not received so far.
    pub(crate) fn feedback(&mut self, number: u16, arrived: Option<i64>) {
        let Some(sent) = self.on_the_way.find(number) else { return };
        let Some(arrived) = arrived else {
            if !core::mem::replace(&mut sent.is_missing, true) {
                self.loss.lost += 1;
                self.loss.total += 1;
            }
            return;
        };
        if sent.is_missing {
            self.loss.lost = self.loss.lost.saturating_sub(1);
        } else {
            self.loss.total += 1;
        }
        let (micros, bytes, cluster) = (sent.micros, sent.bytes, sent.probe);
        sent.bytes = 0;
        let arrival = arrived as f64 / 1000.0;
        // The wrapping microseconds are unrolled: packets are answered in about the order they were sent.
        let before = self.first_micros.replace(micros).unwrap_or(micros);
        self.clock += f64::from(micros.wrapping_sub(before) as i32) / 1000.0;
        self.arrival = arrival;
        self.throughput.take(arrival, u32::from(bytes));
        self.delays.arrived(self.clock, arrival);
        if cluster > 0 {
            self.probes.arrived(cluster, self.clock, arrival, u32::from(bytes));
        }
    }

    /// The end of a feedback message: judges.
    pub(crate) fn feedback_ends(&mut self, now: Time) {
        self.judge_delay(now);
        self.judge_loss(now);
        if self.hope.is_some_and(|until| now >= until)
            || self.delays.usage() == Usage::Over
            || self.loss.share > MUCH_LOSS
        {
            self.hope = None;
        }
        if let Some(passed) = self.probes.result(now) {
            self.hope = None;
            let passed = passed.0 as f64;
            if self.delays.usage() != Usage::Over && passed > self.by_delay {
                self.by_delay = passed.min(MOST.0 as f64);
                self.limit = self.limit.filter(|limit| *limit > passed);
            }
            if passed > self.by_loss && self.loss.share < MUCH_LOSS {
                self.by_loss = passed;
            }
        }
    }

    /// Whether to probe now, given what would be sent if the path carried it.
    pub(crate) fn probe(&mut self, wanted: Bitrate, now: Time) -> Option<Cluster> {
        let is_calm = self.has_feedback
            && self.delays.usage() != Usage::Over
            && self.loss.share < MUCH_LOSS
            && self.lowered_at.is_none_or(|at| now - at > Duration::from_secs(3));
        self.probes.plan(self.known(), wanted, is_calm, now)
    }

    fn judge_delay(&mut self, now: Time) {
        let passed = (now - self.grown_at).as_secs_f64().min(1.0);
        self.grown_at = now;
        match self.delays.usage() {
            Usage::Over => {
                // Once per round trip: what was lowered must be felt before it is lowered again.
                let patience = self.round_trip.max(Duration::from_millis(150));
                if self.lowered_at.is_some_and(|at| now - at < patience) {
                    return;
                }
                let arrived = self.throughput.rate().map_or(self.by_delay, |rate| rate.0 as f64);
                self.limit = Some(self.limit.map_or(arrived, |limit| 0.8 * limit + 0.2 * arrived));
                self.by_delay = (BACK_OFF * arrived).min(self.by_delay).max(LEAST.0 as f64);
                self.lowered_at = Some(now);
                self.phase = Phase::Hold;
            }
            Usage::Under => self.phase = Phase::Hold,
            Usage::Normal if self.phase == Phase::Hold => self.phase = Phase::Increase,
            Usage::Normal => self.grow(passed),
        }
    }

    fn grow(&mut self, passed: f64) {
        let Some(arrived) = self.throughput.rate().map(|rate| rate.0 as f64) else { return };
        // What has passed passes.
        if arrived > self.by_delay {
            self.by_delay = arrived.min(MOST.0 as f64);
            return;
        }
        // What passes says nothing of rates far above it: beyond that only probes raise the estimate (GCC §5.5).
        let most = 1.5 * arrived + 10_000.0;
        if self.by_delay >= most {
            return;
        }
        if self.limit.is_some_and(|limit| arrived > limit * 1.2) {
            self.limit = None;
        }
        let near = self.limit.is_some_and(|limit| self.by_delay > 0.9 * limit);
        let grown = if near {
            // About one packet more in each response time.
            let response = self.round_trip.as_secs_f64() + 0.1;
            self.by_delay + passed / response * 9600.0
        } else {
            self.by_delay * GROWTH.powf(passed)
        };
        self.by_delay = grown.min(most.max(self.by_delay)).min(MOST.0 as f64);
    }

    fn judge_loss(&mut self, now: Time) {
        if self.loss.total < LOSS_PACKETS || now - self.loss.since < LOSS_INTERVAL {
            return;
        }
        let share = f64::from(self.loss.lost) / f64::from(self.loss.total);
        let passed = (now - self.loss.since).as_secs_f64().min(2.0);
        self.loss = Loss { since: now, lost: 0, total: 0, share: 0.7 * self.loss.share + 0.3 * share };
        if share > MUCH_LOSS {
            let from = self.by_loss.min(self.by_delay);
            self.by_loss = (from * (1.0 - 0.5 * share)).max(LEAST.0 as f64);
        } else if share < LITTLE_LOSS {
            self.by_loss = (self.by_loss * GROWTH.powf(passed * 2.0)).min(MOST.0 as f64);
        }
    }
}

#[cfg(test)]
mod tests;
