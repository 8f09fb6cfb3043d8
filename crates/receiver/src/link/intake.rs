//! Takes the streams of one connection.

use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::StreamBudget;
use schleuse_transport::net::{Connection, RecvStream, SendStream};
use schleuse_transport::relay::refusal_code;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{CLOSED, LINK_LIMITS, stream};
use crate::core::Core;
use crate::routes::Complaint;

/// How long streams still come after the inner proxy has said that it drains: they were under way.
const LATE: Duration = Duration::from_secs(5);
/// How long the streams of a drained connection may run on. They are resumed elsewhere.
const DRAIN_GRACE: Duration = Duration::from_secs(10 * 60);

/// Serves every stream of a connection, until it is lost, or until it is not needed any more and its last stream has
/// ended. Streams that come while the daemon drains, or for which there is no room, are told to come later.
pub(super) async fn run(core: Arc<Core>, inner: MemberId, connection: Connection, mut drained: watch::Receiver<bool>) {
    let _closed = ClosedByPanic(connection.clone());
    let budget = StreamBudget::new(connection.clone(), &LINK_LIMITS);
    let (room, ended) = (core.room.of(inner), Arc::new(Notify::new()));
    let mut drained_at: Option<Instant> = None;
    loop {
        let is_late = drained_at.is_some_and(|at| at.elapsed() >= LATE);
        let closing = core.shutdown.is_draining() || is_late;
        if closing && budget.open() == 0 {
            break;
        }
        let (send, recv) = tokio::select! {
            accepted = connection.accept_bi() => match accepted {
                Ok(stream) => stream,
                Err(_) => return,
            },
            () = core.shutdown.stopped() => return connection.close(CLOSED, b""),
            () = core.shutdown.draining(), if !core.shutdown.is_draining() => continue,
            _ = drained.wait_for(|drained| *drained), if drained_at.is_none() => {
                drained_at = Some(Instant::now());
                continue;
            }
            () = after(drained_at, LATE), if !is_late => continue,
            () = after(drained_at, DRAIN_GRACE) => break,
            () = ended.notified(), if closing => continue,
        };
        let Some(half_open) = room.enter().filter(|_| !closing) else {
            refuse(send, recv);
            if !closing {
                core.routes.complain(inner, Complaint::HalfOpen);
            }
            continue;
        };
        let (slot, core, ended) = (budget.accepted(), Arc::clone(&core), Arc::clone(&ended));
        let room = Arc::clone(&room);
        // In a box: tokio copies a task several times before and after it runs, and this one has kilobytes.
        core.tasks.clone().spawn(Box::pin(async move {
            stream::serve(core, room, send, recv, half_open).await;
            drop(slot);
            ended.notify_one();
        }));
    }
    if drained_at.is_some() {
        connection.close(CLOSED, b"");
    }
}

/// A connection from which nobody takes streams any more must not look alive.
struct ClosedByPanic(Connection);

impl Drop for ClosedByPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close(CLOSED, b"");
        }
    }
}

/// Completes so long after `start`; never without a start.
async fn after(start: Option<Instant>, delay: Duration) {
    match start {
        Some(start) => tokio::time::sleep_until(start + delay).await,
        None => std::future::pending().await,
    }
}

fn refuse(mut send: SendStream, mut recv: RecvStream) {
    let code = refusal_code(StreamRefusal::Unavailable);
    let _ = send.reset(code);
    let _ = recv.stop(code);
}
