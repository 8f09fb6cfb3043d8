//! The way of one stream through a proxy: a [`Visit`] begins, [`header`] says where the stream goes, [`open`] opens one there,
//! and the visit [carries](Visit::carry) it to its end. What differs between proxies (whose stream, which link) stands
//! between these steps.

mod record;

use std::pin::pin;

use bytes::Bytes;
use schleuse_protocol::hop::{AwaitHeader, AwaitNextHop, Header};
use schleuse_protocol::limits::MAX_HEADER;
use schleuse_protocol::relay::{Direction, Relay, RelayEnd};
use schleuse_protocol::wire::refusal::StreamRefusal;

use crate::clock::Clock;
use crate::framed::write;
use crate::net::{Connection, RecvStream, WriteError};
use crate::relay::{Room, Side, relay_within};
use crate::shutdown::Shutdown;

pub use record::{Observer, StreamRecord, Visit};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both sides finished.
    Finished,
    /// The header was not accepted: not even an attempt to carry it.
    Refused,
    /// The next hop cannot be reached, or this proxy is about to stop.
    Unavailable,
    /// It was carried, but a side gave up, vanished or stood still, or the grace period of a stop ran out.
    Broken,
}

/// What [`join`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Bytes after those that were handed on when the next hop was opened.
    pub to_office: u64,
    /// Bytes of the answer.
    pub to_sender: u64,
    /// How it ended.
    pub ending: Ending,
}

/// Reads the header.
///
/// # Errors
/// What came is no header, or not in time.
pub async fn header(recv: &mut RecvStream, clock: Clock) -> Result<Header, StreamRefusal> {
    let mut awaited = AwaitHeader::new(clock.now());
    loop {
        if let Some(verdict) = awaited.poll_verdict() {
            return verdict;
        }
        tokio::select! {
            chunk = recv.read_chunk(MAX_HEADER) => match chunk {
                Ok(Some(chunk)) => awaited.handle_bytes(&chunk),
                Ok(None) | Err(_) => awaited.handle_lost(),
            },
            () = clock.sleep_until_some(awaited.poll_timeout()) => awaited.handle_timeout(clock.now()),
        }
    }
}

/// A stream to the next hop.
pub struct NextHop {
    far: Side,
    machine: Relay,
    room: Room,
}

/// Why there is no stream to the next hop.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This connection is gone; another one may live.
    #[error("the connection is lost: {0}")]
    Lost(#[from] WriteError),
    /// It gives no stream, or streams stand still on it.
    #[error("the connection gave no stream in time, or too many stand still")]
    Busy,
}

/// Opens a stream to the next hop and hands on what has come. `awaited` is the same for all connections that are tried for
/// one stream.
///
/// # Errors
/// The connection is lost, or it gives no stream in time (it is at its limit of streams, or dead and not yet timed out), or
/// too many streams stand still already.
pub async fn open(
    next_hop: &Connection,
    bytes: Bytes,
    room: Room,
    awaited: &AwaitNextHop,
    clock: Clock,
) -> Result<NextHop, OpenError> {
    if room.uploads.is_full() {
        return Err(OpenError::Busy);
    }
    let opened = room.uploads.unless_full(async {
        let mut far = Side::from(next_hop.open_bi().await.map_err(WriteError::from)?);
        write(&mut far.send, bytes).await?;
        Ok(far)
    });
    let far = tokio::select! {
        biased;
        far = opened => far.unwrap_or(Err(OpenError::Busy))?,
        () = too_late(awaited, clock) => return Err(OpenError::Busy),
    };
    Ok(NextHop { far, machine: awaited.handle_opened(clock.now()), room })
}

async fn too_late(awaited: &AwaitNextHop, clock: Clock) {
    while awaited.handle_timeout(clock.now()).is_none() {
        clock.sleep_until(awaited.poll_timeout()).await;
    }
}

/// Joins the stream with the one to the next hop until it has ended, or refuses it if there is none. `Held` is dropped
/// with the end: what the stream occupies as long as it is carried.
pub async fn join<Held>(
    mut near: Side,
    next_hop: Result<(NextHop, Held), StreamRefusal>,
    clock: Clock,
    shutdown: &Shutdown,
) -> Carried {
    let (NextHop { far, mut machine, room }, _held) = match next_hop {
        Ok(next_hop) => next_hop,
        Err(refusal) => {
            near.refuse(refusal);
            return Carried { to_office: 0, to_sender: 0, ending: refusal.into() };
        }
    };
    let end = {
        // Handed over by value it would be in the task two more times, and the task of each stream is copied and cleared.
        let relay = pin!(relay_within(near, far, &mut machine, clock, &room));
        shutdown.unless_stopped(relay).await
    };
    Carried {
        to_office: machine.total(Direction::ToOffice),
        to_sender: machine.total(Direction::ToSender),
        ending: end.map_or(Ending::Broken, Ending::from),
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
