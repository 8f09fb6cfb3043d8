//! One thread of the proxy: its endpoints and who comes in through them.

use std::sync::Arc;

use schleuse_transport::endpoint::{self, Limits, RateLimit};
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::{self, Entry, Listeners};
use schleuse_transport::net::{Endpoint, ServerConfig};
use schleuse_transport::parts::Parts;
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
    let worker = Worker { shared: shared.clone(), shutdown: shutdown.clone() };
    let mut parts = Parts::new();
    for (endpoint, address) in endpoints.into_iter().zip(listeners.addresses()) {
        parts.run(format!("listening at {address}"), accept(worker.clone(), endpoint));
    }
    if core == 0 {
        parts.run("looking after the directory", keep_members_true(worker));
    }
    let ended = parts.until_drain(&shutdown).await;
    listeners.finish(core, &shutdown, &shared.streams, shared.settings.grace, None).await;
    ended
}

async fn keep_members_true(worker: Worker) -> Result<(), AppError> {
    worker.shared.members.keep_true(worker.shared.clock).await;
    Ok(())
}

async fn accept(worker: Worker, endpoint: Endpoint) -> Result<(), AppError> {
    let (limits, clock, seats) = (worker.shared.settings.limits, worker.shared.clock, worker.shared.seats.clone());
    let burst = limits.handshake_burst.get();
    let entry = Entry {
        handshakes: limits.handshakes,
        of_network: RateLimit { per_second: limits.handshakes_per_second.get(), burst },
        in_all: RateLimit { per_second: limits.handshakes_per_second_in_all.get(), burst },
    };
    let shutdown = worker.shutdown.clone();
    let serve = |handshake, seat| drop(tokio::spawn(link::serve(worker.clone(), handshake, seat)));
    listeners::accept(endpoint, entry, clock, seats, shutdown, serve).await
}
