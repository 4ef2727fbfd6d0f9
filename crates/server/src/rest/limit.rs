//! How often: requests counted in a window that slides, per node.
//!
//! The window is two fixed ones: the count of the one before weighs as much as the sliding window still overlaps it.
//! Requests that are refused count too (B-LIM-1).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use centrale_exchange::identity::Caller;
use centrale_exchange::{Error, Result};
use centrale_model::Time;
use centrale_wire::{Limit, Per};

/// Callers counted at once. When it is full, those whose windows are over are forgotten; if none is, new callers
/// share one count.
///
/// Lower: less memory. Higher: more callers are told apart.
const CALLERS: usize = 100_000;

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Number of the fixed window that `current` counts.
    number: u64,
    current: u64,
    before: u64,
}

impl Window {
    /// Counts a request. Gives how long to wait when it is one too many.
    fn count(&mut self, limit: &Limit, now: Time) -> Option<Duration> {
        let length = u64::from(limit.window_ms.max(1));
        let number = now.as_millis() / length;
        match number - self.number.min(number) {
            0 => {}
            1 => {
                self.before = self.current;
                self.current = 0;
            }
            _ => {
                self.before = 0;
                self.current = 0;
            }
        }
        self.number = number;
        self.current += 1;
        let elapsed = now.as_millis() % length;
        let most = u64::from(limit.count) * length;
        if self.before * (length - elapsed) + self.current * length <= most {
            return None;
        }
        Some(Duration::from_millis(self.wait(limit, length, elapsed)))
    }

    /// Milliseconds until one more request would pass, if none came in between.
    fn wait(&self, limit: &Limit, length: u64, elapsed: u64) -> u64 {
        let most = u64::from(limit.count);
        let rest = length - elapsed;
        if self.current < most {
            // In this window: when before × (rest − t) ≤ (most − current − 1) × length.
            let free = (most - self.current - 1) * length;
            let t = rest.saturating_sub(free / self.before.max(1));
            if t <= rest {
                return t.max(1);
            }
        }
        // In the next window, where this one is the one before.
        let free = most.saturating_sub(1) * length;
        rest + length.saturating_sub(free / self.current.max(1))
    }
}

/// All windows of a node.
#[derive(Default)]
pub struct Limiter {
    windows: Mutex<HashMap<(&'static str, String), Window>>,
}

impl Limiter {
    /// Counts a request.
    ///
    /// # Errors
    /// `TooMany`, with the time after which it would pass.
    pub fn count(&self, limit: &Limit, caller: &Caller, now: Time) -> Result<()> {
        let whose = match limit.per {
            Per::Resource => String::new(),
            Per::Caller => match caller {
                Caller::Open => String::new(),
                Caller::Key(key) => key.name.as_str().to_owned(),
                Caller::User(bearer) => bearer.user.to_string(),
            },
        };
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= CALLERS && !windows.contains_key(&(limit.name, whose.clone())) {
            let length = u64::from(limit.window_ms.max(1));
            let number = now.as_millis() / length;
            windows.retain(|(name, _), window| *name != limit.name || window.number + 1 >= number);
        }
        let whose = if windows.len() >= CALLERS { String::from("others") } else { whose };
        let waiting = windows.entry((limit.name, whose)).or_default().count(limit, now);
        drop(windows);
        match waiting {
            None => Ok(()),
            Some(pause) => Err(Error::too_many(
                format!("Too many requests: at most {} in {} seconds.", limit.count, limit.window_ms / 1000),
                pause,
            )
            .detail(limit.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { name: "test", count: 10, window_ms: 1000, per: Per::Resource };

    fn after_filling() -> Limiter {
        let limiter = Limiter::default();
        for _ in 0..10 {
            limiter.count(&LIMIT, &Caller::Open, Time::from_millis(100)).expect("within the limit");
        }
        limiter
    }

    #[test]
    fn the_eleventh_of_ten_is_told_when_to_come_back() {
        let limiter = after_filling();
        let error = limiter.count(&LIMIT, &Caller::Open, Time::from_millis(200)).expect_err("one too many");
        let pause = error.retry_after().expect("a pause");
        assert!(pause >= Duration::from_millis(800) && pause <= Duration::from_millis(2000), "{pause:?}");
        limiter
            .count(&LIMIT, &Caller::Open, Time::from_millis(200) + pause)
            .expect("whoever waits as told is admitted");
    }

    #[test]
    fn refused_requests_count_too() {
        let limiter = after_filling();
        for _ in 0..90 {
            assert!(limiter.count(&LIMIT, &Caller::Open, Time::from_millis(300)).is_err());
        }
        assert!(limiter.count(&LIMIT, &Caller::Open, Time::from_millis(1100)).is_err());
        limiter.count(&LIMIT, &Caller::Open, Time::from_millis(3000)).expect("after silence it is over");
    }

    #[test]
    fn each_limit_has_its_own_count() {
        let limiter = after_filling();
        let other = Limit { name: "other", ..LIMIT };
        limiter.count(&other, &Caller::Open, Time::from_millis(200)).expect("another count");
    }
}
