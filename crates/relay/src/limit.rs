//! Buckets that drip, for bandwidth and for strangers.

use core::net::IpAddr;

use centrale_model::Time;

use crate::index::{Hasher, words};

/// A token bucket in whole tokens, with its time kept to the nanosecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// The moment at which the bucket would be (or would have been) full.
    full_at: u64,
}

impl Bucket {
    pub(crate) const FULL: Bucket = Bucket { full_at: 0 };

    /// Takes `tokens` when there are so many; a bucket holds `burst` and gains `rate` a second. A rate of zero never limits.
    ///
    /// Kept as one number (the virtual scheduling form of the leaky bucket): taking moves the moment of fullness later, and
    /// it may not be further away than a whole bucket takes to fill.
    #[inline]
    pub(crate) fn take(&mut self, tokens: u64, rate: u64, burst: u64, now: Time) -> bool {
        match self.without(tokens, rate, burst, now) {
            Some(rest) => {
                *self = rest;
                true
            }
            None => false,
        }
    }

    /// What is left when `tokens` are taken; nothing when there are not so many. For whoever takes from several at once.
    #[inline]
    pub(crate) fn without(self, tokens: u64, rate: u64, burst: u64, now: Time) -> Option<Bucket> {
        if rate == 0 {
            return Some(self);
        }
        let span = |tokens: u64| (u128::from(tokens) * 1_000_000_000 / u128::from(rate)) as u64;
        let full_at = self.full_at.max(now.as_nanos()).saturating_add(span(tokens));
        (full_at - now.as_nanos() <= span(burst)).then_some(Bucket { full_at })
    }
}

/// A bounded table of buckets by source address: an IPv4 address or an IPv6 /64.
///
/// Two sources may share a bucket; the seed keeps it from being arranged. The memory is fixed, whoever knocks.
pub(crate) struct Sources {
    buckets: Vec<Bucket>,
    hasher: Hasher,
}

impl Sources {
    /// - `size`: number of buckets, a power of two; eight bytes each.
    pub(crate) fn new(size: usize, hasher: Hasher) -> Sources {
        Sources { buckets: vec![Bucket::FULL; size.next_power_of_two()], hasher }
    }

    /// Takes a token from the bucket of `ip`.
    pub(crate) fn take(&mut self, ip: IpAddr, rate: u64, burst: u64, now: Time) -> bool {
        let [high, low] = words(source(ip));
        let at = self.hasher.hash([high, low, 0x50]) as usize & (self.buckets.len() - 1);
        self.buckets[at].take(1, rate, burst, now)
    }
}

/// What counts as one source: an IPv4 address, or the /64 that a single IPv6 host commands.
pub(crate) fn source(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::FULL;
        let start = Time::from_secs(100);
        let taken = (0..100).filter(|_| bucket.take(1, 10, 20, start)).count();
        assert_eq!(taken, 20);
        let taken = (0..100).filter(|_| bucket.take(1, 10, 20, start + Duration::from_secs(1))).count();
        assert_eq!(taken, 10);
        let taken = (0..100).filter(|_| bucket.take(1, 10, 20, start + Duration::from_secs(100))).count();
        assert_eq!(taken, 20);
    }

    #[test]
    fn a_rate_of_zero_never_limits() {
        let mut bucket = Bucket::FULL;
        assert!((0..1000).all(|_| bucket.take(u64::MAX, 0, 0, Time::ZERO)));
    }

    #[test]
    fn sources_are_single_ipv4_addresses_and_ipv6_halves() {
        let mut sources = Sources::new(1024, Hasher::new([7; 16]));
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(sources.take(ip("2001:db8::1"), 1, 1, Time::ZERO));
        assert!(!sources.take(ip("2001:db8::2"), 1, 1, Time::ZERO));
        assert!(sources.take(ip("192.0.2.1"), 1, 1, Time::ZERO));
    }
}
