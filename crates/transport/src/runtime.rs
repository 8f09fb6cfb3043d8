//! One current-thread runtime per core: measured faster for a relay than one work-stealing runtime over all cores.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use crate::exit::{self, AppError};
use crate::pulse::Pulse;
use crate::shutdown::Shutdown;

/// The cores that this process may use.
pub fn available_cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A runtime that runs everything on the thread that blocks on it.
///
/// # Errors
/// The operating system gives no event queue.
pub fn current_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Threads of one daemon, one per core, that live and end together.
///
/// Dropping it does not stop them: call [`Shutdown::drain`] and then [`Workers::finished`].
pub struct Workers<E> {
    shutdown: Shutdown,
    running: usize,
    results: mpsc::UnboundedReceiver<Result<(), WorkerError<E>>>,
    failure: Option<WorkerError<E>>,
    pulse: Pulse,
}

/// Why a daemon's threads ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError<E> {
    /// The work itself failed.
    #[error(transparent)]
    Work(E),
    /// A thread or its runtime could not be made.
    #[error("cannot start a thread: {0}")]
    Start(io::Error),
    /// The work panicked: a bug. The panic's own message is on standard error.
    #[error("a thread panicked; please report this")]
    Panicked,
}

impl<E: Into<AppError>> From<WorkerError<E>> for AppError {
    fn from(error: WorkerError<E>) -> Self {
        match error {
            WorkerError::Work(error) => error.into(),
            WorkerError::Start(_) => {
                Self::new(exit::UNAVAILABLE, "cannot start a thread: the limits of the system are reached")
            }
            WorkerError::Panicked => {
                Self::new(exit::FAILURE, "a thread panicked; please report this with the lines above")
            }
        }
    }
}

/// Starts `work(core, shutdown)` on `cores` threads named `name-core`, each with its own runtime.
///
/// # Errors
/// A thread cannot be started; those that were are stopped.
pub fn spawn_per_core<W, F, E>(
    cores: NonZeroUsize,
    name: &str,
    shutdown: &Shutdown,
    work: W,
) -> Result<Workers<E>, WorkerError<E>>
where
    W: Fn(usize, Shutdown) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), E>>,
    E: Send + 'static,
{
    let (sender, results) = mpsc::unbounded_channel();
    let pulse = Pulse::new((0..cores.get()).map(|core| format!("{name}-{core}")));
    for core in 0..cores.get() {
        let (work, on_core, beat) = (work.clone(), shutdown.clone(), pulse.clone().beat(core));
        let report = Report(Some(sender.clone()));
        let run = move || {
            let result = current_thread().map_err(WorkerError::Start);
            report.send(result.and_then(|runtime| {
                let ended = runtime.block_on(async {
                    tokio::select! {
                        ended = work(core, on_core) => ended.map_err(WorkerError::Work),
                        never = beat => match never {},
                    }
                });
                // Not dropped: that would wait for a lookup of a name that nobody answers.
                runtime.shutdown_background();
                ended
            }));
        };
        if let Err(error) = thread::Builder::new().name(format!("{name}-{core}")).spawn(run) {
            shutdown.stop();
            return Err(WorkerError::Start(error));
        }
    }
    Ok(Workers { shutdown: shutdown.clone(), running: cores.get(), results, failure: None, pulse })
}

impl<E> Workers<E> {
    /// Whether they still move.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Waits until all threads have ended. When one ends with an error, the others are asked to drain.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// The first error of any thread.
    pub async fn finished(&mut self) -> Result<(), WorkerError<E>> {
        while self.running > 0 {
            let result = self.results.recv().await.unwrap_or(Err(WorkerError::Panicked));
            self.running -= 1;
            if result.is_err() {
                self.shutdown.drain();
                self.failure = self.failure.take().or(result.err());
            }
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}

/// Reports exactly once how a thread ended, also when it panics.
struct Report<E>(Option<mpsc::UnboundedSender<Result<(), WorkerError<E>>>>);

impl<E> Report<E> {
    fn send(mut self, result: Result<(), WorkerError<E>>) {
        self.report(result);
    }

    fn report(&mut self, result: Result<(), WorkerError<E>>) {
        if let Some(sender) = self.0.take() {
            // Nobody listens any more: then nobody wants to know.
            let _ = sender.send(result);
        }
    }
}

impl<E> Drop for Report<E> {
    fn drop(&mut self) {
        self.report(Err(WorkerError::Panicked));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::*;

    /// Three threads, from their start to their end.
    fn run<F: Future<Output = Result<(), &'static str>>>(
        work: impl Fn(usize, Shutdown) -> F + Clone + Send + 'static,
    ) -> Result<(), WorkerError<&'static str>> {
        let mut workers = spawn_per_core(NonZeroUsize::new(3).unwrap(), "outer", &Shutdown::new(), work)?;
        current_thread().unwrap().block_on(workers.finished())
    }

    #[test]
    fn every_core_has_its_own_named_thread() {
        let names = Arc::new(Mutex::new(Vec::new()));
        let seen = names.clone();
        let result = run(move |core, _| {
            seen.lock().unwrap().push((core, thread::current().name().map(str::to_owned)));
            async { Ok(()) }
        });
        assert!(result.is_ok());
        let mut names = names.lock().unwrap().clone();
        names.sort();
        assert_eq!(names, [0, 1, 2].map(|core| (core, Some(format!("outer-{core}")))));
    }

    #[test]
    fn the_error_of_one_core_drains_the_others_and_is_returned() {
        let result = run(|core, shutdown| async move {
            if core == 1 {
                return Err("no such port");
            }
            shutdown.draining().await;
            Ok(())
        });
        assert!(matches!(result, Err(WorkerError::Work("no such port"))));
    }

    #[test]
    fn a_panic_on_one_core_drains_the_others_and_is_told() {
        let result = run(|core, shutdown| async move {
            assert_ne!(core, 2, "this panic is part of the test");
            shutdown.draining().await;
            Ok(())
        });
        assert!(matches!(result, Err(WorkerError::Panicked)));
    }
}
