//! The way of one stream: header, verdict, link, relay.

use std::net::SocketAddr;
use std::sync::Arc;

use schleuse_protocol::hop::AwaitNextHop;
use schleuse_protocol::outer::{Forward, judge};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::carry::{self, NextHop, Visit};
use schleuse_transport::endpoint::StreamSlot;
use schleuse_transport::net::RecvStream;
use schleuse_transport::relay::{Room, Side};

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
    let clock = worker.shared.clock;
    let header = worker.shutdown.unless_draining(carry::header(recv, clock)).await;
    let verdict = worker.inners.verdict();
    let Forward { inner, bytes } = judge(&verdict, header.ok_or(StreamRefusal::Unavailable)??)?;
    visit.goes(inner, bytes.len());
    let link = verdict.into_link().ok_or(StreamRefusal::Unavailable)?;
    let admitted = conduct.admit();
    // Streams that stand still hold up only the sender's own connection, and of answers each has its place on the link.
    let room = Room { window: Some(conduct.window()), ..Room::unbounded() };
    let awaited = AwaitNextHop::new(clock.now());
    let far = carry::open(&link, bytes.into(), room, &awaited, clock).await;
    Ok((far.map_err(|_| StreamRefusal::Unavailable)?, admitted))
}
