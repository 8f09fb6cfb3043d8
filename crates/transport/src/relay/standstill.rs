//! How many streams may stand still together.
//!
//! A stream whose sink takes nothing keeps up to a stream window of its source's connection. Enough of them fill the
//! connection's window and block every other stream on it, wherever those go. So streams that have a sink in common
//! share a number of places to stand still; whoever finds none is given up and may come again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::endpoint::Limits;

/// Waiting shorter than this is no standstill: streams that share a slow sink take turns.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same once all places are taken: then the sink is known to be in trouble, and each stream that waits pins a window.
const LITTLE_PATIENCE: Duration = Duration::from_millis(250);

/// Places to stand still, shared by the streams from one connection to one sink. Clones share them too.
#[derive(Clone, Debug)]
pub struct Standstill(Arc<Semaphore>);

impl Standstill {
    /// As many places as fill a quarter of a connection's window of so many bytes.
    pub fn quarter_of(connection_window: u32, limits: &Limits) -> Self {
        let streams = connection_window / 4 / limits.stream_window.max(1);
        Self::of(usize::try_from(streams).unwrap_or(1).max(1))
    }

    /// For streams that share a connection with nobody whom they could block.
    pub fn unbounded() -> Self {
        Self::of(Semaphore::MAX_PERMITS)
    }

    pub(super) fn of(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Whether the next stream would better not begin.
    pub fn is_full(&self) -> bool {
        self.0.available_permits() == 0
    }

    /// Does what needs the sink: hands over what was read, all of it. None if that takes too long and all places are taken.
    /// A sink that takes a few bytes now and then does not hand over: what counts is when the whole is gone.
    pub async fn unless_full<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        // Mostly the sink has room, and no timer is needed.
        if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
            return Some(done);
        }
        let patience = if self.is_full() { LITTLE_PATIENCE } else { PATIENCE };
        if let Ok(done) = timeout(patience, &mut work).await {
            return Some(done);
        }
        let _place = self.0.try_acquire().ok()?;
        Some(work.await)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    #[test]
    fn a_quarter_of_the_window_may_stand_still_and_at_least_one_stream() {
        let mib = 1024 * 1024;
        assert_eq!(Standstill::quarter_of(64 * mib, &Limits::LINK).0.available_permits(), 16);
        assert_eq!(Standstill::quarter_of(mib, &Limits::PUBLIC).0.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_shortly_needs_no_place_and_who_stands_still_keeps_one() {
        let standstill = Standstill::of(1);
        assert_eq!(standstill.unless_full(async { 1 }).await, Some(1));
        let stuck = tokio::spawn({
            let standstill = standstill.clone();
            async move { standstill.unless_full(pending::<()>()).await }
        });
        sleep(2 * PATIENCE).await;
        assert!(standstill.is_full());
        assert_eq!(standstill.unless_full(sleep(LITTLE_PATIENCE / 2)).await, Some(()));
        assert_eq!(standstill.unless_full(sleep(2 * LITTLE_PATIENCE)).await, None);
        assert_eq!(standstill.unless_full(pending::<()>()).await, None);
        stuck.abort();
        assert!(stuck.await.is_err());
        assert!(!standstill.is_full(), "the place is free again");
        assert_eq!(standstill.unless_full(sleep(2 * PATIENCE)).await, Some(()));
    }
}
