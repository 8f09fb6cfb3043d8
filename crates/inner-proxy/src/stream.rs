//! The way of one stream: header, token, office, relay.

use std::sync::Arc;

use bytes::Bytes;
use schleuse_protocol::hop::AwaitNextHop;
use schleuse_protocol::inner::{Forward, judge};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::carry::{self, NextHop, OpenError, Visit};
use schleuse_transport::endpoint::StreamSlot;
use schleuse_transport::net::RecvStream;
use schleuse_transport::relay::{Room, Side};

use crate::keys::Opener;
use crate::places::Place;
use crate::shared::Worker;
use crate::standstills::Standstills;

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
    let mut visit = Visit::begin(visitor.outer, worker.shared.clock);
    let far = next_hop(&worker, &visitor.standstills, &mut near.recv, &mut visit).await;
    visit.carry(near, far, &worker.shutdown, worker.shared.observer.as_ref()).await;
}

/// Reads the header; with a good token, opens the stream to the office and hands on what has come.
async fn next_hop(
    worker: &Worker,
    standstills: &Standstills,
    recv: &mut RecvStream,
    visit: &mut Visit<MemberId>,
) -> Result<(NextHop, Place), StreamRefusal> {
    let shared = &worker.shared;
    let opener = Opener { keys: &shared.keys, used: &shared.used };
    let header = worker.shutdown.unless_draining(carry::header(recv, shared.clock)).await;
    let header = header.ok_or(StreamRefusal::Unavailable)??;
    let Forward { office, store, nonce, bytes } = judge(shared.settings.id, &opener, header, shared.clock.now())?;
    let bytes = Bytes::from(bytes);
    visit.goes(office, bytes.len());
    let place = shared.places.take(nonce).ok_or(StreamRefusal::Unavailable)?;
    let room = Room { uploads: standstills.towards(office), answers: shared.answers.towards(office), window: None };
    let awaited = AwaitNextHop::new(shared.clock.now());
    for connection in shared.offices.connections(&office, store) {
        match carry::open(&connection, bytes.clone(), room.clone(), &awaited, shared.clock).await {
            Ok(far) => return Ok((far, place)),
            // This connection was just lost; an older one may live.
            Err(OpenError::Lost(_)) => {}
            Err(OpenError::Busy) => break,
        }
    }
    Err(StreamRefusal::Unavailable)
}
