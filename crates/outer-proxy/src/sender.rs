//! One sender's connection.

use std::time::Duration;

use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{Handshake, StreamBudget};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::seats::Seat;
use tokio::time::Instant;

use crate::conduct::Conduct;
use crate::limits::sender_limits;
use crate::shared::Worker;
use crate::stream::{self, Visitor};

/// How often it is looked whether a connection is used.
const LOOK: Duration = Duration::from_secs(5);
/// After so many looks without a stream that has a valid token a connection is closed; after the first one, when seats are scarce.
const IDLE_LOOKS: u32 = 12;

/// Completes the handshake and serves streams until the sender goes, or shows no valid token for a while.
pub(crate) async fn serve(worker: Worker, handshake: Handshake, _seat: Seat) {
    let sender = handshake.remote_address();
    let connection = match handshake.complete().await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%sender, %error, "no connection with a sender"),
    };
    let budget = StreamBudget::new(connection.clone(), &sender_limits(&worker.shared.settings));
    let conduct = Conduct::new(connection.clone(), worker.shared.clone());
    let mut look = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
    let mut idle_looks = 0;
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok(stream) => {
                    let (conduct, _slot) = (conduct.clone(), budget.accepted());
                    let visitor = Visitor { address: sender, conduct, _slot };
                    // In a box: tokio copies a task several times before and after it runs, and this one has kilobytes.
                    let task = Box::pin(stream::take(worker.clone(), visitor, stream.into()));
                    worker.shared.streams.spawn(task);
                }
                Err(end) => return tracing::debug!(%sender, %end, "a sender is gone"),
            },
            _ = look.tick() => {
                idle_looks = if conduct.was_used() { 0 } else { idle_looks + 1 };
                if idle_looks > IDLE_LOOKS || (idle_looks > 0 && worker.shared.seats.are_scarce()) {
                    return connection.close(refusal_code(StreamRefusal::Unavailable), b"");
                }
            }
        }
    }
}
