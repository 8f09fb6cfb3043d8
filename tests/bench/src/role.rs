//! The roles in which this program starts itself again, each a process of its own.

mod answer;
mod crowd;
mod delay;
mod naive_load;
mod office_api;
mod quic;
mod relay;
mod vendor_load;

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::stats::Latencies;

use office_api::OfficeApi;
pub(crate) use quic::NAME as NAIVE_NAME;

/// What a process does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Answers every stream that it has read to its end.
    Answer { keys: PathBuf },
    /// Resets every stream as soon as its first bytes are there.
    Refuse { keys: PathBuf },
    /// Keeps connections, with quinn's own limits.
    Hold { keys: PathBuf },
    /// Joins every stream with one of its single connection to `next`.
    Relay { keys: PathBuf, next: SocketAddr },
    /// Passes every packet on after a while.
    Delay { to: SocketAddr, millis: u64 },
    /// Opens streams to `target`, over so many connections.
    NaiveLoad { keys: PathBuf, target: SocketAddr, connections: usize },
    /// Sends garbage to the outer proxy, with the CA of its network.
    Stranger { keys: PathBuf, target: SocketAddr, connections: usize },
    /// Holds idle connections, as nobody in particular.
    NaiveCrowd { keys: PathBuf, target: SocketAddr },
    /// Sends submissions as so many vendors of the network in `root`, with the directory in the file `directory`.
    VendorLoad { root: PathBuf, directory: String, vendors: usize },
    /// Holds the idle connections of the offices in the file `members`.
    OfficeCrowd { root: PathBuf, target: SocketAddr },
}

/// What a process is told to do. Everything ends with [`Said::Idle`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Closed loop: as much as goes with so many in flight.
    Closed(ClosedLoop),
    /// Open loop: arrivals at random times, however long the answers take.
    Open(OpenLoop),
    /// One after the other, each over a new connection.
    Cold { times: usize },
    /// One stream with so much content.
    Bulk { bytes: u64 },
    /// Streams without a valid token, closed loop.
    Garbage(ClosedLoop),
    /// So many idle connections in all.
    Connect { connections: usize },
    /// Each of the idle connections is about to be lost: it is dialled again, as offices do.
    Relink,
}

/// See [`Order::Closed`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct ClosedLoop {
    pub(crate) in_flight: usize,
    pub(crate) warm_up: f64,
    pub(crate) seconds: f64,
    pub(crate) suite: u8,
}

/// See [`Order::Open`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct OpenLoop {
    /// Per second.
    pub(crate) rate: f64,
    pub(crate) warm_up: f64,
    pub(crate) seconds: f64,
}

/// What a process says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    Ready {
        address: Option<SocketAddr>,
    },
    /// The warm-up is over: what is used from now on counts.
    WindowBegins,
    /// The window is over: so many were completed in it.
    WindowEnds {
        done: u64,
        seconds: f64,
    },
    /// Latencies of the window, and how much was sent in all.
    Took {
        latencies: Latencies,
        sent: u64,
    },
    TookSeconds(f64),
    /// The order was carried out and nothing runs any more.
    Idle,
}

impl Role {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "the answering server",
            Self::Refuse { .. } => "the refusing server",
            Self::Hold { .. } => "the holding server",
            Self::Relay { .. } => "the naive relay",
            Self::Delay { .. } => "the delaying forwarder",
            Self::NaiveLoad { .. } => "the naive load generator",
            Self::Stranger { .. } => "the stranger",
            Self::NaiveCrowd { .. } => "the naive crowd",
            Self::VendorLoad { .. } => "the load generator",
            Self::OfficeCrowd { .. } => "the crowd of offices",
        }
    }

    /// The whole life of the process.
    pub(crate) fn play(self) -> Result<()> {
        // Timers of this process fire when they are due, not up to 50 µs later. Fails on systems that do not have it.
        let _ = std::fs::write("/proc/self/timerslack_ns", "1");
        let name = self.name();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.run()).with_context(|| name.to_owned())
    }

    async fn run(self) -> Result<()> {
        match self {
            Self::Answer { keys } => answer::answer(&keys).await,
            Self::Refuse { keys } => answer::refuse(&keys).await,
            Self::Hold { keys } => answer::hold(&keys).await,
            Self::Relay { keys, next } => relay::run(&keys, next).await,
            Self::Delay { to, millis } => delay::run(to, std::time::Duration::from_millis(millis)).await,
            Self::NaiveLoad { keys, target, connections } => {
                naive_load::run(&keys, target, NAIVE_NAME, connections).await
            }
            Self::Stranger { keys, target, connections } => {
                naive_load::run(&keys, target, crate::net::OUTER, connections).await
            }
            Self::NaiveCrowd { keys, target } => crowd::naive(&keys, target).await,
            Self::VendorLoad { root, directory, vendors } => vendor_load::run(&root, &directory, vendors).await,
            Self::OfficeCrowd { root, target } => crowd::offices(&root, target).await,
        }
    }
}

/// Says something to whoever started this process.
fn say(said: &Said) -> Result<()> {
    println!("{}", serde_json::to_string(said)?);
    Ok(())
}

/// The orders that come in; the channel closes when whoever started this process is gone.
fn orders() -> mpsc::UnboundedReceiver<Order> {
    let (sender, orders) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(order) = serde_json::from_str(&line) else { return };
            if sender.send(order).is_err() {
                return;
            }
        }
    });
    orders
}
