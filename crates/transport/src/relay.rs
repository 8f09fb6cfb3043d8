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

use schleuse_protocol::relay::{Direction, Relay, RelayEnd};
use schleuse_protocol::wire::refusal::StreamRefusal;

use crate::clock::Clock;
use crate::net::{Code, RecvStream, SendStream};
use flow::{Flow, Shared};

pub use flow::CHUNKS;
pub use standstill::Standstill;

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
    relay_unless_full(sender, office, machine, clock, &Standstill::unbounded()).await
}

/// [`relay`], which fails when the office stands still and others of `standstill` do so already.
pub async fn relay_unless_full(
    sender: Side,
    office: Side,
    machine: &mut Relay,
    clock: Clock,
    standstill: &Standstill,
) -> RelayEnd {
    let shared = Shared::new(machine, clock);
    let answers = Standstill::unbounded();
    let up = Flow::new(&shared, Direction::ToOffice, standstill);
    let down = Flow::new(&shared, Direction::ToSender, &answers);
    tokio::select! {
        biased;
        _ = async { tokio::try_join!(up.run(sender.recv, office.send), down.run(office.recv, sender.send)) } => {}
        () = shared.timed_out() => {}
    }
    shared.end()
}

#[cfg(test)]
mod tests;
