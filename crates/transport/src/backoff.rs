//! Waiting longer after every failed attempt, by a random amount, so that a restarted proxy is not run over.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Delays between attempts: exponential with full jitter, never above a ceiling.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    ceiling: Duration,
    failures: u32,
    rng: SmallRng,
}

impl Backoff {
    /// The first delay is at most `base`, each next one at most twice as long, none longer than `ceiling`.
    pub fn new(base: Duration, ceiling: Duration) -> Self {
        Self::seeded(base, ceiling, rand::random())
    }

    /// The same with a fixed seed: the delays repeat exactly.
    pub fn seeded(base: Duration, ceiling: Duration, seed: u64) -> Self {
        Self { base, ceiling, failures: 0, rng: SmallRng::seed_from_u64(seed) }
    }

    /// How long to wait after this failure. At least a tenth of the bound, so that nobody hammers by bad luck.
    pub fn next_delay(&mut self) -> Duration {
        let bound = self.base.saturating_mul(1 << self.failures.min(20)).min(self.ceiling);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(self.rng.random_range(0.1..=1.0))
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Call after a success (better: after the connection has lived for a while).
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(250);
    const CEILING: Duration = Duration::from_secs(30);

    #[test]
    fn delays_grow_up_to_the_ceiling_and_start_again() {
        let mut backoff = Backoff::seeded(BASE, CEILING, 1);
        let mut bound = BASE;
        for _ in 0..40 {
            let delay = backoff.next_delay();
            assert!(delay >= bound / 10 - Duration::from_nanos(1) && delay <= bound, "{delay:?} of {bound:?}");
            bound = (bound * 2).min(CEILING);
        }
        assert_eq!(backoff.failures(), 40);
        backoff.reset();
        assert!(backoff.next_delay() <= BASE);
    }

    #[test]
    fn a_seed_repeats_its_delays_and_another_does_not() {
        let delays = |seed| {
            let mut backoff = Backoff::seeded(BASE, CEILING, seed);
            (0..8).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }
}
