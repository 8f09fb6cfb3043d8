//! What a sender's connection may take.

use schleuse_transport::endpoint::Limits;

use crate::config::Settings;

/// What a sender may have us hold before its first valid token, in bytes of all its streams together. Whoever has no
/// token can therefore fill `connections` times this, and no more.
const UNADMITTED_WINDOW: u32 = 64 * 1024;

/// The most that a sender may have us hold with a valid token: a long path at 100 MB/s and 80 ms.
pub(crate) const LARGEST_WINDOW: u32 = 8 * 1024 * 1024;

/// What all senders together may have us hold beyond [`UNADMITTED_WINDOW`] each. A token can be shown on any number of
/// connections, and each window can be pinned by data that arrives out of order: this is the most they take.
pub(crate) const WINDOW_BUDGET: u64 = 64 * 1024 * 1024;

/// What a sender's connection may take at first; its [`ReceiveWindow`](schleuse_transport::endpoint::ReceiveWindow)
/// grows with valid tokens.
pub(crate) fn sender_limits(settings: &Settings) -> Limits {
    let max_streams = settings.limits.streams_per_connection.get();
    let first_streams = Limits::PUBLIC.first_streams.min(max_streams);
    Limits { first_streams, max_streams, connection_window: UNADMITTED_WINDOW, ..Limits::PUBLIC }
}
