//! The hot loop of both proxies: two streams joined, byte for byte.
//!
//! * Nothing is copied: chunks move from one stream to the other as reference-counted slices of received packets.
//! * Nothing is read that cannot be written: at most [`CHUNKS`] chunks (about one packet each) are between the two, so
//!   a receiver that stalls makes the sender's flow-control window close.
//! * An end (FIN) and a stop (STOP_SENDING) of one direction are passed on and leave the other direction alone. A reset
//!   or a lost connection ends both directions. Only the codes of the protocol are passed on; anything else is told as
//!   [`StreamRefusal::Unavailable`]. A stop reaches a silent source within a second; a reset waits while the sink stalls.
//! * Nothing lingers: [`Relay`] says when a standstill has lasted too long.
//! * Dropping the future aborts both directions. (Dropped streams would be *finished*, which looks like a proper end.)

mod flow;
mod standstill;

use std::sync::Arc;

use schleuse_protocol::relay::{Direction, Relay, RelayEnd};
use schleuse_protocol::wire::refusal::StreamRefusal;

use crate::clock::Clock;
use crate::endpoint::ReceiveWindow;
use crate::net::{Code, RecvStream, SendStream};
use flow::{Flow, Shared};

pub use flow::CHUNKS;
pub use standstill::Standstill;

/// The room that a stream shares with others, in which it may wait.
#[derive(Clone, Debug)]
pub struct Room {
    /// For offices that take nothing: shared by the streams of one connection that go to one office.
    pub uploads: Standstill,
    /// For senders that take no answers: shared by the streams of one office. Whoever finds no place is given up; new
    /// streams are not, as the office cannot help it.
    pub answers: Standstill,
    /// Of the sender's connection, where that follows what is carried.
    pub window: Option<Arc<ReceiveWindow>>,
}

impl Room {
    /// For a stream whose waiting holds up nobody else.
    pub fn unbounded() -> Self {
        Self { uploads: Standstill::unbounded(), answers: Standstill::unbounded(), window: None }
    }
}

/// One side of the relay: a bidirectional stream to one peer.
pub struct Side {
    /// To the peer.
    pub send: SendStream,
    /// From the peer.
    pub recv: RecvStream,
}

impl Side {
    /// Resets and stops the stream: what a proxy tells the outside when it does not carry a stream.
    pub fn refuse(&mut self, refusal: StreamRefusal) {
        let code = refusal_code(refusal);
        // An error means that this half has ended already.
        let _ = self.send.reset(code);
        let _ = self.recv.stop(code);
    }
}

impl From<(SendStream, RecvStream)> for Side {
    /// In the order in which connections open and accept.
    fn from((send, recv): (SendStream, RecvStream)) -> Self {
        Self { send, recv }
    }
}

/// The code of resets and stops that tell a refusal.
pub fn refusal_code(refusal: StreamRefusal) -> Code {
    Code::from_u64(refusal.code()).expect("the codes of the protocol are small")
}

/// Joins two streams until both directions have ended and what was sent has been acknowledged; keeps `machine` told.
/// Afterwards [`Relay::total`] says what was carried, also when the future was dropped.
pub async fn relay(sender: Side, office: Side, machine: &mut Relay, clock: Clock) -> RelayEnd {
    relay_within(sender, office, machine, clock, &Room::unbounded()).await
}

/// [`relay`], which fails when a side stands still and there is no room for that.
pub async fn relay_within(sender: Side, office: Side, machine: &mut Relay, clock: Clock, room: &Room) -> RelayEnd {
    let shared = Shared::new(machine, clock);
    let up = Flow::new(&shared, Direction::ToOffice, &room.uploads).sharing(room.window.as_deref());
    let down = Flow::new(&shared, Direction::ToSender, &room.answers);
    tokio::select! {
        biased;
        _ = async { tokio::try_join!(up.run(sender.recv, office.send), down.run(office.recv, sender.send)) } => {}
        () = shared.timed_out() => {}
    }
    shared.end()
}

#[cfg(test)]
mod tests;
