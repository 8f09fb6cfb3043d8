//! One thread of the proxy: its endpoints, its links to inner proxies, its senders.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use schleuse_transport::endpoint::{self, BindError, Limits, RateLimit, dial_only};
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::{self, Listeners};
use schleuse_transport::net::{ClientConfig, Endpoint, ServerConfig};
use schleuse_transport::shutdown::Shutdown;
use schleuse_transport::tls::{ClientTls, ServerTls};

use crate::config::Settings;
use crate::inners::Inners;
use crate::limits::sender_limits;
use crate::link;
use crate::sender;
use crate::shared::{Shared, Worker};

/// What the threads are started with.
pub(crate) struct Equipment {
    pub(crate) listeners: Listeners,
    pub(crate) client: ClientConfig,
}

pub(crate) fn server_config(settings: &Settings, tls: ServerTls) -> ServerConfig {
    endpoint::server_config(tls, &sender_limits(settings))
}

pub(crate) fn client_config(tls: ClientTls) -> ClientConfig {
    // An inner proxy opens no streams here.
    endpoint::client_config(tls, &Limits { first_streams: 0, max_streams: 0, ..Limits::LINK })
}

/// The whole life of one thread.
pub(crate) async fn run(
    core: usize,
    equipment: Arc<Equipment>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
) -> Result<(), AppError> {
    let mut endpoints = equipment.listeners.open(core)?;
    let dialler = dial_from_anywhere(equipment.client.clone())?;
    let inners = Arc::new(Inners::new(&shared.settings.inners, shared.clock, shared.links.clone()));
    let worker = Worker { shared, inners, shutdown: shutdown.clone() };
    for peer in worker.shared.settings.inners.clone() {
        tokio::spawn(link::keep(worker.clone(), peer, dialler.clone()));
    }
    for endpoint in &endpoints {
        tokio::spawn(accept(worker.clone(), endpoint.clone()));
    }
    endpoints.push(dialler);
    shutdown.draining().await;
    listeners::finish(&shutdown, &worker.shared.streams, worker.shared.settings.grace, &endpoints).await;
    Ok(())
}

/// Both address families where the machine has them.
fn dial_from_anywhere(config: ClientConfig) -> Result<Endpoint, BindError> {
    dial_only(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), config.clone())
        .or_else(|_| dial_only(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), config))
}

async fn accept(worker: Worker, endpoint: Endpoint) {
    let limits = worker.shared.settings.limits;
    let rate = RateLimit { per_second: limits.handshakes_per_second.get(), burst: limits.handshake_burst.get() };
    let gate = listeners::gate(limits.handshakes, rate, worker.shared.clock);
    listeners::accept(endpoint, gate, worker.shutdown.clone(), |handshake| match worker.shared.seats.take() {
        Some(seat) => drop(tokio::spawn(sender::serve(worker.clone(), handshake, seat))),
        None => tracing::debug!("too many senders are connected: a connection was refused"),
    })
    .await;
}
