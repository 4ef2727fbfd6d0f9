//! Finding out whether more passes, by sending a little more for a moment.
//!
//! A cluster is a few small bursts of padding (on the retransmission stream) at the rate in question. If they arrive as they were sent,
//! the path carries that rate.

use core::time::Duration;

use centrale_model::{Bitrate, Time};

/// How long a cluster lasts. Longer: surer, and more padding.
pub(crate) const LENGTH: Duration = Duration::from_millis(20);

/// The least that must arrive of a cluster, in packets.
const LEAST_PACKETS: u32 = 5;

/// How far above the estimate a cluster goes at most.
///
/// Higher: a fast path is known sooner. Lower: a slow path is hurt less.
const STEP: f64 = 2.0;
/// The first cluster of a connection, which has no limit to hurt yet.
const FIRST_STEP: f64 = 4.0;

/// Time between clusters after one that passed, and the bounds of the time after those that did not (doubled each time).
const AFTER_SUCCESS: Duration = Duration::from_millis(400);
const AFTER_FAILURE: Duration = Duration::from_secs(2);
const AFTER_FAILURES: Duration = Duration::from_secs(16);

/// How long a cluster's feedback is awaited.
const PATIENCE: Duration = Duration::from_millis(1000);

/// A cluster to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// Its number, never 0.
    pub(crate) number: u8,
    /// At which rate.
    pub(crate) rate: Bitrate,
    /// How many bytes.
    pub(crate) bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    number: u8,
    rate: Bitrate,
    estimate: Bitrate,
    since: Time,
    bytes: u32,
    packets: u32,
    /// First and last, sent and arrived, in milliseconds; with the bytes that do not count on either side.
    sent: (f64, f64),
    arrived: (f64, f64),
    first_bytes: u32,
    last_bytes: u32,
    expected: u32,
}

/// Plans clusters and reads their results; one at a time.
#[derive(Debug)]
pub(crate) struct Probes {
    next: Time,
    wait: Duration,
    number: u8,
    running: Option<Running>,
    is_first: bool,
}

impl Probes {
    pub(crate) fn new(now: Time) -> Probes {
        Probes { next: now, wait: AFTER_FAILURE, number: 0, running: None, is_first: true }
    }

    /// Whether to probe, towards `wanted`.
    pub(crate) fn plan(&mut self, estimate: Bitrate, wanted: Bitrate, is_calm: bool, now: Time) -> Option<Cluster> {
        if self.running.is_some_and(|running| now - running.since > PATIENCE) {
            self.fail(now);
        }
        if self.running.is_some() || now < self.next || !is_calm || wanted <= estimate {
            return None;
        }
        let step = if self.is_first { FIRST_STEP } else { STEP };
        self.is_first = false;
        // A fifth above what is wanted: what just passes would be left at the next breath.
        let rate = Bitrate((wanted.0 + wanted.0 / 5).min((estimate.0 as f64 * step) as u64));
        self.number = self.number % 250 + 1;
        let bytes = (rate.bytes_per_second() as f64 * LENGTH.as_secs_f64()) as u32;
        let bytes = bytes.max(LEAST_PACKETS * 300);
        self.running = Some(Running {
            number: self.number,
            rate,
            estimate,
            since: now,
            bytes: 0,
            packets: 0,
            sent: (f64::INFINITY, f64::NEG_INFINITY),
            arrived: (f64::INFINITY, f64::NEG_INFINITY),
            first_bytes: 0,
            last_bytes: 0,
            expected: bytes,
        });
        Some(Cluster { number: self.number, rate, bytes: bytes as usize })
    }

    /// A packet of a cluster arrived; times in milliseconds.
    pub(crate) fn arrived(&mut self, number: u8, sent: f64, arrived: f64, bytes: u32) {
        let Some(running) = self.running.as_mut().filter(|running| running.number == number) else { return };
        running.packets += 1;
        running.bytes += bytes;
        running.sent.0 = running.sent.0.min(sent);
        if sent >= running.sent.1 {
            running.sent.1 = sent;
            running.last_bytes = bytes;
        }
        if arrived < running.arrived.0 {
            running.arrived.0 = arrived;
            running.first_bytes = bytes;
        }
        running.arrived.1 = running.arrived.1.max(arrived);
    }

    /// What passed, once most of the cluster has arrived.
    pub(crate) fn result(&mut self, now: Time) -> Option<Bitrate> {
        let running = self.running?;
        if running.packets < LEAST_PACKETS || running.bytes * 10 < running.expected * 8 {
            return None;
        }
        let sent = (running.sent.1 - running.sent.0).max(1.0);
        let arrived = (running.arrived.1 - running.arrived.0).max(1.0);
        // The last burst's sending time and the first packet's arrival time are not inside the spans.
        let sent_rate = f64::from(running.bytes - running.last_bytes.min(running.bytes)) * 8000.0 / sent;
        let arrived_rate = f64::from(running.bytes - running.first_bytes.min(running.bytes)) * 8000.0 / arrived;
        // Clearly slower than sent: that is the path's own rate, and a little less of it is safe.
        let passed = if arrived_rate < 0.9 * sent_rate { 0.9 * arrived_rate } else { arrived_rate.min(sent_rate) };
        let passed = Bitrate((passed as u64).min(running.rate.0));
        self.running = None;
        if passed.0 > running.estimate.0 + running.estimate.0 / 20 {
            self.next = now + AFTER_SUCCESS;
            self.wait = AFTER_FAILURE;
        } else {
            self.fail(now);
        }
        Some(passed)
    }

    fn fail(&mut self, now: Time) {
        self.running = None;
        self.next = now + self.wait;
        self.wait = (self.wait * 2).min(AFTER_FAILURES);
    }
}
