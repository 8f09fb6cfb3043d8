//! What a sender's connection has shown of itself: only streams with a valid token count as use, and only those get the
//! connection a full window.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use schleuse_transport::endpoint::Limits;
use schleuse_transport::net::Connection;
use schleuse_transport::seats::SeatHandle;
use tokio::sync::Notify;

use crate::limits::UNADMITTED_WINDOW;
use crate::shared::Shared;

/// Connections that may have a full window at a time. A token can be shown on any number of connections, and each window
/// can be pinned by data that arrives out of order: this many times [`Limits::PUBLIC`]'s window is the most they take.
/// The others are carried too, more slowly over long distances.
const FULL_WINDOWS: usize = 32;

/// One connection's record.
pub(crate) struct Conduct {
    connection: Connection,
    shared: Arc<Shared>,
    seat: SeatHandle,
    /// Told when the last stream with a valid token has ended.
    quiet: Notify,
    /// Streams with a valid token that are open.
    admitted: AtomicUsize,
    /// Whether one was admitted since the last look.
    used: AtomicBool,
    /// Whether this connection has one of the [`FULL_WINDOWS`].
    full_window: AtomicBool,
}

impl Conduct {
    pub(crate) fn new(connection: Connection, shared: Arc<Shared>, seat: SeatHandle) -> Arc<Self> {
        let (used, full_window) = (AtomicBool::new(false), AtomicBool::new(false));
        let (quiet, admitted) = (Notify::new(), AtomicUsize::new(0));
        Arc::new(Self { connection, shared, seat, quiet, admitted, used, full_window })
    }

    /// Whether a stream with a valid token is open, or was admitted since this was last asked.
    pub(crate) fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed) || self.admitted.load(Ordering::Relaxed) > 0
    }

    /// Completes once no stream with a valid token is open.
    pub(crate) async fn quiet(&self) {
        while self.admitted.load(Ordering::Relaxed) > 0 {
            self.quiet.notified().await;
        }
    }

    /// Notes a stream with a valid token; it counts as long as what is returned lives.
    pub(crate) fn admit(self: &Arc<Self>) -> AdmittedStream {
        self.used.store(true, Ordering::Relaxed);
        self.seat.work();
        if self.admitted.fetch_add(1, Ordering::Relaxed) == 0 {
            self.widen();
        }
        AdmittedStream(self.clone())
    }

    fn widen(&self) {
        let one_more = |taken| (taken < FULL_WINDOWS).then_some(taken + 1);
        let windows = &self.shared.full_windows;
        if windows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok() {
            self.full_window.store(true, Ordering::Relaxed);
            self.connection.set_receive_window(Limits::PUBLIC.connection_window);
        }
    }

    fn narrow(&self) {
        if self.full_window.swap(false, Ordering::Relaxed) {
            self.connection.set_receive_window(UNADMITTED_WINDOW);
            self.shared.full_windows.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A stream with a valid token, while it lasts. All streams of a connection run on its own thread, so first and last
/// cannot pass each other.
pub(crate) struct AdmittedStream(Arc<Conduct>);

impl Drop for AdmittedStream {
    fn drop(&mut self) {
        self.0.seat.rest();
        if self.0.admitted.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.narrow();
            self.0.quiet.notify_one();
        }
    }
}
