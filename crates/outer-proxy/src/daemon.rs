//! Start and stop of the whole proxy.

use std::ops::Deref;
use std::sync::Arc;

use schleuse_transport::daemon::Running;
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::Listeners;
use schleuse_transport::tls::{self, Peers};

use crate::config::Config;
use crate::shared::{Observer, Shared};
use crate::worker::{self, Equipment};

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
    let shared = Shared::new(settings, observer);
    let work = {
        let shared = shared.clone();
        move |core, shutdown| worker::run(core, equipment.clone(), shared.clone(), shutdown)
    };
    let running = Running::start("outer", addresses, shared.settings.threads, work)?;
    let addresses = running.addresses();
    tracing::info!(id = %shared.settings.id, threads = shared.settings.threads, ?addresses, "outer proxy is listening");
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
    /// Waits until every thread is linked with every configured inner proxy.
    pub async fn until_linked(&self) {
        let all = self.shared.settings.threads.get() * self.shared.settings.inners.len();
        // Fails only when the sender is gone, and it is in `self`.
        let _ = self.shared.links.subscribe().wait_for(|links| *links >= all).await;
    }
}
