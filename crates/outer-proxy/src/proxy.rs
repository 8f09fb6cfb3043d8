//! Start and stop of the whole proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use schleuse_transport::clock::Clock;
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::Listeners;
use schleuse_transport::runtime::{Workers, spawn_per_core};
use schleuse_transport::seats::Seats;
use schleuse_transport::shutdown::Shutdown;
use schleuse_transport::tls::{self, Peers};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Settings};
use crate::observe::Observer;
use crate::worker::{self, Equipment};

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Observer>,
    /// Every stream that is being carried, over all threads: the end of a drain waits for them.
    pub(crate) streams: TaskTracker,
    /// For connections of senders.
    pub(crate) seats: Arc<Seats>,
    /// How many connections have a full window (see [`Conduct`](crate::conduct::Conduct)).
    pub(crate) full_windows: AtomicUsize,
    /// Links to inner proxies, over all threads.
    pub(crate) links: watch::Sender<usize>,
}

/// Binds the sockets and starts the threads. Links to inner proxies are made, and made again, in the background.
///
/// # Errors
/// A port is in use, certificate and key do not fit, or the system has no thread left.
pub fn start(config: Config, observer: Option<Observer>) -> Result<Handle, AppError> {
    let Config { settings, identity, roots, cluster_secret } = config;
    let server = worker::server_config(&settings, tls::server(&identity, &Peers::Anonymous)?);
    let listeners = Listeners::bind(settings.id.as_str(), &settings.listen, settings.threads, &cluster_secret, server)?;
    let addresses = listeners.addresses().to_vec();
    let client = worker::client_config(tls::link(&roots, &identity)?);
    let equipment = Arc::new(Equipment { listeners, client });
    let shared = Arc::new(Shared {
        clock: Clock::start(),
        observer,
        streams: TaskTracker::new(),
        seats: Seats::new(settings.limits.connections.get()),
        full_windows: AtomicUsize::new(0),
        links: watch::Sender::new(0),
        settings,
    });
    let shutdown = Shutdown::new();
    let work = {
        let shared = shared.clone();
        move |core, shutdown| worker::run(core, equipment.clone(), shared.clone(), shutdown)
    };
    let workers = spawn_per_core(shared.settings.threads, "outer", &shutdown, work)?;
    tracing::info!(id = %shared.settings.id, threads = shared.settings.threads, ?addresses, "outer proxy is listening");
    Ok(Handle { addresses, shared, shutdown, workers })
}

/// A running proxy. Dropping it does not stop it.
pub struct Handle {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
    workers: Workers<AppError>,
}

impl Handle {
    /// Where it listens, in the order of the configuration; port 0 has become a real one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until every thread is linked with every configured inner proxy.
    pub async fn until_linked(&self) {
        let all = self.shared.settings.threads.get() * self.shared.settings.inners.len();
        // Fails only when the sender is gone, and it is in `self`.
        let _ = self.shared.links.subscribe().wait_for(|links| *links >= all).await;
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
    pub async fn shutdown(self) -> Result<(), AppError> {
        self.drain();
        self.finished().await
    }

    /// Waits for the end, which needs [`drain`](Self::drain) or [`stop`](Self::stop).
    ///
    /// # Errors
    /// A thread failed; then all have been drained.
    pub async fn finished(mut self) -> Result<(), AppError> {
        Ok(self.workers.finished().await?)
    }

    /// [`finished`](Self::finished), where SIGTERM and SIGINT drain and then stop.
    ///
    /// # Errors
    /// As [`finished`](Self::finished), or signals cannot be received.
    pub async fn until_signal(mut self) -> Result<(), AppError> {
        Ok(self.workers.until_signal().await?)
    }
}
