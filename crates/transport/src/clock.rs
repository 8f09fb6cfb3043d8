//! The only place that asks the clock. Everything below takes time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schleuse_protocol::time::{Millis, Now, UnixSeconds};
use tokio::time::Instant;

/// Both clocks of a process: one that never jumps, for timers, and the wall clock, for validity.
///
/// Timers follow tokio's clock, so that a test with paused time moves them.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub(crate) start: Instant,
}

impl Clock {
    /// A clock whose [`Millis`] count from now. Take one per process, so that its times can be compared.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both clocks, read together.
    pub fn now(&self) -> Now {
        Now { millis: self.millis(), unix: self.unix() }
    }

    /// Monotonic milliseconds since [`Clock::start`].
    pub fn millis(&self) -> Millis {
        Millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The wall clock in seconds.
    pub fn unix(&self) -> UnixSeconds {
        UnixSeconds(since_epoch().as_secs())
    }

    /// The wall clock in microseconds: what a sender without memory uses as its attempt number.
    pub fn unix_micros(&self) -> u64 {
        u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
    }

    /// Sleeps until [`Clock::millis`] has reached `deadline`; not at all if it has.
    pub async fn sleep_until(&self, deadline: Millis) {
        match self.start.checked_add(Duration::from_millis(deadline.0)) {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }

    /// Like [`Clock::sleep_until`]; without a deadline it never returns, which suits a branch of `select!`.
    pub async fn sleep_until_some(&self, deadline: Option<Millis>) {
        match deadline {
            Some(deadline) => self.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}

/// A clock set before 1970 reads as 1970: every certificate and ticket is then "not yet valid", which is safe.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn timers_follow_the_virtual_clock() {
        let clock = Clock::start();
        assert_eq!(clock.millis(), Millis(0));
        clock.sleep_until(Millis(90_000)).await;
        assert_eq!(clock.millis(), Millis(90_000));
        clock.sleep_until(Millis(5)).await;
        assert_eq!(clock.millis(), Millis(90_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_never_comes_stays_pending() {
        let clock = Clock::start();
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, clock.sleep_until(Millis(u64::MAX))).await.is_err());
        assert!(tokio::time::timeout(hour, clock.sleep_until_some(None)).await.is_err());
    }

    #[test]
    fn the_wall_clock_is_after_this_was_written() {
        let clock = Clock::start();
        assert!(clock.unix() > UnixSeconds(1_790_000_000));
        assert!(clock.unix_micros() / 1_000_000 >= clock.unix().0);
    }
}
