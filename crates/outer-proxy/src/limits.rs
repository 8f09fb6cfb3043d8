//! What a sender's connection may take.

use schleuse_transport::endpoint::Limits;

use crate::config::Settings;

/// What a sender may have us hold before its first valid token, in bytes of all its streams together. Whoever has no
/// token can therefore fill `connections` times this, and no more.
pub(crate) const UNADMITTED_WINDOW: u32 = 64 * 1024;

/// What a sender's connection may take at first; [`Conduct`](crate::conduct::Conduct) raises the window with a valid token.
pub(crate) fn sender_limits(settings: &Settings) -> Limits {
    let max_streams = settings.limits.streams_per_connection.get();
    let first_streams = Limits::PUBLIC.first_streams.min(max_streams);
    Limits { first_streams, max_streams, connection_window: UNADMITTED_WINDOW, ..Limits::PUBLIC }
}
