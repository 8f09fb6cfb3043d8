//! What this proxy saw of a stream, for an observer inside the same process (the demo, a test).
//!
//! The daemon itself has no observer: nothing of this is written anywhere.

use std::net::SocketAddr;
use std::time::Duration;

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
pub use schleuse_transport::carry::Ending;
use tokio::sync::mpsc;

/// Where records go. Unbounded: an observer is a test or the demo, and it reads.
pub type Observer = mpsc::UnboundedSender<StreamRecord>;

/// Everything that an outer proxy can know about one stream. There is no office, no vendor and no purpose in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// Where the stream came from.
    pub sender: SocketAddr,
    /// To which inner proxy it was carried; none if the token was not accepted.
    pub inner: Option<MemberId>,
    /// Bytes from the sender to the inner proxy, with the header.
    pub bytes_up: u64,
    /// Bytes from the inner proxy to the sender.
    pub bytes_down: u64,
    /// When the stream was opened.
    pub started: UnixSeconds,
    /// From the opening to the end.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending,
}
