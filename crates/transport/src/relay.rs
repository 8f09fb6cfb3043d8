//! The hot loop of both proxies: two streams joined, byte for byte.
//!
//! * Nothing is copied: chunks move from one stream to the other as reference-counted slices of received packets.
//! * Nothing is read that cannot be written: at most [`CHUNKS`] chunks (about one packet each) are between the two, so
//!   a receiver that stalls makes the sender's flow-control window close.
//! * What one side does to a direction, the other side sees: end (FIN), reset and stop with their codes. The directions
//!   are independent; a lost connection ends both.
//! * Nothing lingers: without a byte of progress in either direction for the idle timeout, both are aborted. Progress
//!   renews it, so a running upload has no deadline.
//! * Dropping the future aborts both directions. (quinn by itself would *finish* them, which looks like a proper end.)

mod flow;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream, VarInt};
use tokio::time::Instant;

use flow::{Flow, Idle};

pub use flow::{CHUNKS, FlowEnd};

/// One side of the relay: a bidirectional stream to one peer.
pub struct Side {
    /// To the peer.
    pub send: SendStream,
    /// From the peer.
    pub recv: RecvStream,
    /// What was read from the peer already and belongs to the other side (see
    /// [`Frames::into_parts`](crate::framed::Frames::into_parts)).
    pub already_read: Bytes,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the near side (who opened the stream) to the far side.
    Forward,
    /// From the far side to the near side.
    Backward,
}

/// How a relay behaves at its edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayOptions {
    /// Standstill of both directions after which they are aborted.
    pub idle_timeout: Duration,
    /// The code of resets and stops that this relay originates: peer lost, idle, shut down.
    pub abort_code: VarInt,
}

/// What a relay has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// Bytes that were handed to the far side.
    pub forward_bytes: u64,
    /// How the forward direction ended.
    pub forward_end: FlowEnd,
    /// Bytes that were handed to the near side.
    pub backward_bytes: u64,
    /// How the backward direction ended.
    pub backward_end: FlowEnd,
}

/// Joins two streams until both directions have ended. `on_bytes` hears of every portion that was handed on.
pub async fn relay<F>(near: Side, far: Side, options: RelayOptions, on_bytes: F) -> Relayed
where
    F: Fn(Direction, usize) + Sync,
{
    let idle = Idle::new(Instant::now());
    let forward = Flow::new(&idle);
    let backward = Flow::new(&idle);
    let both = async {
        tokio::join!(
            forward
                .run(near.recv, far.send, near.already_read, options.abort_code, |n| on_bytes(Direction::Forward, n)),
            backward
                .run(far.recv, near.send, far.already_read, options.abort_code, |n| on_bytes(Direction::Backward, n)),
        );
    };
    unless_idle(both, &idle, options.idle_timeout).await;
    Relayed {
        forward_bytes: forward.bytes(),
        forward_end: forward.end(),
        backward_bytes: backward.bytes(),
        backward_end: backward.end(),
    }
}

/// Runs `work`, but drops it once nothing has moved for `timeout`. One timer a relay, re-armed only when it fires.
async fn unless_idle(work: impl Future<Output = ()>, idle: &Idle, timeout: Duration) {
    let watch = async {
        let mut deadline = idle.last_progress() + timeout;
        while deadline > Instant::now() {
            tokio::time::sleep_until(deadline).await;
            deadline = idle.last_progress() + timeout;
        }
    };
    tokio::select! {
        biased;
        () = work => {}
        () = watch => {}
    }
}
