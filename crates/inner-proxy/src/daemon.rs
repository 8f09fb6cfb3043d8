//! Start, reload and stop of the whole proxy.

use std::ops::Deref;
use std::sync::Arc;

use schleuse_transport::daemon::Running;
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::Listeners;
use schleuse_transport::supervise::{self, Daemon};
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
        let (listeners, shared) = (listeners.clone(), shared.clone());
        move |core, shutdown| worker::run(core, listeners.clone(), shared.clone(), shutdown)
    };
    let running = Running::start("inner", addresses, shared.settings.threads, work)?;
    let addresses = running.addresses();
    tracing::info!(id = %shared.settings.id, threads = shared.settings.threads, ?addresses, "inner proxy is listening");
    Ok(Handle { running, listeners, shared })
}

/// A running proxy. Dropping it does not stop it.
pub struct Handle {
    running: Running,
    listeners: Arc<Listeners>,
    shared: Arc<Shared>,
}

impl Deref for Handle {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Handle {
    /// Reads the configuration again, and certificate, key, CA, root keys and directory. New connections are made with them;
    /// connections of members that are no longer in the directory are closed. Returns what holds now, in one line.
    ///
    /// # Errors
    /// Something is wrong with one of the files; then what held before holds on.
    pub fn reload(&self) -> Result<String, AppError> {
        let started_with = &self.shared.settings;
        let Config { settings, identity, roots, members, .. } = Config::load(&started_with.path)?;
        supervise::refuse_fixed(&started_with.fixed_changes(&settings))?;
        let server = worker::server_config(tls::server(&identity, &Peers::Members(roots))?);
        let version = self.shared.members.replace(members)?;
        self.listeners.replace(server);
        Ok(format!("certificate, CA, root keys, directory of version {version}"))
    }

    /// Waits until so many offices are connected.
    pub async fn until_connected(&self, offices: usize) {
        // Fails only when the sender is gone, and it is in `self`.
        let _ = self.shared.offices.connected().wait_for(|connected| *connected >= offices).await;
    }

    /// [`finished`](Running::finished), where SIGTERM and SIGINT drain and then stop, and SIGHUP [reloads](Self::reload).
    ///
    /// # Errors
    /// As [`finished`](Running::finished), or signals cannot be received.
    pub async fn until_signal(&self) -> Result<(), AppError> {
        self.running.supervised(self).await
    }
}

impl Daemon for Handle {
    async fn reload(&self) -> Result<String, AppError> {
        Self::reload(self)
    }

    fn status(&self) -> String {
        let shared = &self.shared;
        let (members, seats) = (shared.seats.taken(), shared.seats.most());
        let troubles = shared.members.trouble(shared.clock.unix()).map(|trouble| format!("{trouble}; "));
        let offices = *shared.offices.connected().borrow();
        format!("{}{offices} offices linked, {members} of {seats} connections", troubles.unwrap_or_default())
    }
}
