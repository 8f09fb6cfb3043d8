//! What a sender's connection has shown of itself: only streams with a valid token count as use, and only with those does its
//! receive window grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use schleuse_transport::endpoint::ReceiveWindow;
use schleuse_transport::net::Connection;
use schleuse_transport::seats::SeatHandle;
use tokio::sync::Notify;

use crate::limits::{LARGEST_WINDOW, sender_limits};
use crate::shared::Shared;

/// One connection's record.
pub(crate) struct Conduct {
    window: Arc<ReceiveWindow>,
    seat: SeatHandle,
    /// Told when the last stream with a valid token has ended.
    quiet: Notify,
    /// Streams with a valid token that are open.
    admitted: AtomicUsize,
    /// Whether one was admitted since the last look.
    used: AtomicBool,
}

impl Conduct {
    pub(crate) fn new(connection: Connection, shared: &Shared, seat: SeatHandle) -> Arc<Self> {
        let limits = sender_limits(&shared.settings);
        let window = ReceiveWindow::new(connection, &limits, LARGEST_WINDOW, shared.windows.clone());
        let (quiet, admitted) = (Notify::new(), AtomicUsize::new(0));
        Arc::new(Self { window, seat, quiet, admitted, used: AtomicBool::new(false) })
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

    /// Of the connection; what is carried counts for it.
    pub(crate) fn window(&self) -> Arc<ReceiveWindow> {
        self.window.clone()
    }

    /// Notes a stream with a valid token; it counts as long as what is returned lives.
    pub(crate) fn admit(self: &Arc<Self>) -> AdmittedStream {
        self.used.store(true, Ordering::Relaxed);
        self.seat.work();
        if self.admitted.fetch_add(1, Ordering::Relaxed) == 0 {
            self.window.handle_used();
        }
        AdmittedStream(self.clone())
    }
}

/// A stream with a valid token, while it lasts. All streams of a connection run on its own thread, so first and last
/// cannot pass each other.
pub(crate) struct AdmittedStream(Arc<Conduct>);

impl Drop for AdmittedStream {
    fn drop(&mut self) {
        self.0.seat.rest();
        if self.0.admitted.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.window.handle_idle();
            self.0.quiet.notify_one();
        }
    }
}
