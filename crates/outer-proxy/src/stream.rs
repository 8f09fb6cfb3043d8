//! The way of one stream: header, verdict, link, relay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::outer::{OuterAction, OuterStream};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::carry::{self, NextHop};
use schleuse_transport::endpoint::StreamSlot;
use schleuse_transport::net::RecvStream;
use schleuse_transport::relay::{Side, Standstill};

use crate::conduct::{AdmittedStream, Conduct};
use crate::observe::{Ending, StreamRecord};
use crate::worker::Worker;

/// Where a stream comes from.
pub(crate) struct Visitor {
    pub(crate) address: SocketAddr,
    pub(crate) conduct: Arc<Conduct>,
    /// Held as long as the stream.
    pub(crate) slot: StreamSlot,
}

/// Carries one stream to its end, and tells the observer.
pub(crate) async fn take(worker: Worker, visitor: Visitor, mut near: Side) {
    let clock = worker.shared.clock;
    let started = clock.now();
    let mut record = StreamRecord {
        sender: visitor.address,
        inner: None,
        bytes_up: 0,
        bytes_down: 0,
        started: started.unix,
        duration: Duration::ZERO,
        ending: Ending::Broken,
    };
    let far = next_hop(&worker, &visitor.conduct, &mut near.recv, &mut record).await;
    let carried = carry::join(near, far, clock, &worker.shutdown).await;
    record.bytes_up += carried.to_office;
    record.bytes_down += carried.to_sender;
    record.ending = carried.ending;
    record.duration = clock.millis().since(started.millis);
    drop(visitor.slot);
    tracing::debug!(?record, "a stream has ended");
    if let Some(observer) = &worker.shared.observer {
        // An observer that is gone wants no records.
        let _ = observer.send(record);
    }
}

/// Reads the header; with a valid token, opens the stream to the inner proxy and hands on what has come.
async fn next_hop(
    worker: &Worker,
    conduct: &Arc<Conduct>,
    recv: &mut RecvStream,
    record: &mut StreamRecord,
) -> Result<(NextHop, AdmittedStream), StreamRefusal> {
    let verdict = worker.inners.verdict();
    let clock = worker.shared.clock;
    let header = carry::header(OuterStream::new(&verdict, clock.now()), recv, clock);
    let action = worker.shutdown.unless_draining(header).await;
    let (inner, bytes) = match action.ok_or(StreamRefusal::Unavailable)? {
        OuterAction::Forward { inner, bytes } => (inner, bytes),
        OuterAction::Reset(refusal) => return Err(refusal),
    };
    record.inner = Some(inner);
    record.bytes_up = bytes.len() as u64;
    let link = verdict.into_link().ok_or(StreamRefusal::Unavailable)?;
    let admitted = conduct.admit();
    // Streams that stand still block only the sender's own connection.
    let far = carry::open(&link, bytes.into(), Standstill::unbounded()).await;
    Ok((far.map_err(|_| StreamRefusal::Unavailable)?, admitted))
}
