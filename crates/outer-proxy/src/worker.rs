//! One thread of the proxy: its endpoints, its links to inner proxies, its senders.

use std::sync::Arc;

use schleuse_transport::endpoint::{self, Limits, RateLimit, dial_from_anywhere};
use schleuse_transport::exit::AppError;
use schleuse_transport::listeners::{self, Entry, Listeners};
use schleuse_transport::net::{ClientConfig, Endpoint, ServerConfig};
use schleuse_transport::parts::Parts;
use schleuse_transport::shutdown::Shutdown;
use schleuse_transport::tls::{ClientTls, ServerTls};

use crate::config::Settings;
use crate::inners::Inners;
use crate::limits::sender_limits;
use crate::link;
use crate::sender;
use crate::shared::{Shared, Worker};

pub(crate) fn server_config(settings: &Settings, tls: ServerTls) -> ServerConfig {
    endpoint::server_config(tls, &sender_limits(settings))
}

pub(crate) fn client_config(tls: ClientTls) -> ClientConfig {
    // An inner proxy opens no streams here.
    endpoint::client_config(tls, &Limits::ANSWERS)
}

/// The whole life of one thread.
pub(crate) async fn run(
    core: usize,
    listeners: Arc<Listeners>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
) -> Result<(), AppError> {
    let endpoints = listeners.open(core)?;
    let dialler = dial_from_anywhere(shared.current.borrow().client.clone())?;
    let inners = Arc::new(Inners::new(shared.current.subscribe(), shared.clock, shared.links.clone()));
    let worker = Worker { shared, inners, shutdown: shutdown.clone() };
    let mut parts = Parts::new();
    parts.run("links to inner proxies", link::keep_all(worker.clone(), dialler.clone()));
    parts.run("the socket that dials inner proxies", listeners::until_gone(dialler.clone()));
    for (endpoint, address) in endpoints.into_iter().zip(listeners.addresses()) {
        parts.run(format!("listening at {address}"), accept(worker.clone(), endpoint));
    }
    let ended = parts.until_drain(&shutdown).await;
    let shared = worker.shared;
    listeners.finish(core, &shutdown, &shared.streams, shared.settings.grace, Some(dialler)).await;
    ended
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
    let serve = |handshake, seat| drop(tokio::spawn(sender::serve(worker.clone(), handshake, seat)));
    listeners::accept(endpoint, entry, clock, seats, shutdown, serve).await
}
