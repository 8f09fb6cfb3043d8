//! One sender's connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quinn::VarInt;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{Handshake, Limits, StreamBudget};
use schleuse_transport::relay::refusal_code;

use crate::proxy::Shared;
use crate::stream::{self, Visitor};
use crate::worker::{Worker, sender_limits};

/// How often it is looked whether a connection has any stream.
const LOOK: Duration = Duration::from_secs(5);
/// After so many looks without a stream a connection is closed; after the first one, when seats are scarce.
const IDLE_LOOKS: u32 = 12;

/// One of the connections that this proxy holds at most.
pub(crate) struct Seat(Arc<Shared>);

impl Seat {
    /// None if all are taken.
    pub(crate) fn take(shared: &Arc<Shared>) -> Option<Self> {
        let most = shared.settings.limits.connections.get();
        let one_more = |taken| (taken < most).then_some(taken + 1);
        shared.senders.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(shared.clone()))
    }

    /// Whether three quarters of the seats are taken: then nobody sits on one without using it.
    fn is_scarce(&self) -> bool {
        let most = self.0.settings.limits.connections.get();
        self.0.senders.load(Ordering::Relaxed) > most - most / 4
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.senders.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Completes the handshake and serves streams until the sender goes, or has none for a while.
pub(crate) async fn serve(worker: Worker, handshake: Handshake, seat: Seat) {
    let sender = handshake.remote_address();
    let connection = match handshake.complete().await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%sender, %error, "no connection with a sender"),
    };
    let budget = StreamBudget::new(connection.clone(), &sender_limits(&worker.shared.settings));
    let mut idle_looks = 0;
    loop {
        let stream = match tokio::time::timeout(LOOK, connection.accept_bi()).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(end)) => return tracing::debug!(%sender, %end, "a sender is gone"),
            Err(_) if budget.open() > 0 => {
                idle_looks = 0;
                continue;
            }
            Err(_) if idle_looks < IDLE_LOOKS && !seat.is_scarce() => {
                idle_looks += 1;
                continue;
            }
            Err(_) => return connection.close(refusal_code(StreamRefusal::Unavailable), b""),
        };
        idle_looks = 0;
        let visitor = Visitor { address: sender, connection: connection.clone(), slot: budget.accepted() };
        worker.shared.streams.spawn(stream::take(worker.clone(), visitor, stream.into()));
    }
}

/// A sender that has shown a valid token may have us hold as much as the protocol foresees.
pub(crate) fn trust(connection: &quinn::Connection) {
    connection.set_receive_window(VarInt::from_u32(Limits::PUBLIC.connection_window));
}
