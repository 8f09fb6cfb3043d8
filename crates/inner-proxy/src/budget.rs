//! How many tokens an office may have minted: a bucket per office that fills evenly.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use schleuse_protocol::time::Millis;
use schleuse_protocol::wire::name::MemberId;

/// The rate that holds for every office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MintRate {
    /// What fills the bucket. At least 1.
    pub(crate) tokens_per_second: u32,
    /// What the bucket holds. At least one batch.
    pub(crate) burst: u32,
}

/// The budgets of all offices. Kept per office and not per connection, so that reconnecting refills nothing.
pub(crate) struct MintBudgets {
    rate: MintRate,
    /// Per office: until when its tokens are paid for, in microseconds of the monotonic clock.
    paid_until: Mutex<HashMap<MemberId, u64>>,
}

impl MintBudgets {
    /// Full buckets.
    pub(crate) fn new(rate: MintRate) -> Self {
        Self { rate, paid_until: Mutex::default() }
    }

    /// Books `count` tokens and says how long to wait before handing them out: not at all while the bucket holds
    /// enough. A batch is never refused; an office that asks for too much is answered late and so slowed down.
    pub(crate) fn book(&self, office: MemberId, count: u16, now: Millis) -> Duration {
        let now = now.0.saturating_mul(1000);
        let cost = u64::from(count) * self.micros_per_token();
        let credit = u64::from(self.rate.burst) * self.micros_per_token();
        let mut offices = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let paid_until = offices.entry(office).or_default();
        *paid_until = (*paid_until).max(now).saturating_add(cost);
        Duration::from_micros(paid_until.saturating_sub(now.saturating_add(credit)))
    }

    fn micros_per_token(&self) -> u64 {
        1_000_000 / u64::from(self.rate.tokens_per_second.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: MintRate = MintRate { tokens_per_second: 10, burst: 100 };

    #[test]
    fn the_burst_is_free_and_what_exceeds_it_waits() {
        let budgets = MintBudgets::new(RATE);
        let (koeln, bonn) = ("ga-koeln".parse().unwrap(), "ga-bonn".parse().unwrap());
        let now = Millis(5_000);
        assert_eq!(budgets.book(koeln, 60, now), Duration::ZERO);
        assert_eq!(budgets.book(koeln, 40, now), Duration::ZERO);
        assert_eq!(budgets.book(koeln, 10, now), Duration::from_secs(1));
        assert_eq!(budgets.book(bonn, 48, now), Duration::ZERO, "offices do not pay for each other");
    }

    #[test]
    fn the_bucket_fills_with_time_and_not_above_its_size() {
        let budgets = MintBudgets::new(RATE);
        let koeln = "ga-koeln".parse().unwrap();
        assert_eq!(budgets.book(koeln, 100, Millis(0)), Duration::ZERO);
        assert_eq!(budgets.book(koeln, 20, Millis(2_000)), Duration::ZERO, "two seconds fill 20");
        assert_eq!(budgets.book(koeln, 100, Millis(3_600_000)), Duration::ZERO);
        assert_eq!(budgets.book(koeln, 1, Millis(3_600_000)), Duration::from_millis(100));
    }
}
