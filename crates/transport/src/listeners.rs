//! How a proxy listens: one endpoint per thread and address, who is let in there, and how it ends.

use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use schleuse_protocol::wire::refusal::StreamRefusal;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::endpoint::{BindError, EndpointKeys, Gate, GateLimits, Handshake, RateLimit, bind, listen};
use crate::exit::{self, AppError};
use crate::net::{Endpoint, ServerConfig};
use crate::relay::refusal_code;
use crate::secret::SecretKey;
use crate::shutdown::Shutdown;

/// The bound sockets of all threads, and what their endpoints are made with.
pub struct Listeners {
    addresses: Vec<SocketAddr>,
    config: ServerConfig,
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
            for (core, (thread, socket)) in by_thread.iter_mut().zip(sockets).enumerate() {
                thread.push((socket, EndpointKeys::derive(cluster_secret, &format!("{id} {address}"), core)));
            }
            bound.push(address);
        }
        Ok(Self { addresses: bound, config, by_thread: Mutex::new(by_thread) })
    }

    /// The addresses in the order in which they were asked for; port 0 has become a real one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The endpoints of one thread. Must be called once for each, inside its runtime.
    ///
    /// # Errors
    /// A socket cannot be registered with the runtime.
    pub fn open(&self, core: usize) -> Result<Vec<Endpoint>, AppError> {
        let mut by_thread = self.by_thread.lock().unwrap_or_else(PoisonError::into_inner);
        let sockets = by_thread.get_mut(core).map(std::mem::take).unwrap_or_default();
        drop(by_thread);
        let endpoints = sockets.into_iter().map(|(socket, keys)| listen(socket, &keys, self.config.clone()));
        endpoints.collect::<Result<_, _>>().map_err(|error| AppError::new(exit::UNAVAILABLE, error))
    }
}

/// A gate for `handshakes` at a time, from an eighth of that on only with a proven address.
pub fn gate(handshakes: NonZeroUsize, rate: RateLimit, clock: Clock) -> Gate {
    let (max_open, retry_above) = (handshakes.get(), (handshakes.get() / 8).max(1));
    Gate::new(GateLimits { max_open, retry_above, rate: Some(rate), ..GateLimits::default() }, clock)
}

/// Hands every handshake that the gate lets in to `serve`, until the endpoint is closed.
pub async fn accept(endpoint: Endpoint, gate: Gate, shutdown: Shutdown, serve: impl Fn(Handshake)) {
    while let Some(Some(handshake)) = shutdown.unless_draining(gate.accept(&endpoint)).await {
        serve(handshake);
    }
    // Whoever comes during the drain is told to go elsewhere, rather than left waiting.
    while let Some(incoming) = endpoint.accept().await {
        incoming.refuse();
    }
}

/// The end of a thread, once draining has begun: lets its streams finish within `grace`, then closes what it has open.
pub async fn finish(shutdown: &Shutdown, streams: &TaskTracker, grace: Duration, endpoints: &[Endpoint]) {
    if !shutdown.finish(streams, grace).await {
        tracing::warn!("the grace period is over: running streams were cut off");
    }
    for endpoint in endpoints {
        endpoint.close(refusal_code(StreamRefusal::Unavailable), b"");
        endpoint.wait_idle().await;
    }
}
