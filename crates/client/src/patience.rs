//! How long a sending may go on without any progress.

use std::time::Duration;

use tokio::time::Instant;

/// Runs out when nothing has moved for too long. Whatever is renewed by is bounded by the content, so that no proxy can renew
/// it for ever.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    since: Instant,
    stored: u32,
    handed: u64,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, since: Instant::now(), stored: 0, handed: 0 }
    }

    /// How long it is in all.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// When it is over. Far away if that cannot be said.
    pub(crate) fn end(&self) -> Instant {
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

    #[test]
    fn a_patience_without_end_has_an_end_that_can_be_told() {
        assert!(Patience::new(Duration::MAX).end() > Instant::now());
    }
}
