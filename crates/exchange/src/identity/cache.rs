//! The generations of users seen lately.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use centrale_model::{Time, UserId};

/// How many users each of the two halves holds. About 64 bytes each.
///
/// Lower: more point reads under many users. Higher: more memory.
const HALF: usize = 65_536;

/// How long a number is believed without asking the store again.
///
/// It bounds how long a node whose bell was lost goes on accepting revoked tokens. Lower: more point reads.
const BELIEF: Duration = Duration::from_secs(10);

/// What is known of a user. Ordered: later facts are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Exists, in this generation.
    Is(i64),
    /// Was deleted, or never was. Ids are not used twice.
    Gone,
}

#[derive(Clone, Copy)]
struct Entry {
    standing: Standing,
    since: Time,
}

/// A bounded memory in two halves: when the young half is full, the old half is forgotten.
#[derive(Default)]
pub(super) struct Cache {
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    young: HashMap<UserId, Entry>,
    old: HashMap<UserId, Entry>,
}

impl Cache {
    /// What is believed of a user at this moment.
    pub(super) fn get(&self, user: UserId, now: Time) -> Option<Standing> {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = halves.young.get(&user).or_else(|| halves.old.get(&user))?;
        (now.since(entry.since) < BELIEF).then_some(entry.standing)
    }

    /// Learns a fact. A reader that was overtaken by a revocation cannot bring the past back: greater facts stay.
    pub(super) fn learn(&self, user: UserId, standing: Standing, now: Time) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let known = halves.young.get(&user).or_else(|| halves.old.get(&user)).copied();
        let standing = known.map_or(standing, |known| known.standing.max(standing));
        if halves.young.len() >= HALF && !halves.young.contains_key(&user) {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(user, Entry { standing, since: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_reader_does_not_bring_the_past_back() {
        let cache = Cache::default();
        let user = UserId::from_u128(1);
        cache.learn(user, Standing::Is(2), Time::ZERO);
        cache.learn(user, Standing::Is(1), Time::ZERO);
        assert_eq!(cache.get(user, Time::ZERO), Some(Standing::Is(2)));
        cache.learn(user, Standing::Gone, Time::ZERO);
        cache.learn(user, Standing::Is(3), Time::ZERO);
        assert_eq!(cache.get(user, Time::ZERO), Some(Standing::Gone));
    }

    #[test]
    fn a_number_is_believed_for_ten_seconds() {
        let cache = Cache::default();
        let user = UserId::from_u128(1);
        cache.learn(user, Standing::Is(1), Time::ZERO);
        assert_eq!(cache.get(user, Time::from_millis(9_999)), Some(Standing::Is(1)));
        assert_eq!(cache.get(user, Time::from_secs(10)), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let cache = Cache::default();
        for number in 0..(3 * HALF as u128) {
            cache.learn(UserId::from_u128(number), Standing::Is(1), Time::ZERO);
        }
        let halves = cache.halves.lock().expect("nobody panicked");
        assert!(halves.young.len() + halves.old.len() <= 2 * HALF);
    }
}
