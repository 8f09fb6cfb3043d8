//! Stopping in three steps: drain (take nothing new, tell the peers), grace (let running work finish), stop.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a task may take to end once it was told to. A daemon that hangs at its end is killed, and loses more.
const OBEYING: Duration = Duration::from_secs(5);

/// Shared by all tasks of a daemon. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Shutdown {
    /// Nothing is asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody to take nothing new.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Asks everybody to end now, without grace.
    pub fn stop(&self) {
        self.drain.cancel();
        self.stop.cancel();
    }

    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Completes when draining begins.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Completes when the end must not wait any longer.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Runs `work` until it is done or [`Shutdown::stop`] comes; `None` if it was cut off.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stop.run_until_cancelled(work).await
    }

    /// Runs `work` until it is done or draining begins; `None` if it was cut off. For waiting for something new.
    pub async fn unless_draining<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.drain.run_until_cancelled(work).await
    }

    /// Call after draining began: waits until all tasks of `tracker` are done, at most for `grace`; then stops them, and
    /// leaves behind whoever does not even obey that. Returns whether all had finished by themselves.
    pub async fn finish(&self, tracker: &TaskTracker, grace: Duration) -> bool {
        tracker.close();
        let in_time = tokio::select! {
            () = tracker.wait() => true,
            () = tokio::time::sleep(grace) => false,
            () = self.stopped() => false,
        };
        self.stop();
        if !in_time && tokio::time::timeout(OBEYING, tracker.wait()).await.is_err() {
            tracing::error!(tasks = tracker.len(), "tasks that do not stop were left behind; please report this");
        }
        in_time
    }

    /// Turns signals into steps: the first SIGINT or SIGTERM drains, the second stops. Runs until the second one.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub async fn on_signals(&self) -> io::Result<()> {
        let mut signals = Signals::install()?;
        signals.next().await;
        tracing::info!("draining: no new streams; a second signal stops at once");
        self.drain();
        signals.next().await;
        tracing::info!("stopping at once");
        self.stop();
        Ok(())
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn work_that_finishes_in_grace_is_not_cut_off() {
        let (shutdown, tracker) = (Shutdown::new(), TaskTracker::new());
        let task = shutdown.clone();
        let work = tracker.spawn(async move { task.unless_stopped(tokio::time::sleep(GRACE / 2)).await });
        shutdown.drain();
        assert!(shutdown.is_draining());
        assert!(shutdown.finish(&tracker, GRACE).await);
        assert_eq!(work.await.unwrap(), Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_exceeds_the_grace_is_cut_off() {
        let (shutdown, tracker) = (Shutdown::new(), TaskTracker::new());
        let task = shutdown.clone();
        let work = tracker.spawn(async move { task.unless_stopped(std::future::pending::<()>()).await });
        shutdown.drain();
        let before = tokio::time::Instant::now();
        assert!(!shutdown.finish(&tracker, GRACE).await);
        assert_eq!(before.elapsed(), GRACE);
        assert_eq!(work.await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_stop_cannot_keep_the_daemon() {
        let (shutdown, tracker) = (Shutdown::new(), TaskTracker::new());
        tracker.spawn(std::future::pending::<()>());
        shutdown.drain();
        let finished = tokio::time::timeout(GRACE + 2 * OBEYING, shutdown.finish(&tracker, GRACE)).await;
        assert_eq!(finished, Ok(false));
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_ends_the_grace_early_and_implies_draining() {
        let (shutdown, tracker) = (Shutdown::new(), TaskTracker::new());
        let task = shutdown.clone();
        tracker.spawn(async move { task.stopped().await });
        shutdown.stop();
        assert!(shutdown.is_draining());
        assert_eq!(shutdown.unless_draining(std::future::pending::<()>()).await, None);
        assert!(tokio::time::timeout(GRACE / 2, shutdown.finish(&tracker, GRACE)).await.is_ok());
    }
}
