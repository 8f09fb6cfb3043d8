//! Load on the references: one new stream for each request, and garbage for the real outer proxy.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use quinn::Connection;

use super::{Order, Said, orders, quic, say};
use crate::garbage;
use crate::load::{self, Done, Job};
use crate::stats::Latencies;

/// Bytes of a request: the same content as a submission's.
pub(crate) const REQUEST: usize = 2048;
/// Bytes of an answer: those of a sealed receipt.
pub(crate) const REPLY: usize = 512;
/// Most bytes that are read of one.
const MAX_REPLY: usize = 64 * 1024;
const PIECE: usize = 64 * 1024;

pub(super) async fn run(keys: &Path, target: SocketAddr, name: &str, connections: usize) -> Result<()> {
    let endpoint = quic::client(keys)?;
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(quic::connect(&endpoint, target, name).await?);
    }
    let job = Request { connections: Arc::new(open), content: Bytes::from(vec![0xa5; REQUEST]) };
    let mut orders = orders();
    say(&Said::Ready { address: None })?;
    while let Some(order) = orders.recv().await {
        match order {
            Order::Closed(order) => load::closed(job.clone(), order, begins, ends).await?,
            Order::Open(order) => say(&load::open(job.clone(), order).await?)?,
            Order::Cold { times } => say(&cold(keys, target, times, &job.content).await?)?,
            Order::Bulk { bytes } => say(&Said::TookSeconds(bulk(&job.connections[0], bytes).await?))?,
            Order::Garbage(order) => {
                let job = Garbage { connections: job.connections.clone(), content: garbage::stream() };
                load::closed(job, order, begins, ends).await?;
            }
            Order::Connect { .. } | Order::Relink => bail!("connections are not held here"),
        }
        say(&Said::Idle)?;
    }
    Ok(())
}

pub(super) fn begins() -> Result<()> {
    say(&Said::WindowBegins)
}

pub(super) fn ends(done: Done) -> Result<()> {
    say(&Said::WindowEnds { done: done.count, seconds: done.seconds })
}

#[derive(Clone)]
struct Request {
    connections: Arc<Vec<Connection>>,
    content: Bytes,
}

impl Job for Request {
    async fn run(&self, number: usize) -> Result<()> {
        request(&self.connections[number % self.connections.len()], self.content.clone()).await
    }
}

async fn request(connection: &Connection, content: Bytes) -> Result<()> {
    let (mut send, mut recv) = connection.open_bi().await?;
    send.write_chunk(content).await?;
    send.finish()?;
    whole(&recv.read_to_end(MAX_REPLY).await?)
}

/// quinn finishes what is dropped, so a relay that gave up would look like one that is very fast.
fn whole(reply: &[u8]) -> Result<()> {
    ensure!(reply.len() == REPLY, "an answer of {} bytes instead of {REPLY}", reply.len());
    Ok(())
}

/// A stream that is refused.
#[derive(Clone)]
struct Garbage {
    connections: Arc<Vec<Connection>>,
    content: Bytes,
}

impl Job for Garbage {
    async fn run(&self, number: usize) -> Result<()> {
        let connection = &self.connections[number % self.connections.len()];
        let (mut send, mut recv) = connection.open_bi().await?;
        send.write_chunk(self.content.clone()).await?;
        match recv.read_chunk(MAX_REPLY, true).await {
            Err(quinn::ReadError::Reset(_)) => {
                // It was stopped as well, so nothing else can come of it.
                let _ = send.reset(0u32.into());
                Ok(())
            }
            other => bail!("garbage was not refused: {other:?}"),
        }
    }
}

/// Each from an endpoint of its own, from dialling to the whole answer.
async fn cold(keys: &Path, target: SocketAddr, times: usize, content: &Bytes) -> Result<Said> {
    let mut latencies = Latencies::default();
    for _ in 0..times {
        let endpoint = quic::client(keys)?;
        let since = Instant::now();
        let connection = quic::connect(&endpoint, target, quic::NAME).await?;
        request(&connection, content.clone()).await?;
        latencies.add(since.elapsed());
        connection.close(0u32.into(), b"");
        let _ = tokio::time::timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
    }
    Ok(Said::Took { latencies, sent: times as u64 })
}

/// From opening the stream to the answer, which comes after the last byte.
async fn bulk(connection: &Connection, bytes: u64) -> Result<f64> {
    let piece = Bytes::from(vec![0xa5; PIECE]);
    let since = Instant::now();
    let (mut send, mut recv) = connection.open_bi().await?;
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        send.write_chunk(piece.slice(..length)).await?;
        left -= length as u64;
    }
    send.finish()?;
    whole(&recv.read_to_end(MAX_REPLY).await?)?;
    Ok(since.elapsed().as_secs_f64())
}
