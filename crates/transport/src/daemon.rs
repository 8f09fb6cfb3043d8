//! A running proxy as whoever started it sees it: where it listens, and how it is stopped.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use tokio::sync::Mutex;

use crate::exit::AppError;
use crate::pulse::Pulse;
use crate::runtime::{Workers, spawn_per_core};
use crate::shutdown::Shutdown;
use crate::supervise::{Daemon, supervise};

/// A running proxy. Dropping it does not stop it.
pub struct Running {
    addresses: Vec<SocketAddr>,
    shutdown: Shutdown,
    workers: Mutex<Workers<AppError>>,
    pulse: Pulse,
}

impl Running {
    /// Starts `work(core, shutdown)` on each of the `threads`, which are named after the proxy.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start<W, F>(name: &str, addresses: Vec<SocketAddr>, threads: NonZeroUsize, work: W) -> Result<Self, AppError>
    where
        W: Fn(usize, Shutdown) -> F + Clone + Send + 'static,
        F: Future<Output = Result<(), AppError>>,
    {
        let shutdown = Shutdown::new();
        let workers = spawn_per_core(threads, name, &shutdown, work)?;
        Ok(Self { addresses, shutdown, pulse: workers.pulse().clone(), workers: Mutex::new(workers) })
    }

    /// Where it listens, in the order of the configuration; port 0 has become a real one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no new connections and streams; ends when the running streams have, or after the grace period.
    pub fn drain(&self) {
        self.shutdown.drain();
    }

    /// Ends at once.
    pub fn stop(&self) {
        self.shutdown.stop();
    }

    /// [`drain`](Self::drain), then [`finished`](Self::finished).
    ///
    /// # Errors
    /// As [`finished`](Self::finished).
    pub async fn shutdown(&self) -> Result<(), AppError> {
        self.drain();
        self.finished().await
    }

    /// Waits for the end, which needs [`drain`](Self::drain) or [`stop`](Self::stop).
    ///
    /// # Errors
    /// A thread failed; then all have been drained.
    pub async fn finished(&self) -> Result<(), AppError> {
        Ok(self.workers.lock().await.finished().await?)
    }

    /// [`finished`](Self::finished), where signals are obeyed and the service manager is told (see [`supervise`]).
    ///
    /// # Errors
    /// As [`finished`](Self::finished), or signals cannot be received.
    pub async fn supervised(&self, daemon: &impl Daemon) -> Result<(), AppError> {
        supervise(daemon, &self.shutdown, Some(&self.pulse), self.finished()).await
    }
}
