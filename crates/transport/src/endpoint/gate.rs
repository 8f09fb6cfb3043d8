//! Who may begin a handshake, in order of cost: refuse without state, ask for a proof of address, then compute.
//!
//! A handshake costs a signature, a key agreement and some ten kilobytes until it is done or times out, so only so
//! many run at once. While few run, everybody gets one at once. Above that an address must first be proved by a Retry
//! (RFC 9000, 8.1.2), which costs us no state; above the hard limit nothing is begun.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schleuse_protocol::time::Millis;

use super::rate::{Bucket, RateLimit, RateLimiter};
use crate::clock::Clock;
use crate::net::{Connecting, Connection, ConnectionError, Endpoint, Incoming};

/// What connection attempts may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// Open handshakes above which an address must be proved.
    pub retry_above: usize,
    /// Open handshakes above which no more are begun.
    pub max_open: usize,
    /// How long a handshake may take.
    pub timeout: Duration,
    /// Attempts per network. Both proxies have a rate; `None` is for tests, where all peers share one address.
    pub rate: Option<RateLimit>,
    /// Attempts of all networks together. A handshake costs the thread about a millisecond, which it does not relay in: this
    /// bounds the share of its time that strangers can have, however many networks they come from.
    pub in_all: RateLimit,
}

impl Default for GateLimits {
    /// Sized for a small machine facing the internet.
    fn default() -> Self {
        Self {
            retry_above: 32,
            max_open: 256,
            timeout: Duration::from_secs(5),
            rate: Some(RateLimit { per_second: 50, burst: 500 }),
            in_all: RateLimit { per_second: 300, burst: 500 },
        }
    }
}

/// The gate of one endpoint.
pub struct Gate {
    limits: GateLimits,
    clock: Clock,
    open: Arc<AtomicUsize>,
    rate: Option<Mutex<RateLimiter>>,
    in_all: Mutex<Bucket>,
}

impl Gate {
    /// A gate with no handshake open.
    pub fn new(limits: GateLimits, clock: Clock) -> Self {
        let rate = limits.rate.map(|limit| Mutex::new(RateLimiter::new(limit)));
        let in_all = Mutex::new(Bucket::full(limits.in_all));
        Self { limits, clock, open: Arc::default(), rate, in_all }
    }

    /// The next handshake worth running, `None` once the endpoint is closed. Run each on a task of its own:
    /// [`Handshake::complete`] takes round trips, and the next attempt must not wait for it.
    pub async fn accept(&self, endpoint: &Endpoint) -> Option<Handshake> {
        loop {
            let incoming = endpoint.accept().await?;
            if let Some(handshake) = self.admit(incoming) {
                return Some(handshake);
            }
        }
    }

    /// Handshakes that are running now.
    pub fn open_handshakes(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn admit(&self, incoming: Incoming) -> Option<Handshake> {
        let address = incoming.remote_address();
        match self.verdict(address, incoming.remote_address_validated(), self.clock.millis()) {
            Verdict::Begin => self.begin(incoming),
            Verdict::ProveAddress => {
                incoming.retry();
                None
            }
            Verdict::Refuse => {
                incoming.refuse();
                None
            }
        }
    }

    fn begin(&self, incoming: Incoming) -> Option<Handshake> {
        let connecting = incoming.accept().ok()?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Handshake { connecting, timeout: self.limits.timeout, _open: OpenHandshake(self.open.clone()) })
    }

    fn verdict(&self, from: SocketAddr, proven: bool, now: Millis) -> Verdict {
        let open = self.open_handshakes();
        if !proven && open >= self.limits.retry_above {
            return Verdict::ProveAddress;
        }
        if open >= self.limits.max_open {
            return Verdict::Refuse;
        }
        match self.is_within_rates(from.ip(), proven, now) {
            true => Verdict::Begin,
            false if proven => Verdict::Refuse,
            false => Verdict::ProveAddress,
        }
    }

    /// The network's own rate is asked first: who exceeds it takes nothing from the others.
    fn is_within_rates(&self, from: IpAddr, proven: bool, now: Millis) -> bool {
        let of_network = self.rate.as_ref().is_none_or(|rate| {
            let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.take(from, proven, now)
        });
        let mut in_all = self.in_all.lock().unwrap_or_else(PoisonError::into_inner);
        of_network && in_all.take(self.limits.in_all, proven, now)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Begin,
    /// Answer with a Retry and forget the attempt.
    ProveAddress,
    /// Answer that there is no room, and forget the attempt.
    Refuse,
}

/// A handshake that counts as open until it is completed or dropped.
pub struct Handshake {
    connecting: Connecting,
    timeout: Duration,
    _open: OpenHandshake,
}

impl Handshake {
    /// The peer's address, for the log at debug level only.
    pub fn remote_address(&self) -> SocketAddr {
        self.connecting.remote_address()
    }

    /// Runs the handshake to its end.
    ///
    /// # Errors
    /// The peer is too slow, has the wrong certificate or protocol, or went away.
    pub async fn complete(self) -> Result<Connection, HandshakeError> {
        match tokio::time::timeout(self.timeout, self.connecting).await {
            Ok(connection) => Ok(connection?),
            Err(_) => Err(HandshakeError::TimedOut),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// Slower than the gate allows.
    #[error("the handshake took too long")]
    TimedOut,
    /// Refused by TLS or lost.
    #[error("the handshake failed: {0}")]
    Failed(#[from] ConnectionError),
}

struct OpenHandshake(Arc<AtomicUsize>);

impl Drop for OpenHandshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GateLimits = GateLimits {
        retry_above: 2,
        max_open: 4,
        timeout: Duration::from_secs(1),
        rate: Some(RateLimit { per_second: 1, burst: 8 }),
        in_all: RateLimit { per_second: 1, burst: 100 },
    };

    fn gate(open: usize) -> Gate {
        let gate = Gate::new(LIMITS, Clock::start());
        gate.open.store(open, Ordering::Relaxed);
        gate
    }

    fn verdicts(gate: &Gate, proven: bool, attempts: usize) -> Vec<Verdict> {
        let from = SocketAddr::from(([192, 0, 2, 1], 4433));
        (0..attempts).map(|_| gate.verdict(from, proven, Millis(0))).collect()
    }

    #[tokio::test]
    async fn a_calm_gate_lets_everybody_begin() {
        assert_eq!(verdicts(&gate(0), false, 1), [Verdict::Begin]);
        assert_eq!(verdicts(&gate(1), true, 1), [Verdict::Begin]);
    }

    #[tokio::test]
    async fn a_busy_gate_asks_for_a_proof_of_address_and_a_full_one_refuses() {
        assert_eq!(verdicts(&gate(2), false, 1), [Verdict::ProveAddress]);
        assert_eq!(verdicts(&gate(2), true, 1), [Verdict::Begin]);
        assert_eq!(verdicts(&gate(4), false, 1), [Verdict::ProveAddress]);
        assert_eq!(verdicts(&gate(4), true, 1), [Verdict::Refuse]);
    }

    #[tokio::test]
    async fn a_network_over_its_rate_proves_its_address_and_is_then_refused() {
        let gate = gate(0);
        let forged = verdicts(&gate, false, 5);
        assert_eq!(forged[..4], [Verdict::Begin; 4]);
        assert_eq!(forged[4], Verdict::ProveAddress);
        let real = verdicts(&gate, true, 5);
        assert_eq!(real[..4], [Verdict::Begin; 4]);
        assert_eq!(real[4], Verdict::Refuse);
    }

    #[tokio::test]
    async fn all_networks_together_get_no_more_than_the_thread_can_spare() {
        let gate = Gate::new(
            GateLimits { in_all: RateLimit { per_second: 10, burst: 20 }, max_open: 5000, retry_above: 5000, ..LIMITS },
            Clock::start(),
        );
        let begun = |proven: bool, at: u64| {
            let networks = (0..1000u16).map(|network| {
                let [high, low] = network.to_be_bytes();
                SocketAddr::from(([10, high, low, 1], 4433))
            });
            networks.filter(|from| gate.verdict(*from, proven, Millis(at)) == Verdict::Begin).count()
        };
        assert_eq!(begun(false, 0), 10, "forged addresses get half of it");
        assert_eq!(begun(true, 0), 10);
        assert_eq!(begun(true, 1000), 10);
    }
}
