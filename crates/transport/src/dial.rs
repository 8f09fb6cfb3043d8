//! Dialling a member: which address of its name, when, and how long ("Happy Eyeballs", RFC 8305).
//!
//! A name can have several addresses, of which some may swallow every packet: IPv6 on a network that pretends to have it, or
//! a machine that moved. So the addresses are tried in turn, the families alternating, each next one a quarter of a second
//! after the one before and beside it; a failure starts the next at once; the first that completes the handshake wins and the
//! others are given up. Each address has a budget, and all of them together.
//!
//! Names are looked up anew with every dial, because an address that failed may have moved.

mod error;
mod probe;
mod race;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};

use crate::clock::Clock;
use crate::net::{ClientConfig, ConnectError, Connection, Endpoint};
use probe::Probe;
use race::{Race, Step};

pub use error::{AddressProblem, DialError, UnreachedAddress};

/// How long dialling may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// One address, from its first packet to the end of its handshake. A lost packet is sent again after one, three and
    /// seven seconds.
    pub address: Duration,
    /// Everything: the lookup and all addresses.
    pub overall: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { address: Duration::from_secs(5), overall: Duration::from_secs(10) }
    }
}

/// A connection to whoever has a certificate for `name` at one of these addresses (`host:port`), the best first. Dialled with
/// the endpoint's own configuration, if there is no other. Dropping the future gives up.
///
/// # Errors
/// What was wrong at each address, or no address is known.
pub async fn dial(
    endpoint: &Endpoint,
    config: Option<&ClientConfig>,
    addresses: &[String],
    name: &str,
    budget: Budget,
) -> Result<Connection, DialError> {
    race(endpoint, config, look_up(addresses), name, budget).await
}

async fn race(
    endpoint: &Endpoint,
    config: Option<&ClientConfig>,
    lookup: impl Future<Output = io::Result<Vec<SocketAddr>>>,
    name: &str,
    budget: Budget,
) -> Result<Connection, DialError> {
    let clock = Clock::start();
    let addresses = match tokio::time::timeout(budget.overall, lookup).await {
        Ok(found) => found.map_err(|error| DialError::LookUp(Arc::new(error)))?,
        Err(_) => return Err(DialError::LookUpTimedOut(budget.overall)),
    };
    let mut race = Race::new(addresses, budget, clock.millis());
    let mut attempts = FuturesUnordered::new();
    loop {
        while let Some(step) = race.poll_step(clock.millis()) {
            match step {
                Step::Begin(address, within) => attempts.push(attempt(endpoint, config, address, name, within)),
                Step::Lost => return Err(DialError::unreached(race.into_failures())),
            }
        }
        tokio::select! {
            Some((address, outcome)) = attempts.next() => match outcome {
                Ok(connection) => return Ok(connection),
                Err(AddressProblem::Connect(ConnectError::EndpointStopping)) => return Err(DialError::EndpointStopping),
                Err(problem) => {
                    tracing::debug!(%address, %problem, "an address was not reached");
                    race.handle_failed(address, problem, clock.millis());
                }
            },
            () = clock.sleep_until_some(race.poll_timeout()) => {}
        }
    }
}

/// What is behind all names. A name that cannot be looked up counts only if there is no other.
async fn look_up(names: &[String]) -> io::Result<Vec<SocketAddr>> {
    let (mut found, mut failed) = (Vec::new(), None);
    for name in names {
        match tokio::net::lookup_host(name).await {
            Ok(addresses) => found.extend(addresses),
            Err(error) => {
                tracing::debug!(name, %error, "an address was not looked up");
                failed = Some(error);
            }
        }
    }
    failed.filter(|_| found.is_empty()).map_or(Ok(found), Err)
}

/// One address, until its handshake is complete, it is rejected, or `within` is over.
async fn attempt(
    endpoint: &Endpoint,
    config: Option<&ClientConfig>,
    address: SocketAddr,
    name: &str,
    within: Duration,
) -> (SocketAddr, Result<Connection, AddressProblem>) {
    let connect = async {
        let probe = Probe::send(address)?;
        let connecting = match config {
            Some(config) => endpoint.connect_with(config.clone(), address, name)?,
            None => endpoint.connect(address, name)?,
        };
        tokio::select! {
            biased;
            done = connecting => Ok(done?),
            rejected = probe.rejected() => Err(rejected),
            () = tokio::time::sleep(within) => Err(AddressProblem::NoAnswer(within)),
        }
    };
    (address, connect.await)
}

#[cfg(test)]
mod tests;
