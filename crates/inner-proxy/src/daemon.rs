//! Start and stop of the whole proxy.

use std::ops::Deref;
use std::sync::Arc;

use schleuse_transport::daemon::Running;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::listeners::Listeners;
use schleuse_transport::tls::{self, Peers};

use crate::config::Config;
use crate::shared::{Observer, Shared};
use crate::worker;

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
    let work = {
        let shared = shared.clone();
        move |core, shutdown| worker::run(core, listeners.clone(), shared.clone(), shutdown)
    };
    let running = Running::start("inner", addresses, shared.settings.threads, work)?;
    let addresses = running.addresses();
    tracing::info!(id = %shared.settings.id, threads = shared.settings.threads, ?addresses, "inner proxy is listening");
    Ok(Handle { running, shared })
}

/// A running proxy. Dropping it does not stop it.
pub struct Handle {
    running: Running,
    shared: Arc<Shared>,
}

impl Deref for Handle {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Handle {
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

    /// [`finished`](Running::finished), where SIGTERM and SIGINT drain and then stop, and SIGHUP reloads the directory.
    ///
    /// # Errors
    /// As [`finished`](Running::finished), or signals cannot be received.
    pub async fn until_signal(&self) -> Result<(), AppError> {
        tokio::select! {
            ended = self.running.until_signal() => ended,
            failed = self.shared.reload_on_hangup() => failed,
        }
    }
}

impl Shared {
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
