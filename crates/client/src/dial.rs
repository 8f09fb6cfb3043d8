//! Dialling one outer proxy at the addresses that the directory has for it, and the errors of not reaching any.

use std::time::Duration;

use schleuse_directory::Member;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::dial::{self, AddressProblem, Budget};
use schleuse_transport::endpoint::BindError;
use schleuse_transport::net::{Code, Connection, Endpoint};
use schleuse_transport::tls::{Fingerprint, peer_fingerprint, server_name};

/// When a dialled proxy is given up.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
const BUDGET: Budget = Budget { address: DIAL_TIMEOUT, overall: DIAL_TIMEOUT };

/// An outer proxy as the directory has it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) outer: MemberId,
    addresses: Vec<String>,
    pins: Vec<Fingerprint>,
}

impl Candidate {
    pub(crate) fn of(outer: &Member) -> Self {
        let pins = outer.fingerprints.iter().map(|pin| pin.0).collect();
        Self { outer: outer.id, addresses: outer.addresses.clone(), pins }
    }

    /// Whether the directory has this key for it.
    pub(crate) fn is_pinned(&self, key: &Fingerprint) -> bool {
        self.pins.contains(key)
    }

    pub(crate) fn failure(&self, problem: DialProblem) -> DialFailure {
        DialFailure { outer: self.outer, address: self.addresses.join(", "), problem }
    }
}

/// A connection that has shown a pinned key, or why there is none.
pub(crate) async fn dial(endpoint: Endpoint, candidate: &Candidate) -> Result<(Connection, Fingerprint), DialFailure> {
    let name = server_name(candidate.outer.as_str());
    let dialled = dial::dial(&endpoint, None, &candidate.addresses, &name, BUDGET).await;
    let pinned = dialled.map_err(DialProblem::from).and_then(|connection| check_pin(connection, candidate));
    pinned.map_err(|problem| candidate.failure(problem))
}

/// The certificate chain is verified already; this says *which* key the directory expects behind the name.
fn check_pin(connection: Connection, candidate: &Candidate) -> Result<(Connection, Fingerprint), DialProblem> {
    match peer_fingerprint(&connection).filter(|key| candidate.is_pinned(key)) {
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
        /// What happened at each.
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

/// What happened at one outer proxy.
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
    /// It answers, but lets no stream in.
    #[error("it takes no further content at the moment")]
    NoStream,
    /// It is being stopped, and says so.
    #[error("it is being stopped")]
    Draining,
    /// The handshake failed.
    #[error("{0}")]
    Failed(String),
    /// A valid certificate for the name, but of another key than the directory has.
    #[error("it shows a key that is not in the directory: fetch the current directory, or report this")]
    WrongKey,
    /// The socket of this process is gone, with the runtime in which it was bound.
    #[error("this process's socket was closed: try again")]
    EndpointGone,
}

impl From<dial::DialError> for DialProblem {
    fn from(error: dial::DialError) -> Self {
        match &error {
            dial::DialError::LookUp(_) | dial::DialError::NoAddress => Self::UnknownAddress,
            dial::DialError::EndpointStopping => Self::EndpointGone,
            dial::DialError::Unreached(addresses)
                if addresses.iter().all(|address| matches!(address.problem, AddressProblem::NoAnswer(_))) =>
            {
                Self::NoAnswer
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn listed(failures: &[DialFailure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
