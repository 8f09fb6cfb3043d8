//! How many connection attempts per second one network may make.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

use schleuse_protocol::time::Millis;

/// A token bucket's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Attempts per second that are always fine.
    pub per_second: u32,
    /// Attempts that may come at once after a quiet time.
    pub burst: u32,
}

/// Buckets in the table; 16 bytes each.
const BUCKETS: usize = 8192;

/// Token buckets for networks (IPv4 /24, IPv6 /48) in a table of fixed size.
///
/// Networks whose hashes meet share a bucket; the hash is keyed, so nobody can choose whom to meet. Nothing is ever
/// evicted, so an attacker cannot wash out its own record by coming from many places.
pub struct RateLimiter {
    limit: RateLimit,
    hasher: RandomState,
    buckets: Box<[Bucket]>,
}

/// One token bucket. Tokens are counted in thousandths, so that a millisecond adds `per_second` of them.
#[derive(Clone, Copy)]
pub(super) struct Bucket {
    millitokens: u64,
    at: Millis,
}

impl Bucket {
    /// A full one.
    pub(super) fn full(limit: RateLimit) -> Self {
        Self { millitokens: u64::from(limit.burst) * 1000, at: Millis(0) }
    }

    /// Takes a token if afterwards at least `floor` thousandths of tokens are left.
    fn take_above(&mut self, limit: RateLimit, now: Millis, floor: u64) -> bool {
        let earned = now.0.saturating_sub(self.at.0).saturating_mul(u64::from(limit.per_second));
        self.millitokens = self.millitokens.saturating_add(earned).min(u64::from(limit.burst) * 1000);
        self.at = now.max(self.at);
        match self.millitokens.checked_sub(1000) {
            Some(rest) if rest >= floor => {
                self.millitokens = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes a token for an attempt. One whose address may be forged gets it only from the upper half of the bucket, so that
    /// forged attempts cannot use up what real ones need.
    pub(super) fn take(&mut self, limit: RateLimit, proven: bool, now: Millis) -> bool {
        self.take_above(limit, now, if proven { 0 } else { u64::from(limit.burst) * 500 })
    }
}

impl RateLimiter {
    /// All buckets full.
    pub fn new(limit: RateLimit) -> Self {
        let buckets = vec![Bucket::full(limit); BUCKETS].into_boxed_slice();
        Self { limit, hasher: RandomState::new(), buckets }
    }

    /// Takes a token of a network. One whose address is not `proven`, and may be forged, gets it only from the upper half.
    pub fn take(&mut self, from: IpAddr, proven: bool, now: Millis) -> bool {
        let index = self.hasher.hash_one(network(from)) % BUCKETS as u64;
        self.buckets[index as usize].take(self.limit, proven, now)
    }
}

/// A network as [`network`] cuts it.
pub type Network = [u8; 7];

/// The network that an address stands for: what one customer usually gets, and so cannot leave at will.
pub fn network(address: IpAddr) -> Network {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [4, a, b, c, 0, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, ..] = v6.octets();
            [6, a, b, c, d, e, f]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    const LIMIT: RateLimit = RateLimit { per_second: 10, burst: 20 };

    fn v4(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn a_network_gets_its_burst_and_then_its_rate() {
        let mut limiter = RateLimiter::new(LIMIT);
        let burst = (0..100).filter(|n| limiter.take(v4(*n), true, Millis(5))).count();
        assert_eq!(burst, 20);
        assert!(!limiter.take(v4(0), true, Millis(104)));
        assert!(limiter.take(v4(0), true, Millis(105)));
        assert!(!limiter.take(v4(0), true, Millis(105)));
    }

    #[test]
    fn forged_attempts_leave_half_for_real_ones() {
        let mut limiter = RateLimiter::new(LIMIT);
        assert_eq!((0..100).filter(|_| limiter.take(v4(1), false, Millis(0))).count(), 10);
        assert_eq!((0..100).filter(|_| limiter.take(v4(1), true, Millis(0))).count(), 10);
    }

    #[test]
    fn networks_are_told_apart_by_their_prefix_only() {
        assert_eq!(network(v4(1)), network(v4(254)));
        assert_ne!(network(v4(1)), network(Ipv4Addr::new(192, 0, 3, 1).into()));
        assert_eq!(network(v4(1)), network(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into()));
        let v6 = |third, last| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, third, last, 0, 0, 0, 1));
        assert_eq!(network(v6(1, 1)), network(v6(1, 2)));
        assert_ne!(network(v6(1, 1)), network(v6(2, 1)));
    }

    proptest! {
        /// Whatever the times (even backwards), a network never gets more than burst + rate × time.
        #[test]
        fn never_more_than_burst_and_rate(steps in prop::collection::vec((0u64..2_000, any::<bool>()), 1..400)) {
            let mut limiter = RateLimiter::new(LIMIT);
            let (mut taken, mut latest) = (0u64, 0u64);
            for (at, proven) in steps {
                latest = latest.max(at);
                let took = limiter.take(v4(9), proven, Millis(at));
                taken += u64::from(took);
                prop_assert!(taken * 1000 <= 20_000 + latest * 10);
            }
        }

        /// After a quiet second per token, anybody gets in again.
        #[test]
        fn a_quiet_network_recovers(attempts in 0usize..200) {
            let mut limiter = RateLimiter::new(LIMIT);
            for _ in 0..attempts {
                limiter.take(v4(9), true, Millis(0));
            }
            prop_assert!(limiter.take(v4(9), true, Millis(100)));
        }
    }
}
