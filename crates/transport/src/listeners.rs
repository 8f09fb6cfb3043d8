//! How a proxy listens: one endpoint per thread and address, who is let in there, and how it ends.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use schleuse_protocol::wire::refusal::StreamRefusal;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::endpoint::{BindError, EndpointKeys, Gate, GateLimits, Handshake, RateLimit, bind, listen};
use crate::exit::{self, AppError};
use crate::net::{Endpoint, ServerConfig};
use crate::relay::refusal_code;
use crate::seats::{Seat, Seats};
use crate::secret::SecretKey;
use crate::shutdown::Shutdown;

/// How long the end of a thread waits until its peers were told.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The bound sockets of all threads, and what their endpoints are made with.
pub struct Listeners {
    addresses: Vec<SocketAddr>,
    config: Mutex<ServerConfig>,
    /// The endpoints of the threads that run.
    open: Mutex<HashMap<usize, Vec<Endpoint>>>,
    /// Each thread takes its own, one for every address.
    by_thread: Mutex<Vec<Vec<(UdpSocket, EndpointKeys)>>>,
}

impl Listeners {
    /// Binds all sockets before any is used: a later one would move peers of the earlier ones to itself. `id` names this
    /// process among those that share the cluster secret.
    ///
    /// # Errors
    /// As [`bind`].
    pub fn bind(
        id: &str,
        addresses: &[SocketAddr],
        threads: NonZeroUsize,
        cluster_secret: &SecretKey,
        config: ServerConfig,
    ) -> Result<Self, BindError> {
        let mut bound = Vec::new();
        let mut by_thread: Vec<Vec<_>> = (0..threads.get()).map(|_| Vec::new()).collect();
        for address in addresses {
            let sockets = bind(*address, threads)?;
            let address = sockets.first().and_then(|socket| socket.local_addr().ok()).unwrap_or(*address);
            let keys = EndpointKeys::derive_all(cluster_secret, &format!("{id} {address}"), threads.get());
            for (thread, own) in by_thread.iter_mut().zip(sockets.into_iter().zip(keys)) {
                thread.push(own);
            }
            bound.push(address);
        }
        Ok(Self {
            addresses: bound,
            config: Mutex::new(config),
            open: Mutex::default(),
            by_thread: Mutex::new(by_thread),
        })
    }

    /// The addresses in the order in which they were asked for; port 0 has become a real one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Makes the endpoints of one thread. Must be called once for each, inside its runtime.
    ///
    /// # Errors
    /// A socket cannot be registered with the runtime.
    pub fn open(&self, core: usize) -> Result<Vec<Endpoint>, AppError> {
        let mut by_thread = self.by_thread.lock().unwrap_or_else(PoisonError::into_inner);
        let sockets = by_thread.get_mut(core).map(std::mem::take).unwrap_or_default();
        drop(by_thread);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let endpoints = sockets.into_iter().map(|(socket, keys)| listen(socket, &keys, config.clone()));
        let endpoints: Vec<_> =
            endpoints.collect::<Result<_, _>>().map_err(|error| AppError::new(exit::UNAVAILABLE, error))?;
        open.insert(core, endpoints.clone());
        Ok(endpoints)
    }

    /// From now on all endpoints accept new connections with this configuration.
    pub fn replace(&self, config: ServerConfig) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for endpoint in open.values().flatten() {
            endpoint.set_server_config(config.clone());
        }
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The end of a thread, once draining has begun: lets the streams finish within `grace`, then closes what it has open:
    /// its own endpoints and `dialler`.
    pub async fn finish(
        &self,
        core: usize,
        shutdown: &Shutdown,
        streams: &TaskTracker,
        grace: Duration,
        dialler: Option<Endpoint>,
    ) {
        if !shutdown.finish(streams, grace).await {
            tracing::warn!("the grace period is over: running streams were cut off");
        }
        let own = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&core);
        let endpoints: Vec<_> = own.unwrap_or_default().into_iter().chain(dialler).collect();
        for endpoint in &endpoints {
            endpoint.close(refusal_code(StreamRefusal::Unavailable), b"");
        }
        // How long a closed connection lingers is partly up to its peer (three times its probe timeout, RFC 9000, 10.2).
        let idle = join_all(endpoints.iter().map(Endpoint::wait_idle));
        let _ = tokio::time::timeout(LAST_WORDS, idle).await;
    }
}

/// Who is let in at a listening endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Handshakes that may be open at a time; from an eighth of that on only with a proven address.
    pub handshakes: NonZeroUsize,
    /// Handshakes of one network.
    pub of_network: RateLimit,
    /// Handshakes of all networks together.
    pub in_all: RateLimit,
}

impl Entry {
    fn gate(&self, clock: Clock) -> Gate {
        let (max_open, retry_above) = (self.handshakes.get(), (self.handshakes.get() / 8).max(1));
        let (rate, in_all) = (Some(self.of_network), self.in_all);
        Gate::new(GateLimits { max_open, retry_above, rate, in_all, ..GateLimits::default() }, clock)
    }
}

/// Hands every handshake that is let in and gets a seat to `serve`. Ends with an error when the endpoint is gone before
/// draining began, and by itself when it is closed in the end.
///
/// # Errors
/// Nobody can connect any more.
pub async fn accept(
    endpoint: Endpoint,
    entry: Entry,
    clock: Clock,
    seats: Arc<Seats>,
    shutdown: Shutdown,
    serve: impl Fn(Handshake, Seat),
) -> Result<(), AppError> {
    let gate = entry.gate(clock);
    while let Some(next) = shutdown.unless_draining(gate.accept(&endpoint)).await {
        let Some(handshake) = next else {
            return Err(AppError::new(exit::FAILURE, "its socket is gone; the lines above may say why"));
        };
        match seats.take(handshake.remote_address().ip()) {
            Some(seat) => serve(handshake, seat),
            None => tracing::debug!("all seats are in use: a connection was refused"),
        }
    }
    // Whoever comes during the drain is told to go elsewhere, rather than left waiting.
    while let Some(incoming) = endpoint.accept().await {
        incoming.refuse();
    }
    Ok(())
}

/// For an endpoint that only dials: ends with an error when it is gone, and by itself when it is closed.
///
/// # Errors
/// Nothing can be dialled any more.
pub async fn until_gone(dialler: Endpoint) -> Result<(), AppError> {
    // It has no configuration to accept anything with, so nothing comes, and this waits for its end.
    while dialler.accept().await.is_some() {}
    Err(AppError::new(exit::FAILURE, "it is gone; the lines above may say why"))
}

#[cfg(test)]
mod tests;
