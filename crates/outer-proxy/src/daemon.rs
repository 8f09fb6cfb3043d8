//! Start, reload and stop of the whole proxy.

use std::ops::Deref;
use std::sync::Arc;

use schleuse_transport::daemon::Running;
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::Listeners;
use schleuse_transport::net::ServerConfig;
use schleuse_transport::supervise::{self, Daemon};
use schleuse_transport::tls::{self, Identity, Peers, Roots};

use crate::config::{Config, InnerPeer, Settings};
use crate::current::Current;
use crate::shared::{Observer, Shared};
use crate::worker;

/// Binds the sockets and starts the threads. Links to inner proxies are made, and made again, in the background.
///
/// # Errors
/// A port is in use, certificate and key do not fit, or the system has no thread left.
pub fn start(config: Config, observer: Option<Observer>) -> Result<Handle, AppError> {
    let Config { settings, identity, roots, cluster_secret } = config;
    let (server, current) = replaceable(&settings, settings.inners.clone(), &identity, &roots)?;
    let listeners = Listeners::bind(settings.id.as_str(), &settings.listen, settings.threads, &cluster_secret, server)?;
    let (addresses, listeners) = (listeners.addresses().to_vec(), Arc::new(listeners));
    let shared = Shared::new(settings, current, observer);
    let work = {
        let (listeners, shared) = (listeners.clone(), shared.clone());
        move |core, shutdown| worker::run(core, listeners.clone(), shared.clone(), shutdown)
    };
    let running = Running::start("outer", addresses, shared.settings.threads, work)?;
    let addresses = running.addresses();
    tracing::info!(id = %shared.settings.id, threads = shared.settings.threads, ?addresses, "outer proxy is listening");
    Ok(Handle { running, listeners, shared })
}

/// What SIGHUP replaces. `settings` are those that the proxy was started with.
fn replaceable(
    settings: &Settings,
    inners: Vec<InnerPeer>,
    identity: &Identity,
    roots: &Roots,
) -> Result<(ServerConfig, Current), AppError> {
    let server = worker::server_config(settings, tls::server(identity, &Peers::Anonymous)?);
    let client = worker::client_config(tls::link(roots, identity)?);
    Ok((server, Current { client, inners }))
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
    /// Waits until every thread is linked with every configured inner proxy.
    pub async fn until_linked(&self) {
        // Fails only when the sender is gone, and it is in `self`.
        let _ = self.shared.links.subscribe().wait_for(|links| *links >= self.links_wanted()).await;
    }

    /// Reads the configuration again, and certificate, key and CA: new connections are made with them; links to inner proxies
    /// that, or whose keys, are no longer in it are closed. Returns what holds now, in one line.
    ///
    /// # Errors
    /// Something is wrong with one of the files; then what held before holds on.
    pub fn reload(&self) -> Result<String, AppError> {
        let started_with = &self.shared.settings;
        let Config { settings, identity, roots, .. } = Config::load(&started_with.path)?;
        let fixed = started_with.fixed_changes(&settings);
        supervise::refuse_fixed(&fixed)?;
        let (server, current) = replaceable(started_with, settings.inners, &identity, &roots)?;
        self.listeners.replace(server);
        self.shared.current.send_replace(Arc::new(current));
        Ok(format!("certificate, CA, {} inner proxies", self.shared.current.borrow().inners.len()))
    }

    /// [`finished`](Running::finished), where SIGTERM and SIGINT drain and then stop, and SIGHUP [reloads](Self::reload).
    ///
    /// # Errors
    /// As [`finished`](Running::finished), or signals cannot be received.
    pub async fn until_signal(&self) -> Result<(), AppError> {
        self.running.supervised(self).await
    }

    fn links_wanted(&self) -> usize {
        self.shared.settings.threads.get() * self.shared.current.borrow().inners.len()
    }
}

impl Daemon for Handle {
    async fn reload(&self) -> Result<String, AppError> {
        Self::reload(self)
    }

    fn status(&self) -> String {
        let (links, wanted) = (*self.shared.links.borrow(), self.links_wanted());
        let (senders, seats) = (self.shared.seats.taken(), self.shared.seats.most());
        let troubles = self.shared.troubles.summary().map(|troubles| format!("{troubles}; ")).unwrap_or_default();
        format!("{troubles}{links} of {wanted} links to inner proxies, {senders} of {seats} senders connected")
    }
}
