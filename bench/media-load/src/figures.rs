//! What a run found.

use serde_json::{Value, json};

/// Delays, in steps of 10 µs up to a second.
pub(crate) struct Delays {
    counts: Vec<u64>,
    total: u64,
}

const STEP: u64 = 10_000;
const STEPS: usize = 100_000;

impl Delays {
    pub(crate) fn new() -> Delays {
        Delays { counts: vec![0; STEPS + 1], total: 0 }
    }

    pub(crate) fn note(&mut self, nanos: u64) {
        self.counts[((nanos / STEP) as usize).min(STEPS)] += 1;
        self.total += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// In microseconds; nothing when there was none.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.total as f64 * share) as u64;
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen > wanted
        })?;
        Some((at as u64 + 1) * STEP / 1000)
    }
}

/// All of it.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    pub(crate) seconds: f64,
    /// Processor time of the server in the measurement, in nanoseconds.
    pub(crate) cpu: u64,
    /// Sound packets that subscribers received in the measurement.
    pub(crate) packets: u64,
    /// Of the packets that publishers sent meanwhile: how many should have come, and how many did.
    pub(crate) expected: u64,
    pub(crate) complete: u64,
    pub(crate) altered: u64,
    pub(crate) twice: u64,
    pub(crate) misplaced: u64,
    pub(crate) repaired: u64,
    pub(crate) unknown: u64,
    pub(crate) padding: u64,
    /// Packets that were thrown away on purpose.
    pub(crate) dropped: u64,
    /// Streams that arrived, and that should have.
    pub(crate) streams: usize,
    pub(crate) streams_wanted: usize,
    /// From the join's beginning to its first packet, in microseconds, sorted.
    pub(crate) joins: Vec<u64>,
    /// Processor time of the server for each join, in nanoseconds.
    pub(crate) cpu_per_join: u64,
    /// Resident bytes of the server before the subscribers and with them.
    pub(crate) memory: (u64, u64),
    pub(crate) delay_p50: Option<u64>,
    pub(crate) delay_p99: Option<u64>,
    pub(crate) warm_up: f64,
    /// Processor time of the generator itself in the measurement, in nanoseconds.
    pub(crate) own_cpu: u64,
}

impl Figures {
    /// Whether nothing was lost or changed: with packets thrown away on purpose, whether all but one in 10,000 came by repetition.
    pub(crate) fn is_sound(&self) -> bool {
        let spoiled = self.altered + self.misplaced;
        let missing = self.expected - self.complete;
        let allowed = if self.dropped > 0 { self.expected / 1_000 } else { 0 };
        spoiled == 0 && self.packets > 0 && missing <= allowed && self.streams == self.streams_wanted
    }

    pub(crate) fn json(&self) -> Value {
        let per = |amount: u64, count: u64| if count > 0 { amount as f64 / count as f64 } else { 0.0 };
        let joins = self.joins.len();
        let quantile = |share: f64| self.joins.get((joins as f64 * share) as usize).copied();
        let grown = self.memory.1.saturating_sub(self.memory.0);
        json!({
            "publishers": self.publishers,
            "subscribers": self.subscribers,
            "seconds": self.seconds,
            "packets": self.packets,
            "expected": self.expected,
            "missing": self.expected - self.complete,
            "altered": self.altered,
            "twice": self.twice,
            "misplaced": self.misplaced,
            "repaired": self.repaired,
            "unknown": self.unknown,
            "padding": self.padding,
            "dropped": self.dropped,
            "streams": self.streams,
            "streams_wanted": self.streams_wanted,
            "cpu_ns": self.cpu,
            "ns_per_packet": per(self.cpu, self.packets),
            "packets_per_cpu_second": if self.cpu > 0 { self.packets as f64 * 1e9 / self.cpu as f64 } else { 0.0 },
            "join_us": { "p50": quantile(0.5), "p99": quantile(0.99), "count": joins },
            "cpu_us_per_join": self.cpu_per_join / 1000,
            "bytes_per_peer": per(grown, self.subscribers as u64),
            "delay_us": { "p50": self.delay_p50, "p99": self.delay_p99 },
            "warm_up_seconds": self.warm_up,
            "own_cpu_ns": self.own_cpu,
            "is_sound": self.is_sound(),
        })
    }
}
