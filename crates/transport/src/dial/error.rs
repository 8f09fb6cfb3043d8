//! Why nobody was reached.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::net::{ConnectError, ConnectionError};

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DialError {
    /// The name service has no answer.
    #[error("the address cannot be looked up: {0}")]
    LookUp(Arc<io::Error>),
    /// The name service did not answer.
    #[error("the name service did not answer within {} seconds", .0.as_secs())]
    LookUpTimedOut(Duration),
    /// The name exists and has no address.
    #[error("the name has no address")]
    NoAddress,
    /// No address answered as it should.
    #[error("{}", listed(.0))]
    Unreached(Arc<[UnreachedAddress]>),
    /// The endpoint was closed, or its socket is gone: another one is needed.
    #[error("the socket for dialling is gone")]
    EndpointStopping,
}

impl DialError {
    pub(super) fn unreached(addresses: Vec<UnreachedAddress>) -> Self {
        match addresses.is_empty() {
            true => Self::NoAddress,
            false => Self::Unreached(addresses.into()),
        }
    }
}

/// What happened at one address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {problem}")]
pub struct UnreachedAddress {
    /// The address.
    pub address: SocketAddr,
    /// What was wrong.
    pub problem: AddressProblem,
}

/// What can be wrong at an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    /// The machine is there and says that nobody listens (ICMP).
    #[error("nobody listens at this port")]
    Rejected,
    /// This machine, or a router, says that there is no way there.
    #[error("not reachable from here: {0}")]
    Unreachable(Arc<str>),
    /// Nothing came back.
    #[error("no answer within {} seconds (is UDP allowed to leave this network?)", .0.as_secs())]
    NoAnswer(Duration),
    /// There was no time left to try it.
    #[error("not tried: the others took all the time")]
    NotTried,
    /// The handshake failed.
    #[error("{0}")]
    Handshake(#[from] ConnectionError),
    /// It cannot be dialled at all.
    #[error("{0}")]
    Connect(#[from] ConnectError),
}

fn listed(addresses: &[UnreachedAddress]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
