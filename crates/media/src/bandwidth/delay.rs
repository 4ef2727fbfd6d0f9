//! Whether packets take longer and longer: the delay-based part of the Google congestion control (draft-ietf-rmcat-gcc-02 §4 and §5), with
//! a fitted line in place of the Kalman filter.
//!
//! ```text
//!  packets sent within 5 ms ─▶ a group ─▶ (arrival gap − sending gap) ─▶ sum, smoothed ─▶ slope over 20 groups ─▶ against a threshold
//! ```

/// Packets that were sent within this many milliseconds are one group: a frame leaves as one burst, and its inside says nothing.
const GROUP: f64 = 5.0;

/// How many groups the line is fitted through. More: calmer and later; fewer: quicker and more often wrong.
const WINDOW: usize = 20;

/// Weight of the sum of delays before, in smoothing.
const SMOOTHING: f64 = 0.9;

/// Makes the slope comparable to the threshold, in milliseconds.
const GAIN: f64 = 4.0;

/// The threshold's beginning and bounds, in milliseconds (GCC §5.3: `del_var_th`, 6 and 600).
const FIRST_THRESHOLD: f64 = 12.5;
const THRESHOLDS: (f64, f64) = (6.0, 600.0);

/// How fast the threshold follows upwards and downwards, per millisecond. It must rise quickly, or competing TCP starves us.
const K_UP: f64 = 0.0087;
const K_DOWN: f64 = 0.039;

/// How long the slope must be above the threshold, in milliseconds.
const OVERUSE_TIME: f64 = 10.0;

/// What the delays say of the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Queues neither grow nor shrink.
    #[default]
    Normal,
    /// Queues grow: we send more than passes.
    Over,
    /// Queues shrink.
    Under,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    first_sent: f64,
    last_sent: f64,
    last_arrived: f64,
}

/// The detector. All times in milliseconds, each of its own clock.
#[derive(Debug)]
pub(crate) struct Delays {
    group: Option<Group>,
    before: Option<Group>,
    sum: f64,
    smoothed: f64,
    /// (arrival, smoothed sum) of the last groups, as a ring.
    points: [(f32, f32); WINDOW],
    count: usize,
    first_arrival: f64,
    threshold: f64,
    threshold_at: Option<f64>,
    trend_before: f64,
    over_for: Option<f64>,
    usage: Usage,
}

impl Delays {
    pub(crate) fn new() -> Delays {
        Delays {
            group: None,
            before: None,
            sum: 0.0,
            smoothed: 0.0,
            points: [(0.0, 0.0); WINDOW],
            count: 0,
            first_arrival: 0.0,
            threshold: FIRST_THRESHOLD,
            threshold_at: None,
            trend_before: 0.0,
            over_for: None,
            usage: Usage::Normal,
        }
    }

    /// What the delays say at present.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes one packet that arrived, in the order of sending.
    pub(crate) fn arrived(&mut self, sent: f64, arrived: f64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group { first_sent: sent, last_sent: sent, last_arrived: arrived });
            return;
        };
        if sent < group.first_sent {
            return; // From a group that is over.
        }
        if sent - group.first_sent <= GROUP {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrived = group.last_arrived.max(arrived);
            return;
        }
        let done = *group;
        self.group = Some(Group { first_sent: sent, last_sent: sent, last_arrived: arrived });
        if let Some(before) = self.before.replace(done) {
            let sent_gap = done.last_sent - before.last_sent;
            let arrival_gap = done.last_arrived - before.last_arrived;
            // The receiver's clock jumped, or it slept: what it says of this gap is not about the path.
            if arrival_gap < 0.0 || arrival_gap - sent_gap > 3000.0 {
                *self = Delays { threshold: self.threshold, ..Delays::new() };
                return;
            }
            self.point(arrival_gap - sent_gap, sent_gap, done.last_arrived);
        }
    }

    fn point(&mut self, variation: f64, sent_gap: f64, arrival: f64) {
        if self.count == 0 {
            self.first_arrival = arrival;
        }
        self.sum += variation;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.sum;
        self.points[self.count % WINDOW] = ((arrival - self.first_arrival) as f32, self.smoothed as f32);
        self.count += 1;
        if self.count >= WINDOW {
            let trend = self.slope().unwrap_or(self.trend_before) * self.count.min(60) as f64 * GAIN;
            self.judge(trend, sent_gap, arrival);
        }
    }

    /// The slope of the line through the points (least squares).
    fn slope(&self) -> Option<f64> {
        let n = WINDOW as f64;
        let (mut x_mean, mut y_mean) = (0.0, 0.0);
        for (x, y) in self.points {
            x_mean += f64::from(x) / n;
            y_mean += f64::from(y) / n;
        }
        let (mut over, mut under) = (0.0, 0.0);
        for (x, y) in self.points {
            let x = f64::from(x) - x_mean;
            over += x * (f64::from(y) - y_mean);
            under += x * x;
        }
        (under > 0.0).then(|| over / under)
    }

    fn judge(&mut self, trend: f64, sent_gap: f64, arrival: f64) {
        if trend > self.threshold {
            let over_for = self.over_for.map_or(sent_gap / 2.0, |time| time + sent_gap);
            self.over_for = Some(over_for);
            if over_for > OVERUSE_TIME && trend >= self.trend_before {
                self.over_for = Some(0.0);
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = None;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.trend_before = trend;
        self.adapt(trend, arrival);
    }

    fn adapt(&mut self, trend: f64, arrival: f64) {
        let passed = self.threshold_at.replace(arrival).map_or(0.0, |before| (arrival - before).clamp(0.0, 100.0));
        // A sudden jump (a route change) is not followed (GCC §5.3).
        if trend.abs() > self.threshold + 15.0 {
            return;
        }
        let k = if trend.abs() < self.threshold { K_DOWN } else { K_UP };
        self.threshold =
            (self.threshold + k * (trend.abs() - self.threshold) * passed).clamp(THRESHOLDS.0, THRESHOLDS.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(delays: &mut Delays, from: u32, count: u32, queue: impl Fn(u32) -> f64) {
        for n in from..from + count {
            let sent = f64::from(n) * 20.0;
            delays.arrived(sent, sent + 1_000_000.0 + queue(n));
        }
    }

    #[test]
    fn a_steady_path_is_normal_and_a_growing_queue_is_over() {
        let mut delays = Delays::new();
        play(&mut delays, 0, 100, |n| f64::from(n * 7 % 5));
        assert_eq!(delays.usage(), Usage::Normal);
        play(&mut delays, 100, 40, |n| f64::from(n - 100) * 4.0);
        assert_eq!(delays.usage(), Usage::Over);
        play(&mut delays, 140, 20, |n| 160.0 - f64::from(n - 140) * 8.0);
        assert_eq!(delays.usage(), Usage::Under);
        play(&mut delays, 160, 80, |_| 0.0);
        assert_eq!(delays.usage(), Usage::Normal);
    }

    #[test]
    fn the_inside_of_a_burst_says_nothing() {
        let mut delays = Delays::new();
        for frame in 0..100 {
            for packet in 0..8 {
                let sent = f64::from(frame) * 33.0 + f64::from(packet) * 0.01;
                delays.arrived(sent, f64::from(frame) * 33.0 + f64::from(packet) * 3.0);
            }
        }
        assert_eq!(delays.usage(), Usage::Normal);
    }
}
