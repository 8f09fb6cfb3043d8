//! One thread of the proxy: its endpoints and who comes in through them.

use std::sync::Arc;

use schleuse_transport::endpoint::{self, Limits, RateLimit};
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::{self, Listeners};
use schleuse_transport::net::{Endpoint, ServerConfig};
use schleuse_transport::shutdown::Shutdown;
use schleuse_transport::tls::ServerTls;

use crate::link;
use crate::shared::{Shared, Worker};

/// Bytes of the largest datagram to a peer. quinn keeps a buffer for the largest that it has sent with each connection, and
/// of an office's idle link, of which there are thousands, that is a tenth of the memory. It holds towards outer proxies
/// as well: it is set when a connection is accepted, before it is known who the peer is.
const DATAGRAM: u16 = 4_000;

/// Until it is known who a peer is, it may open its control stream and nothing else. For an office that stays so. Whoever
/// dialled keeps the link alive: if both ends did, thousands of idle links would cost twice as many packets.
pub(crate) fn server_config(tls: ServerTls) -> ServerConfig {
    endpoint::server_config(tls, &Limits { first_streams: 1, keep_alive: None, datagram: DATAGRAM, ..Limits::LINK })
}

/// The whole life of one thread.
pub(crate) async fn run(
    core: usize,
    listeners: Arc<Listeners>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
) -> Result<(), AppError> {
    let endpoints = listeners.open(core)?;
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
    listeners::finish(&shutdown, &shared.streams, shared.settings.grace, &endpoints).await;
    Ok(())
}

async fn accept(worker: Worker, endpoint: Endpoint) {
    let limits = worker.shared.settings.limits;
    let rate = RateLimit { per_second: limits.handshakes_per_second.get(), burst: limits.handshake_burst.get() };
    let gate = listeners::gate(limits.handshakes, rate, worker.shared.clock);
    listeners::accept(endpoint, gate, worker.shutdown.clone(), |handshake| match worker.shared.seats.take() {
        Some(seat) => drop(tokio::spawn(link::serve(worker.clone(), handshake, seat))),
        None => tracing::warn!("too many members are connected: a connection was refused"),
    })
    .await;
}
