//! Reaching an outer proxy: one connection to each, shared by all sendings; when one does not answer, the next is tried
//! beside it (in the manner of RFC 8305, "Happy Eyeballs").

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schleuse_directory::{Role, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::endpoint::{BindError, Limits, client_config, dial_only};
use schleuse_transport::net::{ClientConfig, Code, Connection, Endpoint};
use schleuse_transport::tls::{self, Fingerprint, Roots, TlsError, peer_fingerprint, server_name};
use tokio::task::JoinSet;

/// How long an outer proxy has a head start before the next is dialled too.
pub(crate) const HEAD_START: Duration = Duration::from_millis(300);
/// When a dialled address is given up.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The connections of one client.
pub(crate) struct Pool {
    config: ClientConfig,
    /// Made with the first dial, because that happens inside a runtime.
    endpoint: Mutex<Option<Endpoint>>,
    /// One to each outer proxy, the first dialled first.
    links: Mutex<Vec<Link>>,
    /// Whoever dials holds it; the others wait for the connection instead of making one each.
    dialling: tokio::sync::Mutex<()>,
    /// Clients begin with different proxies, so that these share the work.
    first: usize,
}

/// A connection to an outer proxy that has shown the key which the directory pins.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) outer: MemberId,
    pub(crate) connection: Connection,
    key: Fingerprint,
}

impl Pool {
    pub(crate) fn new(roots: &Roots) -> Result<Self, TlsError> {
        Ok(Self {
            config: client_config(tls::sender(roots)?, &Limits::SENDER),
            endpoint: Mutex::default(),
            links: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
            first: rand::random_range(0..usize::MAX / 2),
        })
    }

    /// A living connection to any outer proxy, `avoid` only if there is no other. No address is waited for longer than
    /// `patience`.
    pub(crate) async fn link(
        &self,
        directory: &VerifiedDirectory,
        avoid: Option<MemberId>,
        now: UnixSeconds,
        patience: Duration,
    ) -> Result<Link, DialError> {
        if let Some(link) = self.living(directory, avoid, now) {
            return Ok(link);
        }
        let _dialling = self.dialling.lock().await;
        if let Some(link) = self.living(directory, avoid, now) {
            return Ok(link);
        }
        let endpoint = self.endpoint()?;
        let candidates = self.candidates(directory, avoid, now);
        let link = race(&endpoint, candidates, patience.min(DIAL_TIMEOUT)).await?;
        let mut links = lock(&self.links);
        links.retain(|other| other.outer != link.outer);
        links.push(link.clone());
        Ok(link)
    }

    /// Uses this connection for nothing new. Streams that run on it may still finish; it closes with the last of them.
    pub(crate) fn forget(&self, link: &Link) {
        lock(&self.links).retain(|held| held.connection.stable_id() != link.connection.stable_id());
    }

    /// Closes all connections and waits until the peers were told.
    pub(crate) async fn close(&self) {
        lock(&self.links).clear();
        let endpoint = lock(&self.endpoint).take();
        if let Some(endpoint) = endpoint {
            endpoint.close(Code::NONE, b"");
            endpoint.wait_idle().await;
        }
    }

    /// All addresses of all outer proxies, the first of each before the second of any.
    fn candidates(&self, directory: &VerifiedDirectory, avoid: Option<MemberId>, now: UnixSeconds) -> Vec<Candidate> {
        let mut outers: Vec<_> = directory.outers().filter(|outer| outer.is_valid_at(now)).collect();
        if outers.is_empty() {
            return Vec::new();
        }
        let first = self.first % outers.len();
        outers.rotate_left(first);
        outers.sort_by_key(|outer| Some(outer.id) == avoid);
        let most = outers.iter().map(|outer| outer.addresses.len()).max().unwrap_or_default();
        let nth = |index: usize| {
            outers.iter().filter_map(move |outer| {
                let pins = outer.fingerprints.iter().map(|pin| pin.0).collect();
                Some(Candidate { outer: outer.id, address: outer.addresses.get(index)?.clone(), pins })
            })
        };
        (0..most).flat_map(nth).collect()
    }

    /// Only connections to proxies that the directory still has, under a key that it still pins. Every sending asks, so
    /// this must not take longer in a large network.
    fn living(&self, directory: &VerifiedDirectory, avoid: Option<MemberId>, now: UnixSeconds) -> Option<Link> {
        let mut links = lock(&self.links);
        links.retain(|link| link.connection.close_reason().is_none());
        let is_usable = |link: &&Link| {
            let outer = directory.member(&link.outer).filter(|member| member.role == Role::Outer);
            Some(link.outer) != avoid
                && outer.is_some_and(|outer| outer.is_valid_at(now) && outer.has_fingerprint(&link.key))
        };
        links.iter().find(is_usable).cloned()
    }

    fn endpoint(&self) -> Result<Endpoint, DialError> {
        let mut endpoint = lock(&self.endpoint);
        if let Some(endpoint) = &*endpoint {
            return Ok(endpoint.clone());
        }
        // One socket for both families where the system has IPv6, otherwise IPv4 alone.
        let any = |address: IpAddr| dial_only(SocketAddr::new(address, 0), self.config.clone());
        let made = any(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| any(Ipv4Addr::UNSPECIFIED.into()))?;
        *endpoint = Some(made.clone());
        Ok(made)
    }
}

/// A poisoned lock is no reason to stop: each of them guards a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Debug)]
struct Candidate {
    outer: MemberId,
    address: String,
    pins: Vec<[u8; 32]>,
}

/// Dials one after the other, each next one when the one before has failed or used up its head start.
async fn race(endpoint: &Endpoint, candidates: Vec<Candidate>, patience: Duration) -> Result<Link, DialError> {
    if candidates.is_empty() {
        return Err(DialError::NoOuterProxy);
    }
    let mut waiting = candidates.into_iter();
    let mut running = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        let head_start = match waiting.next() {
            Some(candidate) => {
                running.spawn(dial(endpoint.clone(), candidate, patience));
                HEAD_START
            }
            None => 2 * DIAL_TIMEOUT,
        };
        match tokio::time::timeout(head_start, running.join_next()).await {
            Ok(Some(Ok(Ok(link)))) => return Ok(link),
            Ok(Some(Ok(Err(failure)))) => {
                tracing::debug!(outer = %failure.outer, problem = %failure.problem, "an outer proxy was not reached");
                failures.push(failure);
            }
            Ok(Some(Err(panicked))) => std::panic::resume_unwind(panicked.into_panic()),
            Ok(None) => return Err(DialError::NoneReached { failures }),
            Err(_head_start_over) => {}
        }
    }
}

async fn dial(endpoint: Endpoint, candidate: Candidate, patience: Duration) -> Result<Link, DialFailure> {
    let outer = candidate.outer;
    let problem = match tokio::time::timeout(patience, dial_in_time(&endpoint, &candidate)).await {
        Ok(Ok((connection, key))) => return Ok(Link { outer, connection, key }),
        Ok(Err(problem)) => problem,
        Err(_elapsed) => DialProblem::NoAnswer,
    };
    Err(DialFailure { outer, address: candidate.address, problem })
}

async fn dial_in_time(endpoint: &Endpoint, candidate: &Candidate) -> Result<(Connection, Fingerprint), DialProblem> {
    let resolved = tokio::net::lookup_host(&candidate.address).await.map_err(|_| DialProblem::UnknownAddress)?;
    let name = server_name(candidate.outer.as_str());
    let mut problem = DialProblem::UnknownAddress;
    for address in resolved {
        match connect(endpoint, address, &name).await {
            Ok(connection) => return check_pin(connection, candidate),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

async fn connect(endpoint: &Endpoint, address: SocketAddr, name: &str) -> Result<Connection, DialProblem> {
    let connecting = endpoint.connect(address, name).map_err(|error| DialProblem::Failed(error.to_string()))?;
    connecting.await.map_err(|error| DialProblem::Failed(error.to_string()))
}

/// The certificate chain is verified already; this says *which* key the directory expects behind the name.
fn check_pin(connection: Connection, candidate: &Candidate) -> Result<(Connection, Fingerprint), DialProblem> {
    match peer_fingerprint(&connection).filter(|key| candidate.pins.contains(key)) {
        Some(key) => Ok((connection, key)),
        None => {
            connection.close(Code::NONE, b"");
            Err(DialProblem::WrongKey)
        }
    }
}

/// Why no outer proxy could be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// None in the directory.
    #[error("the directory has no outer proxy that is valid now: fetch the current directory")]
    NoOuterProxy,
    /// All were tried.
    #[error("no outer proxy can be reached: {}", listed(failures))]
    NoneReached {
        /// What happened at each address.
        failures: Vec<DialFailure>,
    },
    /// This machine gives no socket.
    #[error(transparent)]
    Socket(#[from] BindError),
}

impl DialError {
    /// Whether it can be otherwise later. Not if every proxy showed a key that the directory does not have.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::NoOuterProxy => false,
            Self::NoneReached { failures } => failures.iter().any(|failure| failure.problem != DialProblem::WrongKey),
            Self::Socket(_) => true,
        }
    }
}

/// What happened at one address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{outer} at {address}: {problem}")]
pub struct DialFailure {
    /// The outer proxy.
    pub outer: MemberId,
    /// Its address in the directory.
    pub address: String,
    /// What was wrong.
    pub problem: DialProblem,
}

/// What can be wrong with an outer proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialProblem {
    /// The name does not resolve.
    #[error("the address cannot be resolved")]
    UnknownAddress,
    /// Nobody answered.
    #[error("no answer (is UDP allowed to leave this network?)")]
    NoAnswer,
    /// The handshake failed.
    #[error("{0}")]
    Failed(String),
    /// A valid certificate for the name, but of another key than the directory has.
    #[error("it shows a key that is not in the directory: fetch the current directory, or report this")]
    WrongKey,
}

fn listed(failures: &[DialFailure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
