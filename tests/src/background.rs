//! A runtime on a thread of its own, so that scenarios can be written as plain sequential code.

use std::future::Future;
use std::sync::mpsc;

use crate::wait::{SOON, until_true};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The thread ends when this is dropped.
pub struct Background {
    handle: Handle,
    _stop: DropGuard,
}

impl Background {
    /// Starts the thread.
    pub fn start() -> Self {
        Self::start_after(|| ())
    }

    /// Starts the thread on a host of a lab.
    pub fn within(namespace: &str) -> Self {
        let namespace = namespace.to_owned();
        Self::start_after(move || crate::netns::enter(&namespace))
    }

    fn start_after(prepare: impl FnOnce() + Send + 'static) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            prepare();
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            sender.send(runtime.handle().clone()).expect("the starter waits");
            runtime.block_on(stopped.cancelled());
        });
        let handle = receiver.recv().expect("the thread starts");
        Self { handle, _stop: stop.drop_guard() }
    }

    /// Runs to the end.
    pub fn run<F>(&self, work: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.begin(work).wait()
    }

    /// Runs beside the scenario.
    pub fn begin<F>(&self, work: F) -> Running<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (sender, result) = mpsc::channel();
        let task = self.handle.spawn(async move {
            // Nobody listens any more: then nobody wants to know.
            let _ = sender.send(work.await);
        });
        Running { result, task }
    }

    /// The runtime, to spawn on.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// Work under way.
pub struct Running<T> {
    result: mpsc::Receiver<T>,
    task: tokio::task::JoinHandle<()>,
}

impl<T> Running<T> {
    /// Waits for the end.
    ///
    /// # Panics
    /// The work panicked; its message is above.
    pub fn wait(self) -> T {
        self.result.recv().expect("the work in the background ends without a panic")
    }

    /// Drops it where it stands.
    pub fn abort(self) {
        self.task.abort();
        until_true("the work is dropped", SOON, || self.task.is_finished());
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}
