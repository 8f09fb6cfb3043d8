//! The way of one stream: header, verdict, link, relay.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::{Connection, RecvStream};
use schleuse_protocol::limits::MAX_HEADER;
use schleuse_protocol::outer::{OuterAction, OuterStream};
use schleuse_protocol::relay::{Direction, Relay, RelayEnd};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::StreamSlot;
use schleuse_transport::framed::write;
use schleuse_transport::relay::{Side, relay};

use crate::inners::Verdict;
use crate::observe::{Ending, StreamRecord};
use crate::sender;
use crate::worker::Worker;

/// How long a link may take to give a stream: it is at its limit of streams, or dead and not yet timed out.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a stream comes from.
pub(crate) struct Visitor {
    pub(crate) address: SocketAddr,
    pub(crate) connection: Connection,
    /// Held as long as the stream.
    pub(crate) slot: StreamSlot,
}

/// Carries one stream to its end, and tells the observer.
pub(crate) async fn carry(worker: Worker, visitor: Visitor, mut near: Side) {
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
    match next_hop(&worker, &visitor.connection, &mut near.recv, &mut record).await {
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
    sender: &Connection,
    recv: &mut RecvStream,
    record: &mut StreamRecord,
) -> Result<Side, StreamRefusal> {
    let verdict = worker.inners.verdict();
    let action = worker.shutdown.unless_draining(header(&verdict, worker.shared.clock, recv)).await;
    let (inner, bytes) = match action.ok_or(StreamRefusal::Unavailable)? {
        OuterAction::Forward { inner, bytes } => (inner, bytes),
        OuterAction::Reset(refusal) => return Err(refusal),
    };
    record.inner = Some(inner);
    record.bytes_up = bytes.len() as u64;
    let link = verdict.into_link().ok_or(StreamRefusal::Unavailable)?;
    sender::trust(sender);
    let opened = tokio::time::timeout(OPEN_TIMEOUT, async {
        let mut far = Side::from(link.open_bi().await?);
        write(&mut far.send, bytes).await?;
        Ok::<_, quinn::WriteError>(far)
    });
    match opened.await {
        Ok(Ok(far)) => Ok(far),
        Ok(Err(_)) | Err(_) => Err(StreamRefusal::Unavailable),
    }
}

/// Feeds the machine until it says what to do.
async fn header(verdict: &Verdict<'_>, clock: Clock, recv: &mut RecvStream) -> OuterAction {
    let mut machine = OuterStream::new(verdict, clock.now());
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
