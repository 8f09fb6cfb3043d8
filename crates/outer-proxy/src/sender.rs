//! One sender's connection.

use std::time::Duration;

use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{Handshake, StreamBudget};
use schleuse_transport::net::{Connection, ConnectionError};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::seats::Seat;
use tokio::time::Instant;

use crate::conduct::Conduct;
use crate::limits::sender_limits;
use crate::shared::Worker;
use crate::stream::{self, Visitor};

/// How often it is looked whether a connection is used.
const LOOK: Duration = Duration::from_secs(5);
/// After so many looks without a stream that has a valid token a connection is closed, whether its seat is wanted or not.
const IDLE_LOOKS: u32 = 12;

/// Completes the handshake and serves streams until the sender goes, shows no valid token for a while, has to make room, or
/// the proxy drains.
pub(crate) async fn serve(worker: Worker, handshake: Handshake, seat: Seat) {
    let sender = handshake.remote_address();
    let completed = tokio::select! {
        completed = handshake.complete() => completed,
        () = seat.evicted() => return tracing::debug!(%sender, "a handshake made room for another"),
    };
    let connection = match completed {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%sender, %error, "no connection with a sender"),
    };
    let end = take_streams(&worker, &connection, &seat).await;
    connection.close(refusal_code(StreamRefusal::Unavailable), b"");
    tracing::debug!(%sender, %end, "a sender is gone");
}

/// Serves streams until the connection is lost or is to be closed.
async fn take_streams(worker: &Worker, connection: &Connection, seat: &Seat) -> End {
    let budget = StreamBudget::new(connection.clone(), &sender_limits(&worker.shared.settings));
    let conduct = Conduct::new(connection.clone(), &worker.shared, seat.handle());
    let mut look = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
    let mut idle_looks = 0;
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok(stream) => {
                    let (conduct, _slot) = (conduct.clone(), budget.accepted());
                    let visitor = Visitor { address: connection.remote_address(), conduct, _slot };
                    // In a box: tokio copies a task several times before and after it runs, and this one has kilobytes.
                    let task = Box::pin(stream::take(worker.clone(), visitor, stream.into()));
                    worker.shared.streams.spawn(task);
                }
                Err(lost) => return End::Lost(lost),
            },
            _ = look.tick() => {
                idle_looks = if conduct.was_used() { 0 } else { idle_looks + 1 };
                // Credit that was given is taken back only with the connection.
                let hoards = conduct.window().is_grown() && worker.shared.windows.is_scarce();
                if idle_looks > IDLE_LOOKS || (idle_looks > 0 && hoards) {
                    return End::Idle;
                }
            }
            () = seat.evicted() => return End::MadeRoom,
            // Streams that run may finish; their sender learns with the last one that it is to go elsewhere.
            () = drained(worker, &conduct) => return End::Drained,
        }
    }
}

async fn drained(worker: &Worker, conduct: &Conduct) {
    worker.shutdown.draining().await;
    conduct.quiet().await;
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("{0}")]
    Lost(ConnectionError),
    #[error("it showed no valid token for a while")]
    Idle,
    #[error("it made room for another")]
    MadeRoom,
    #[error("this proxy drains")]
    Drained,
}
