//! How much arrived, over the last half second, by the receiver's clock.

use centrale_model::Bitrate;

/// Length of a bucket, in milliseconds; with [`BUCKETS`] the length of the window.
///
/// A longer window is calmer; a shorter one sees sooner what a falling path still carries.
const BUCKET: f64 = 25.0;
const BUCKETS: usize = 20;

/// The window.
#[derive(Debug, Default)]
pub(crate) struct Throughput {
    buckets: [u32; BUCKETS],
    /// Number of the newest bucket, counted from the first arrival.
    newest: u64,
    first: Option<f64>,
}

impl Throughput {
    /// Takes what arrived at `arrived` milliseconds of the receiver's clock.
    pub(crate) fn take(&mut self, arrived: f64, bytes: u32) {
        let first = *self.first.get_or_insert(arrived);
        let number = ((arrived - first) / BUCKET).max(0.0) as u64;
        if number > self.newest {
            let passed = (number - self.newest).min(BUCKETS as u64);
            for step in 1..=passed {
                self.buckets[((number - passed + step) % BUCKETS as u64) as usize] = 0;
            }
            self.newest = number;
        }
        if self.newest - number < BUCKETS as u64 {
            let bucket = &mut self.buckets[(number % BUCKETS as u64) as usize];
            *bucket = bucket.saturating_add(bytes);
        }
    }

    /// The rate, once there is a fifth of a window.
    pub(crate) fn rate(&self) -> Option<Bitrate> {
        let filled = (self.newest + 1).min(BUCKETS as u64);
        if filled < 4 {
            return None;
        }
        let bytes: u64 = self.buckets.iter().map(|bytes| u64::from(*bytes)).sum();
        Some(Bitrate(bytes * 8 * 1000 / (filled * BUCKET as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_arrives_and_forgets() {
        let mut throughput = Throughput::default();
        for n in 0..100 {
            throughput.take(5000.0 + f64::from(n) * 10.0, 1250);
        }
        let rate = throughput.rate().expect("a rate").0;
        assert!((950_000..=1_050_000).contains(&rate), "{rate}");
        throughput.take(60_000.0, 1250);
        assert_eq!(throughput.rate(), Some(Bitrate(20_000)));
    }
}
