//! What this proxy saw of a stream, for an observer inside the same process (the demo, a test).
//!
//! The daemon itself has no observer: nothing of this is written anywhere.

use std::time::Duration;

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
pub use schleuse_transport::carry::Ending;
use tokio::sync::mpsc;

/// Where records go. Unbounded: an observer is a test or the demo, and it reads.
pub type Observer = mpsc::UnboundedSender<StreamRecord>;

/// Everything that an inner proxy can know about one stream. The sender's address and name are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// Which outer proxy brought the stream.
    pub outer: MemberId,
    /// To which office it was carried; none if the token was not accepted.
    pub office: Option<MemberId>,
    /// Bytes from the outer proxy to the office, with the header that the office gets.
    pub bytes_up: u64,
    /// Bytes from the office to the outer proxy.
    pub bytes_down: u64,
    /// When the stream was opened.
    pub started: UnixSeconds,
    /// From the opening to the end.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending,
}
