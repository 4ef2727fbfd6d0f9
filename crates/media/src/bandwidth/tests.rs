//! The estimator against a simulated path: a queue that drains at some rate, a delay, chance loss.

use std::collections::VecDeque;

use super::*;

struct Path {
    kilobits: f64,
    loss_percent: u64,
    /// When the queue has drained, in microseconds.
    free_at: f64,
    chance: u64,
}

/// How much may wait in front of the slow link, in milliseconds.
const QUEUE: f64 = 300.0;
const DELAY: f64 = 20_000.0;

impl Path {
    fn new(kilobits: f64) -> Path {
        Path { kilobits, loss_percent: 0, free_at: 0.0, chance: 1 }
    }

    /// When a packet arrives, in microseconds.
    fn carry(&mut self, bytes: usize, now: Time) -> Option<i64> {
        let now = now.as_nanos() as f64 / 1000.0;
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let begin = self.free_at.max(now);
        if (self.chance >> 33) % 100 < self.loss_percent || begin - now > QUEUE * 1000.0 {
            return None;
        }
        self.free_at = begin + bytes as f64 * 8000.0 / self.kilobits;
        Some((self.free_at + DELAY) as i64)
    }
}

/// A sender that sends what the estimate allows, up to `most`, in frames 30 times a second.
struct World {
    estimator: Estimator,
    path: Path,
    most: u64,
    /// Sends no more than this whatever the estimate (as a simulcast layer does), in kilobits.
    sends: u64,
    now: u64,
    feedback: VecDeque<(u16, Option<i64>)>,
    probe: Option<(Cluster, usize)>,
    padding: usize,
}

impl World {
    fn new(path: Path, most: u64) -> World {
        World {
            estimator: Estimator::new(true, Time::ZERO),
            path,
            most,
            sends: u64::MAX,
            now: 0,
            feedback: VecDeque::new(),
            probe: None,
            padding: 0,
        }
    }

    fn send(&mut self, bytes: usize, cluster: u8, now: Time) {
        let number = self.estimator.sent(bytes, cluster, now);
        self.feedback.push_back((number, self.path.carry(bytes, now)));
    }

    /// Runs for some milliseconds and gives the estimate in kilobits.
    fn run(&mut self, millis: u64) -> u64 {
        for _ in 0..millis {
            let now = Time::from_millis(self.now);
            if self.now.is_multiple_of(33) {
                let rate = (self.estimator.estimate().0 / 1000).min(self.most).min(self.sends);
                let mut left = rate * 33 / 8;
                while left > 0 {
                    let bytes = left.min(1150);
                    self.send(bytes as usize, 0, now);
                    left -= bytes;
                }
            }
            if self.now.is_multiple_of(5)
                && let Some((cluster, left)) = self.probe
            {
                let burst = left.min((cluster.rate.0 / 8 / 200) as usize).max(300);
                for _ in 0..burst.div_ceil(290) {
                    self.send(290, cluster.number, now);
                    self.padding += 290;
                }
                self.probe = left.checked_sub(burst).filter(|left| *left > 0).map(|left| (cluster, left));
            }
            if self.now.is_multiple_of(50) {
                // The receiver has seen what arrived 20 ms ago (the way back).
                let seen = (self.now as i64 - 20) * 1000;
                let newest = self.feedback.iter().rposition(|(_, at)| at.is_some_and(|at| at <= seen));
                for (number, at) in self.feedback.drain(..newest.map_or(0, |newest| newest + 1)) {
                    self.estimator.feedback(number, at);
                }
                self.estimator.feedback_ends(now);
                if self.probe.is_none() {
                    let wanted = Bitrate::from_kilobits(self.most);
                    self.probe = self.estimator.probe(wanted, now).map(|cluster| (cluster, cluster.bytes));
                }
            }
            self.now += 1;
        }
        self.estimator.estimate().0 / 1000
    }
}

#[test]
fn a_fast_path_is_known_within_two_seconds() {
    let mut world = World::new(Path::new(20_000.0), 3000);
    let estimate = world.run(2000);
    assert!(estimate >= 2500, "{estimate}");
    assert!(world.padding < 100_000, "{} bytes of padding", world.padding);
}

#[test]
fn a_slow_path_is_not_overrun() {
    let mut world = World::new(Path::new(1000.0), 3000);
    world.run(8000);
    let mut sum = 0;
    for _ in 0..20 {
        let estimate = world.run(500);
        assert!((400..=1150).contains(&estimate), "{estimate}");
        sum += estimate;
    }
    assert!((600..=1000).contains(&(sum / 20)), "mean {}", sum / 20);
}

#[test]
fn a_path_that_shrinks_is_followed_and_one_that_recovers_is_found_again() {
    let mut world = World::new(Path::new(4000.0), 2500);
    assert!(world.run(5000) > 2000);
    world.path.kilobits = 500.0;
    let low = world.run(3000);
    assert!(low <= 600, "{low}");
    world.path.kilobits = 4000.0;
    let high = world.run(15_000);
    assert!(high >= 1800, "{high}");
}

#[test]
fn little_loss_is_borne_and_much_loss_is_not() {
    let mut world = World::new(Path { loss_percent: 2, ..Path::new(20_000.0) }, 2500);
    let estimate = world.run(10_000);
    assert!(estimate >= 2000, "{estimate}");
    assert!(world.estimator.loss() > 0.005 && world.estimator.loss() < 0.05);
    world.path.loss_percent = 30;
    let estimate = world.run(5000);
    assert!(estimate <= 1000, "{estimate}");
}

#[test]
fn what_is_sent_below_the_estimate_does_not_lower_it() {
    let mut world = World::new(Path::new(20_000.0), 2500);
    world.run(3000);
    world.sends = 150;
    world.most = 150;
    let estimate = world.run(20_000);
    assert!(estimate >= 2000, "{estimate}");
}

#[test]
fn a_receiver_without_feedback_is_estimated_by_its_reports() {
    let mut estimator = Estimator::new(false, Time::ZERO);
    assert_eq!(estimator.estimate(), BLIND);
    for n in 1..10 {
        estimator.report(64, 100, Time::from_secs(n));
    }
    assert!(estimator.estimate().0 < BLIND.0 / 2);
    let mut estimator = Estimator::new(false, Time::ZERO);
    estimator.set_remb(Bitrate::from_kilobits(300));
    assert_eq!(estimator.estimate(), Bitrate::from_kilobits(300));
    estimator.set_remb(Bitrate::from_kilobits(5000));
    assert_eq!(estimator.estimate(), Bitrate::from_kilobits(5000));
}
