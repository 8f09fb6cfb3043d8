//! Start and stop of the whole proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use schleuse_protocol::inner::UsedNonces;
use schleuse_transport::clock::Clock;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::listeners::Listeners;
use schleuse_transport::net::Connection;
use schleuse_transport::runtime::{Workers, spawn_per_core};
use schleuse_transport::seats::Seats;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::shutdown::Shutdown;
use schleuse_transport::tls::{self, Peers};
use tokio_util::task::TaskTracker;

use crate::budget::{MintBudgets, MintRate};
use crate::config::{Config, Settings};
use crate::keys::KeyRing;
use crate::members::Members;
use crate::observe::Observer;
use crate::offices::Offices;
use crate::places::Places;
use crate::worker;

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Observer>,
    /// Every stream that is being carried, over all threads: the end of a drain waits for them.
    pub(crate) streams: TaskTracker,
    /// For connections of outer proxies and offices.
    pub(crate) seats: Arc<Seats>,
    pub(crate) members: Members,
    pub(crate) keys: KeyRing,
    pub(crate) offices: Arc<Offices<Connection>>,
    pub(crate) used: Mutex<UsedNonces>,
    pub(crate) places: Arc<Places>,
    pub(crate) budgets: MintBudgets,
}

/// Binds the sockets and starts the threads.
///
/// # Errors
/// A port is in use, certificate and key do not fit, or the system has no thread left.
pub fn start(config: Config, observer: Option<Observer>) -> Result<Handle, AppError> {
    let Config { settings, identity, roots, cluster_secret, members } = config;
    let server = worker::server_config(tls::server(&identity, &Peers::Members(roots))?);
    let listeners = Listeners::bind(settings.id.as_str(), &settings.listen, settings.threads, &cluster_secret, server)?;
    let (addresses, listeners) = (listeners.addresses().to_vec(), Arc::new(listeners));
    let shared = Arc::new(Shared::new(settings, members, cluster_secret, observer));
    let shutdown = Shutdown::new();
    let work = {
        let shared = shared.clone();
        move |core, shutdown| worker::run(core, listeners.clone(), shared.clone(), shutdown)
    };
    let workers = spawn_per_core(shared.settings.threads, "inner", &shutdown, work)?;
    tracing::info!(id = %shared.settings.id, threads = shared.settings.threads, ?addresses, "inner proxy is listening");
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

    /// Takes no new connections and streams; ends when the running streams have, or after the grace period.
    pub fn drain(&self) {
        self.shutdown.drain();
    }

    /// Ends at once.
    pub fn stop(&self) {
        self.shutdown.stop();
    }

    /// Reads the directory again. Connections of members that are no longer in it are closed.
    ///
    /// # Errors
    /// It is not accepted; then what held before holds on.
    pub fn reload_directory(&self) -> Result<(), AppError> {
        let version = self.shared.members.reload(self.shared.clock.unix())?;
        tracing::info!(version, "the directory was read again");
        Ok(())
    }

    /// Waits until so many offices are connected.
    pub async fn until_connected(&self, offices: usize) {
        // Fails only when the sender is gone, and it is in `self`.
        let _ = self.shared.offices.connected().wait_for(|connected| *connected >= offices).await;
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

    /// [`finished`](Self::finished), where SIGTERM and SIGINT drain and then stop, and SIGHUP reloads the directory.
    ///
    /// # Errors
    /// As [`finished`](Self::finished), or signals cannot be received.
    pub async fn until_signal(mut self) -> Result<(), AppError> {
        tokio::select! {
            ended = self.workers.until_signal() => Ok(ended?),
            failed = self.shared.reload_on_hangup() => failed,
        }
    }
}

impl Shared {
    fn new(settings: Settings, members: Members, cluster_secret: SecretKey, observer: Option<Observer>) -> Self {
        let clock = Clock::start();
        let limits = settings.limits;
        Self {
            settings,
            clock,
            observer,
            streams: TaskTracker::new(),
            seats: Seats::new(limits.connections.get()),
            members,
            keys: KeyRing::new(cluster_secret, clock.unix()),
            offices: Offices::new(),
            used: Mutex::new(UsedNonces::new(limits.used_nonces_per_office.get())),
            places: Arc::default(),
            budgets: MintBudgets::new(MintRate {
                tokens_per_second: limits.tokens_per_second.get(),
                burst: limits.token_burst.get(),
            }),
        }
    }

    #[cfg(unix)]
    async fn reload_on_hangup(&self) -> Result<(), AppError> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangups = signal(SignalKind::hangup()).map_err(|error| AppError::new(exit::FAILURE, error))?;
        while hangups.recv().await.is_some() {
            match self.members.reload(self.clock.unix()) {
                Ok(version) => tracing::info!(version, "the directory was read again"),
                Err(error) => tracing::error!(%error, "the directory was not accepted; what held before holds on"),
            }
        }
        std::future::pending().await
    }

    #[cfg(not(unix))]
    async fn reload_on_hangup(&self) -> Result<(), AppError> {
        std::future::pending().await
    }
}
