//! One thread of the proxy: its endpoints, its links to inner proxies, its senders.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, ServerConfig};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{
    self, BindError, EndpointKeys, Gate, GateLimits, Limits, RateLimit, dial_only, listen,
};
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::shutdown::Shutdown;

use crate::config::Settings;
use crate::inners::Inners;
use crate::link;
use crate::proxy::{Shared, Sockets};
use crate::sender;

/// What a sender may have us hold before its first valid token, in bytes of all its streams together. Whoever has no
/// token can therefore fill `connections` times this, and no more.
pub(crate) const UNADMITTED_WINDOW: u32 = 64 * 1024;

/// What the threads are started with.
pub(crate) struct Equipment {
    pub(crate) server: ServerConfig,
    pub(crate) client: ClientConfig,
    pub(crate) cluster_secret: SecretKey,
    /// Each thread takes its own.
    pub(crate) sockets: Mutex<Sockets>,
}

/// What the tasks of one thread share.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) inners: Arc<Inners>,
    pub(crate) shutdown: Shutdown,
}

pub(crate) fn server_config(settings: &Settings, tls: QuicServerConfig) -> ServerConfig {
    endpoint::server_config(tls, &sender_limits(settings))
}

pub(crate) fn client_config(tls: QuicClientConfig) -> ClientConfig {
    // An inner proxy opens no streams here.
    endpoint::client_config(tls, &Limits { first_streams: 0, max_streams: 0, ..Limits::LINK })
}

/// What a sender's connection may take at first; [`Conduct`](crate::conduct::Conduct) raises the window with a valid token.
pub(crate) fn sender_limits(settings: &Settings) -> Limits {
    let max_streams = settings.limits.streams_per_connection.get();
    let first_streams = Limits::PUBLIC.first_streams.min(max_streams);
    Limits { first_streams, max_streams, connection_window: UNADMITTED_WINDOW, ..Limits::PUBLIC }
}

/// The whole life of one thread.
pub(crate) async fn run(
    core: usize,
    equipment: Arc<Equipment>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
) -> Result<(), AppError> {
    let endpoints = listen_all(core, &equipment, &shared)?;
    let dialler = dial_from_anywhere(equipment.client.clone())?;
    let inners = Arc::new(Inners::new(&shared.settings.inners, shared.clock, shared.links.clone()));
    let worker = Worker { shared, inners, shutdown: shutdown.clone() };
    for peer in worker.shared.settings.inners.clone() {
        tokio::spawn(link::keep(worker.clone(), peer, dialler.clone()));
    }
    for endpoint in &endpoints {
        tokio::spawn(accept(worker.clone(), endpoint.clone()));
    }
    shutdown.draining().await;
    if !shutdown.finish(&worker.shared.streams, worker.shared.settings.grace).await {
        tracing::warn!("the grace period is over: running streams were cut off");
    }
    for endpoint in endpoints.iter().chain([&dialler]) {
        endpoint.close(refusal_code(StreamRefusal::Unavailable), b"");
        endpoint.wait_idle().await;
    }
    Ok(())
}

fn listen_all(core: usize, equipment: &Equipment, shared: &Shared) -> Result<Vec<Endpoint>, AppError> {
    let mut by_thread = equipment.sockets.lock().unwrap_or_else(PoisonError::into_inner);
    let sockets = by_thread.get_mut(core).map(std::mem::take).unwrap_or_default();
    drop(by_thread);
    sockets
        .into_iter()
        .map(|socket| {
            let address = socket.local_addr().map_err(|error| AppError::new(exit::UNAVAILABLE, error))?;
            let instance = format!("{} {address}", shared.settings.id);
            let keys = EndpointKeys::derive(&equipment.cluster_secret, &instance, core);
            listen(socket, &keys, equipment.server.clone()).map_err(|error| AppError::new(exit::UNAVAILABLE, error))
        })
        .collect()
}

/// Both address families where the machine has them.
fn dial_from_anywhere(config: ClientConfig) -> Result<Endpoint, BindError> {
    dial_only(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), config.clone())
        .or_else(|_| dial_only(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), config))
}

async fn accept(worker: Worker, endpoint: Endpoint) {
    let limits = worker.shared.settings.limits;
    let gate = GateLimits {
        max_open: limits.handshakes.get(),
        retry_above: (limits.handshakes.get() / 8).max(1),
        rate: Some(RateLimit { per_second: limits.handshakes_per_second.get(), burst: limits.handshake_burst.get() }),
        ..GateLimits::default()
    };
    let gate = Gate::new(gate, worker.shared.clock);
    while let Some(Some(handshake)) = worker.shutdown.unless_draining(gate.accept(&endpoint)).await {
        let Some(seat) = sender::Seat::take(&worker.shared) else {
            tracing::debug!("too many senders are connected: a connection was refused");
            continue;
        };
        tokio::spawn(sender::serve(worker.clone(), handshake, seat));
    }
    // Whoever comes during the drain is told to go elsewhere, rather than left waiting.
    while let Some(incoming) = endpoint.accept().await {
        incoming.refuse();
    }
}
