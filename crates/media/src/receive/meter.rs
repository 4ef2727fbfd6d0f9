//! How fast a stream comes.

use core::time::Duration;

use centrale_model::{Bitrate, Time};

/// How long is counted before the rate is changed.
///
/// Longer: calmer; shorter: a layer that begins is measured sooner. Half a second holds a dozen pictures.
const INTERVAL: Duration = Duration::from_millis(500);

/// Bits per second of what came, smoothed.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    since: Option<Time>,
    bytes: u64,
    rate: Option<u64>,
}

impl Meter {
    /// Counts a packet.
    #[inline]
    pub(crate) fn take(&mut self, bytes: usize, now: Time) {
        let since = *self.since.get_or_insert(now);
        let passed = now - since;
        if passed >= INTERVAL {
            let measured = (u128::from(self.bytes) * 8_000_000_000 / passed.as_nanos().max(1)) as u64;
            // Rates rise at once, so that a layer is never thought cheaper than it is, and fall slowly.
            self.rate = Some(self.rate.map_or(measured, |rate| measured.max((rate * 3 + measured) / 4)));
            self.since = Some(now);
            self.bytes = 0;
        }
        self.bytes += bytes as u64;
    }

    /// The rate; before the first interval is over, what it looks like so far.
    pub(crate) fn rate(&self, now: Time) -> Bitrate {
        let Some(since) = self.since else { return Bitrate(0) };
        if let Some(rate) = self.rate {
            return Bitrate(rate);
        }
        let passed = (now - since).as_nanos().max(100_000_000);
        Bitrate((u128::from(self.bytes) * 8_000_000_000 / passed) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_at_once_and_fall_slowly() {
        let mut meter = Meter::default();
        for n in 0..150 {
            meter.take(1250, Time::from_millis(n * 10));
        }
        let fast = meter.rate(Time::from_millis(1500)).0;
        assert!((990_000..=1_010_000).contains(&fast), "{fast}");
        for n in 0..70 {
            meter.take(125, Time::from_millis(1500 + n * 10));
        }
        let slower = meter.rate(Time::from_millis(2200)).0;
        assert!(slower < fast && slower > fast / 2, "{slower}");
    }
}
