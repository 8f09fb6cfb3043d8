//! How long a sending may go on without any progress.
//!
//! Time in which this program itself stood still (a laptop that sleeps, a process that is stopped) does not count: whoever did
//! not run could not see progress. It is noticed because a sending looks at its patience once a second.

use std::time::Duration;

use tokio::time::Instant;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A look that is so late was not delayed by other work: the program stood still.
const STOOD_STILL: Duration = Duration::from_secs(2);

/// Runs out when nothing has moved for too long. Whatever is renewed by is bounded by the content, so that no proxy can renew
/// it for ever.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    since: Instant,
    /// When it was last looked at.
    looked: Instant,
    stored: u32,
    handed: u64,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, since: now, looked: now, stored: 0, handed: 0 }
    }

    /// How long it is in all.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// When [`look`](Self::look) is to be called next.
    pub(crate) fn next_look(&self) -> Instant {
        self.end().min(self.looked + LOOK)
    }

    /// Whether it is over.
    pub(crate) fn look(&mut self) -> bool {
        let now = Instant::now();
        let late = now.saturating_duration_since(self.looked + LOOK);
        if late > STOOD_STILL {
            self.since = (self.since + late).min(now);
        }
        self.looked = now;
        now >= self.end()
    }

    /// When it is over. Far away if that cannot be said.
    fn end(&self) -> Instant {
        const A_YEAR: Duration = Duration::from_secs(365 * 86_400);
        self.since + self.limit.min(A_YEAR)
    }

    /// So many segments are durable at the office. Returns whether that is more than before.
    pub(crate) fn stored(&mut self, segments: u32) -> bool {
        let more = segments > self.stored;
        if more {
            (self.stored, self.since) = (segments, Instant::now());
        }
        more
    }

    /// Whether the office has said already that it has more than these.
    pub(crate) fn is_stale(&self, segments: u32) -> bool {
        segments < self.stored
    }

    /// The transport took the attempt's bytes up to here.
    pub(crate) fn handed(&mut self, bytes: u64) {
        if bytes > self.handed {
            (self.handed, self.since) = (bytes, Instant::now());
        }
    }

    /// Waiting begins anew, for a reason that was nobody's fault.
    pub(crate) fn renew(&mut self) {
        self.since = Instant::now();
    }

    /// Everything anew under another attempt number.
    pub(crate) fn begin_again(&mut self) {
        *self = Self::new(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_is_new_renews_it() {
        let step = Duration::from_secs(6);
        let mut patience = Patience::new(Duration::from_secs(10));
        for segment in 1..10 {
            tokio::time::advance(step).await;
            assert!(patience.end() > Instant::now());
            assert!(patience.stored(segment));
        }
        for byte in 1..10 {
            tokio::time::advance(step).await;
            assert!(patience.end() > Instant::now());
            patience.handed(byte);
        }
        // The same bytes over another way, and the same answer again.
        tokio::time::advance(step).await;
        patience.handed(9);
        assert!(!patience.stored(9));
        tokio::time::advance(step).await;
        assert!(patience.end() <= Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_the_program_stood_still_does_not_count() {
        let mut patience = Patience::new(Duration::from_secs(10));
        let run_for = async |patience: &mut Patience, seconds: u64| {
            let mut over = false;
            for _ in 0..seconds {
                tokio::time::sleep_until(patience.next_look()).await;
                over |= patience.look();
            }
            over
        };
        assert!(!run_for(&mut patience, 6).await);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert!(!run_for(&mut patience, 3).await, "stopped for a minute and a half");
        assert!(run_for(&mut patience, 3).await, "it has run for ten seconds and more");
    }

    #[test]
    fn a_patience_without_end_has_an_end_that_can_be_told() {
        assert!(Patience::new(Duration::MAX).end() > Instant::now());
    }
}
