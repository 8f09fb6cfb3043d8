//! The way of one stream: header, verdict, link, relay.

use std::net::SocketAddr;
use std::sync::Arc;

use schleuse_protocol::outer::{OuterAction, OuterStream};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::carry::{self, NextHop, Visit};
use schleuse_transport::endpoint::StreamSlot;
use schleuse_transport::net::RecvStream;
use schleuse_transport::relay::{Side, Standstill};

use crate::conduct::{AdmittedStream, Conduct};
use crate::shared::Worker;

/// Where a stream comes from.
pub(crate) struct Visitor {
    pub(crate) address: SocketAddr,
    pub(crate) conduct: Arc<Conduct>,
    /// Held as long as the stream.
    pub(crate) _slot: StreamSlot,
}

/// Carries one stream to its end, and tells the observer.
pub(crate) async fn take(worker: Worker, visitor: Visitor, mut near: Side) {
    let mut visit = Visit::begin(visitor.address, worker.shared.clock);
    let far = next_hop(&worker, &visitor.conduct, &mut near.recv, &mut visit).await;
    visit.carry(near, far, &worker.shutdown, worker.shared.observer.as_ref()).await;
}

/// Reads the header; with a valid token, opens the stream to the inner proxy and hands on what has come.
async fn next_hop(
    worker: &Worker,
    conduct: &Arc<Conduct>,
    recv: &mut RecvStream,
    visit: &mut Visit<SocketAddr>,
) -> Result<(NextHop, AdmittedStream), StreamRefusal> {
    let verdict = worker.inners.verdict();
    let clock = worker.shared.clock;
    let header = carry::header(OuterStream::new(&verdict, clock.now()), recv, clock);
    let action = worker.shutdown.unless_draining(header).await;
    let (inner, bytes) = match action.ok_or(StreamRefusal::Unavailable)? {
        OuterAction::Forward { inner, bytes } => (inner, bytes),
        OuterAction::Reset(refusal) => return Err(refusal),
    };
    visit.goes(inner, bytes.len());
    let link = verdict.into_link().ok_or(StreamRefusal::Unavailable)?;
    let admitted = conduct.admit();
    // Streams that stand still block only the sender's own connection.
    let far = carry::open(&link, bytes.into(), Standstill::unbounded()).await;
    Ok((far.map_err(|_| StreamRefusal::Unavailable)?, admitted))
}
