//! The way of one stream: header, token, office, relay.

use std::time::Duration;

use bytes::Bytes;
use quinn::RecvStream;
use schleuse_protocol::inner::{InnerAction, InnerStream};
use schleuse_protocol::limits::MAX_HEADER;
use schleuse_protocol::relay::{Direction, Relay, RelayEnd};
use schleuse_protocol::wire::label::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::StreamSlot;
use schleuse_transport::framed::write;
use schleuse_transport::relay::{Side, relay};

use crate::keys::Opener;
use crate::observe::{Ending, StreamRecord};
use crate::worker::Worker;

/// How long an office's connection may take to give a stream: it is at its limit of streams.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a stream comes from.
pub(crate) struct Visitor {
    pub(crate) outer: MemberId,
    /// Held as long as the stream.
    pub(crate) _slot: StreamSlot,
}

/// Carries one stream to its end, and tells the observer.
pub(crate) async fn carry(worker: Worker, visitor: Visitor, mut near: Side) {
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
    match next_hop(&worker, &mut near.recv, &mut record).await {
        Ok(far) => {
            let mut carried = Relay::new(clock.now());
            let end = worker.shutdown.unless_stopped(relay(near, far, &mut carried, clock)).await;
            record.bytes_up += carried.total(Direction::ToOffice);
            record.bytes_down += carried.total(Direction::ToSender);
            record.ending = end.map_or(Ending::Broken, Ending::from);
        }
        Err(refusal) => {
            near.refuse(refusal);
            record.ending = Ending::from(refusal);
        }
    }
    record.duration = clock.millis().since(started.millis);
    drop(visitor);
    tracing::debug!(?record, "a stream has ended");
    if let Some(observer) = &worker.shared.observer {
        // An observer that is gone wants no records.
        let _ = observer.send(record);
    }
}

/// Reads the header; with a good token, opens the stream to the office and hands on what has come.
async fn next_hop(worker: &Worker, recv: &mut RecvStream, record: &mut StreamRecord) -> Result<Side, StreamRefusal> {
    let action = worker.shutdown.unless_draining(header(worker, recv)).await;
    let (office, bytes) = match action.ok_or(StreamRefusal::Unavailable)? {
        InnerAction::Forward { office, bytes, .. } => (office, Bytes::from(bytes)),
        InnerAction::Reset(refusal) => return Err(refusal),
    };
    record.office = Some(office);
    record.bytes_up = bytes.len() as u64;
    for connection in worker.shared.offices.connections(&office) {
        let opened = tokio::time::timeout(OPEN_TIMEOUT, async {
            let mut far = Side::from(connection.open_bi().await?);
            write(&mut far.send, bytes.clone()).await?;
            Ok::<_, quinn::WriteError>(far)
        });
        match opened.await {
            Ok(Ok(far)) => return Ok(far),
            // This connection was just lost; an older one may live.
            Ok(Err(_)) => {}
            Err(_) => break,
        }
    }
    Err(StreamRefusal::Unavailable)
}

/// Feeds the machine until it says what to do.
async fn header(worker: &Worker, recv: &mut RecvStream) -> InnerAction {
    let shared = &worker.shared;
    let clock = shared.clock;
    let opener = Opener { keys: &shared.keys, used: &shared.used };
    let mut machine = InnerStream::new(shared.settings.id, opener, clock.now());
    loop {
        if let Some(action) = machine.poll_action() {
            return action;
        }
        tokio::select! {
            chunk = recv.read_chunk(MAX_HEADER, true) => match chunk {
                Ok(Some(chunk)) => machine.handle_header(&chunk.bytes, clock.now()),
                Ok(None) | Err(_) => machine.handle_lost(clock.now()),
            },
            () = clock.sleep_until_some(machine.poll_timeout()) => machine.handle_timeout(clock.now()),
        }
    }
}

impl From<RelayEnd> for Ending {
    fn from(end: RelayEnd) -> Self {
        match end {
            RelayEnd::Finished => Self::Finished,
            RelayEnd::Failed | RelayEnd::TimedOut => Self::Broken,
        }
    }
}

impl From<StreamRefusal> for Ending {
    fn from(refusal: StreamRefusal) -> Self {
        match refusal {
            StreamRefusal::Refused => Self::Refused,
            StreamRefusal::Unavailable => Self::Unavailable,
        }
    }
}
