//! The way of one stream: header, token, office, relay.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schleuse_protocol::inner::{InnerAction, InnerStream};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::carry::{self, NextHop, OpenError};
use schleuse_transport::endpoint::StreamSlot;
use schleuse_transport::net::RecvStream;
use schleuse_transport::relay::Side;

use crate::keys::Opener;
use crate::observe::{Ending, StreamRecord};
use crate::outer_link::Standstills;
use crate::places::Place;
use crate::worker::Worker;

/// Where a stream comes from.
pub(crate) struct Visitor {
    pub(crate) outer: MemberId,
    /// Of the streams of the same link.
    pub(crate) standstills: Arc<Standstills>,
    /// Held as long as the stream.
    pub(crate) _slot: StreamSlot,
}

/// Carries one stream to its end, and tells the observer.
pub(crate) async fn take(worker: Worker, visitor: Visitor, mut near: Side) {
    let clock = worker.shared.clock;
    let started = clock.now();
    let mut record = StreamRecord {
        outer: visitor.outer,
        office: None,
        bytes_up: 0,
        bytes_down: 0,
        started: started.unix,
        duration: Duration::ZERO,
        ending: Ending::Broken,
    };
    let far = next_hop(&worker, &visitor.standstills, &mut near.recv, &mut record).await;
    let carried = carry::join(near, far, clock, &worker.shutdown).await;
    record.bytes_up += carried.to_office;
    record.bytes_down += carried.to_sender;
    record.ending = carried.ending;
    record.duration = clock.millis().since(started.millis);
    drop(visitor);
    tracing::debug!(?record, "a stream has ended");
    if let Some(observer) = &worker.shared.observer {
        // An observer that is gone wants no records.
        let _ = observer.send(record);
    }
}

/// Reads the header; with a good token, opens the stream to the office and hands on what has come.
async fn next_hop(
    worker: &Worker,
    standstills: &Standstills,
    recv: &mut RecvStream,
    record: &mut StreamRecord,
) -> Result<(NextHop, Place), StreamRefusal> {
    let shared = &worker.shared;
    let opener = Opener { keys: &shared.keys, used: &shared.used };
    let machine = InnerStream::new(shared.settings.id, opener, shared.clock.now());
    let action = worker.shutdown.unless_draining(carry::header(machine, recv, shared.clock)).await;
    let (office, nonce, bytes) = match action.ok_or(StreamRefusal::Unavailable)? {
        InnerAction::Forward { office, nonce, bytes } => (office, nonce, Bytes::from(bytes)),
        InnerAction::Reset(refusal) => return Err(refusal),
    };
    record.office = Some(office);
    record.bytes_up = bytes.len() as u64;
    let place = shared.places.take(nonce).ok_or(StreamRefusal::Unavailable)?;
    let standstill = standstills.towards(office);
    for connection in shared.offices.connections(&office) {
        match carry::open(&connection, bytes.clone(), standstill.clone()).await {
            Ok(far) => return Ok((far, place)),
            // This connection was just lost; an older one may live.
            Err(OpenError::Lost(_)) => {}
            Err(OpenError::Busy) => break,
        }
    }
    Err(StreamRefusal::Unavailable)
}
