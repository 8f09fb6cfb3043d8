//! One thread of the proxy: its endpoints and who comes in through them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, ServerConfig};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{self, EndpointKeys, Gate, GateLimits, Limits, RateLimit, listen};
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::shutdown::Shutdown;

use crate::config::Settings;
use crate::link::{self, Seat};
use crate::proxy::{Shared, Sockets};

/// What the threads are started with.
pub(crate) struct Equipment {
    pub(crate) server: ServerConfig,
    /// Per thread, in the order of the addresses.
    pub(crate) endpoint_keys: Vec<Vec<EndpointKeys>>,
    /// Each thread takes its own.
    pub(crate) sockets: Mutex<Sockets>,
}

/// Bytes of the largest datagram to a peer. quinn keeps a buffer for the largest that it has sent with each connection, and
/// of an office's idle link, of which there are thousands, that is a tenth of the memory.
const OFFICE_DATAGRAM: u16 = 4_000;

/// What the tasks of one thread share.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shutdown: Shutdown,
}

/// Until it is known who a peer is, it may open its control stream and nothing else. For an office that stays so. Whoever
/// dialled keeps the link alive: if both ends did, thousands of idle links would cost twice as many packets.
pub(crate) fn server_config(tls: QuicServerConfig) -> ServerConfig {
    endpoint::server_config(tls, &Limits { first_streams: 1, keep_alive: None, datagram: OFFICE_DATAGRAM, ..Limits::LINK })
}

pub(crate) fn endpoint_keys(
    settings: &Settings,
    addresses: &[SocketAddr],
    cluster_secret: &SecretKey,
) -> Vec<Vec<EndpointKeys>> {
    let keys = |core, address| EndpointKeys::derive(cluster_secret, &format!("{} {address}", settings.id), core);
    (0..settings.threads.get()).map(|core| addresses.iter().map(|address| keys(core, address)).collect()).collect()
}

/// The whole life of one thread.
pub(crate) async fn run(
    core: usize,
    equipment: Arc<Equipment>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
) -> Result<(), AppError> {
    let endpoints = listen_all(core, &equipment)?;
    let worker = Worker { shared, shutdown: shutdown.clone() };
    for endpoint in &endpoints {
        tokio::spawn(accept(worker.clone(), endpoint.clone()));
    }
    let shared = worker.shared;
    let upkeep = async {
        match core {
            0 => shared.members.keep_true(shared.clock).await,
            _ => std::future::pending().await,
        }
    };
    shutdown.unless_draining(upkeep).await;
    if !shutdown.finish(&shared.streams, shared.settings.grace).await {
        tracing::warn!("the grace period is over: running streams were cut off");
    }
    for endpoint in &endpoints {
        endpoint.close(refusal_code(StreamRefusal::Unavailable), b"");
        endpoint.wait_idle().await;
    }
    Ok(())
}

fn listen_all(core: usize, equipment: &Equipment) -> Result<Vec<Endpoint>, AppError> {
    let mut by_thread = equipment.sockets.lock().unwrap_or_else(PoisonError::into_inner);
    let sockets = by_thread.get_mut(core).map(std::mem::take).unwrap_or_default();
    drop(by_thread);
    let keys = equipment.endpoint_keys.get(core).map(Vec::as_slice).unwrap_or_default();
    let endpoints = sockets.into_iter().zip(keys).map(|(socket, keys)| listen(socket, keys, equipment.server.clone()));
    endpoints.collect::<Result<_, _>>().map_err(|error| AppError::new(exit::UNAVAILABLE, error))
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
        match Seat::take(&worker.shared) {
            Some(seat) => drop(tokio::spawn(link::serve(worker.clone(), handshake, seat))),
            None => tracing::warn!("too many members are connected: a connection was refused"),
        }
    }
    // Whoever comes during the drain is told to go elsewhere, rather than left waiting.
    while let Some(incoming) = endpoint.accept().await {
        incoming.refuse();
    }
}
