//! One stream's visit to a proxy, and what the proxy saw of it.

use std::time::Duration;

use schleuse_protocol::time::{Millis, UnixSeconds};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use tokio::sync::mpsc;

use super::{Ending, NextHop, join};
use crate::clock::Clock;
use crate::relay::Side;
use crate::shutdown::Shutdown;

/// Where records go. Unbounded: an observer is a test or the demo, and it reads. A daemon has none, and writes nothing of a
/// record anywhere above debug level.
pub type Observer<From> = mpsc::UnboundedSender<StreamRecord<From>>;

/// Everything that a proxy can know about one stream. There is no content in it, no vendor and no purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord<From> {
    /// Who brought it: all that this proxy knows of where it comes from.
    pub from: From,
    /// To which member it was carried; none if the token was not accepted.
    pub to: Option<MemberId>,
    /// Bytes towards the office, with the header that the next hop gets.
    pub bytes_up: u64,
    /// Bytes towards the sender.
    pub bytes_down: u64,
    /// When the stream was opened.
    pub started: UnixSeconds,
    /// From the opening to the end.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// A stream that has been accepted, until its record is complete.
pub struct Visit<From> {
    clock: Clock,
    since: Millis,
    record: StreamRecord<From>,
}

impl<From: std::fmt::Debug> Visit<From> {
    /// Begins now.
    pub fn begin(from: From, clock: Clock) -> Self {
        let now = clock.now();
        let record = StreamRecord {
            from,
            to: None,
            bytes_up: 0,
            bytes_down: 0,
            started: now.unix,
            duration: Duration::ZERO,
            ending: Ending::Broken,
        };
        Self { clock, since: now.millis, record }
    }

    /// The header was accepted: the stream goes `to` this member, which gets `handed_on` bytes for a header.
    pub fn goes(&mut self, to: MemberId, handed_on: usize) {
        self.record.to = Some(to);
        self.record.bytes_up = handed_on as u64;
    }

    /// Carries the stream to its end (see [`join`]), and tells the observer.
    pub async fn carry<Held>(
        mut self,
        near: Side,
        next_hop: Result<(NextHop, Held), StreamRefusal>,
        shutdown: &Shutdown,
        observer: Option<&Observer<From>>,
    ) {
        let carried = join(near, next_hop, self.clock, shutdown).await;
        self.record.bytes_up += carried.to_office;
        self.record.bytes_down += carried.to_sender;
        self.record.ending = carried.ending;
        self.record.duration = self.clock.millis().since(self.since);
        tracing::debug!(record = ?self.record, "a stream has ended");
        if let Some(observer) = observer {
            // An observer that is gone wants no records.
            let _ = observer.send(self.record);
        }
    }
}
