//! How late packets come, and how long to wait for them.
//!
//! A packet's *offset* is its arrival minus its media time. The smallest offset of the last seconds is the packet that came without waiting
//! anywhere; how much later others come is their *lateness*. The delay to play with is the lateness that all but a few stay under.

/// Samples per millisecond of the mixer's clock.
const MILLI: i64 = 48;

/// Width of one step of the histogram, in samples: 5 ms.
const STEP: i64 = 5 * MILLI;

/// Steps of the histogram: 400 ms. Who is later than that is late.
const STEPS: usize = 80;

/// The part of the packets that shall come in time.
///
/// Lower: less delay, more concealment. Higher: the reverse; one straggler in a hundred then makes everybody wait for it.
const IN_TIME: f32 = 0.98;

/// How much the newest packet counts once there were many: about the last ten seconds are remembered.
const NEWEST: f32 = 0.002;

/// How long the smallest offset is remembered, in samples: twice 4 s. Longer: slower to follow a path that became longer; shorter: a pause
/// of the network looks like a new path.
const WINDOW: i64 = 4000 * MILLI;

/// Lateness beyond which the sender's clock has stood still (a microphone that was off), in samples: 800 ms.
const STRANGE: i64 = 800 * MILLI;

/// Strangely late packets in a row after which the delay is learned anew.
const STRANGERS: u8 = 4;

#[derive(Clone, Debug)]
pub(crate) struct Delay {
    histogram: [f32; STEPS],
    packets: u32,
    /// Smallest offsets of this window and the one before.
    smallest: [i64; 2],
    window_began: i64,
    target: i64,
    strangers: u8,
}

impl Delay {
    pub(crate) fn new() -> Delay {
        let mut histogram = [0.0; STEPS];
        // Until packets say otherwise, expect to wait 10 ms: a cable or a good radio. Who turns out to be worse is believed within a few packets.
        histogram[1] = 1.0;
        Delay { histogram, packets: 0, smallest: [i64::MAX; 2], window_began: 0, target: 2 * STEP, strangers: 0 }
    }

    /// Learns from a packet. Both in samples of 48 kHz, on clocks of their own.
    pub(crate) fn arrived(&mut self, arrival: i64, media: i64) {
        let offset = arrival - media;
        if self.packets > 0 && offset - self.base() > STRANGE {
            self.strangers += 1;
            if self.strangers < STRANGERS {
                return;
            }
            *self = Delay::new();
        }
        self.strangers = 0;
        if self.packets == 0 {
            self.window_began = arrival;
        }
        if arrival - self.window_began > WINDOW {
            self.smallest = [self.smallest[1], i64::MAX];
            self.window_began = arrival;
        }
        self.smallest[1] = self.smallest[1].min(offset);
        self.packets = self.packets.saturating_add(1);
        let weight = (1.0 / (self.packets as f32 + 1.0)).max(NEWEST);
        let step = ((offset - self.base()) / STEP).clamp(0, STEPS as i64 - 1) as usize;
        for share in &mut self.histogram {
            *share *= 1.0 - weight;
        }
        self.histogram[step] += weight;
        self.target = self.find_target();
    }

    /// The offset of a packet that waited nowhere.
    pub(crate) fn base(&self) -> i64 {
        match self.smallest[0].min(self.smallest[1]) {
            i64::MAX => 0,
            base => base,
        }
    }

    /// How long after its earliest possible arrival a packet is to be played, in samples.
    pub(crate) fn target(&self) -> i64 {
        self.target
    }

    fn find_target(&self) -> i64 {
        let mut share = 0.0;
        for (step, part) in self.histogram.iter().enumerate() {
            share += part;
            if share >= IN_TIME {
                return (step as i64 + 1) * STEP;
            }
        }
        STEPS as i64 * STEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_follows_what_packets_do() {
        let mut delay = Delay::new();
        for n in 0..1000 {
            delay.arrived(1_000_000 + n * 960, n * 960);
        }
        assert_eq!((delay.base(), delay.target()), (1_000_000, STEP));
        for n in 1000..3000 {
            // Evenly 0, 10, .. 80 ms late.
            delay.arrived(1_000_000 + n * 960 + (n * 7 % 9) * 10 * MILLI, n * 960);
        }
        assert_eq!(delay.base(), 1_000_000);
        assert!((80 * MILLI..=90 * MILLI).contains(&delay.target()), "{}", delay.target() / MILLI);
        for n in 3000..7000 {
            delay.arrived(1_000_000 + n * 960, n * 960);
        }
        assert!(delay.target() <= 2 * STEP, "{}", delay.target());
    }

    #[test]
    fn a_clock_that_stood_still_is_learned_anew() {
        let mut delay = Delay::new();
        for n in 0..200 {
            delay.arrived(n * 960, n * 960);
        }
        let pause = 30_000 * MILLI;
        for n in 200..300 {
            delay.arrived(n * 960 + pause, n * 960);
        }
        assert_eq!(delay.base(), pause);
        assert!(delay.target() <= 4 * STEP);
    }

    #[test]
    fn a_longer_path_becomes_the_measure() {
        let mut delay = Delay::new();
        for n in 0..200 {
            delay.arrived(n * 960, n * 960);
        }
        for n in 200..1200 {
            delay.arrived(n * 960 + 100 * MILLI, n * 960);
        }
        assert_eq!(delay.base(), 100 * MILLI);
    }
}
