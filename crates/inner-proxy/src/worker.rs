//! One thread of the proxy: its endpoints and who comes in through them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schleuse_protocol::inner::UsedNonces;
use schleuse_protocol::time::UnixSeconds;
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

/// How often reported nonces that have expired are forgotten.
const FORGET: Duration = Duration::from_secs(3600);

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
        parts.run("looking after the directory", keep_members_true(worker.clone()));
        parts.run("forgetting used tokens", forget_used(worker));
    }
    let ended = parts.until_drain(&shutdown).await;
    listeners.finish(core, &shutdown, &shared.streams, shared.settings.grace, None).await;
    ended
}

async fn keep_members_true(worker: Worker) -> Result<(), AppError> {
    worker.shared.members.keep_true(worker.shared.clock).await;
    Ok(())
}

/// Nonces of an office that reports nothing any more expire too.
async fn forget_used(worker: Worker) -> Result<(), AppError> {
    let shared = worker.shared;
    forget_past(&shared.used, || shared.clock.unix()).await;
    Ok(())
}

async fn forget_past(used: &Mutex<UsedNonces>, now: impl Fn() -> UnixSeconds) {
    loop {
        tokio::time::sleep(FORGET).await;
        used.lock().unwrap_or_else(PoisonError::into_inner).forget_past(now());
    }
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

#[cfg(test)]
mod tests {
    use schleuse_protocol::inner::Room;
    use schleuse_protocol::limits::EPOCH;
    use schleuse_protocol::wire::token::RouteNonce;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_an_office_reported_and_never_came_back_to_is_forgotten() {
        let used = Mutex::new(UsedNonces::new(Room { per_office: 10, in_all: 10 }));
        used.lock().unwrap().report("ga-gone".parse().unwrap(), RouteNonce([1; 16]), UnixSeconds(0));
        let start = tokio::time::Instant::now();
        let now = || UnixSeconds(start.elapsed().as_secs());
        let forgetting = forget_past(&used, now);
        assert!(tokio::time::timeout(EPOCH, forgetting).await.is_err());
        assert_eq!(used.lock().unwrap().len(), 1, "its tokens may still live");
        assert!(tokio::time::timeout(2 * FORGET, forget_past(&used, now)).await.is_err());
        assert!(used.lock().unwrap().is_empty());
    }
}
