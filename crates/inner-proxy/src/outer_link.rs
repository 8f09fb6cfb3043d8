//! The link of an outer proxy: it gets the admission keys and brings streams.

use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::wire::hop::{InnerToOuter, OuterToInner};
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::endpoint::{Limits, StreamBudget};
use schleuse_transport::net::Connection;

use crate::control::{Control, LinkEnd};
use crate::shared::Worker;
use crate::standstills::Standstills;
use crate::stream::{self, Visitor};

/// What an outer proxy may send on all streams of a link before it is read. Four offices that take nothing do not fill it.
const UPLOADS_WINDOW: u32 = 64 * 1024 * 1024;
/// How often it is looked whether the epoch has changed. The next epoch's key is there already, so nothing is urgent.
const LOOK: Duration = Duration::from_secs(60);

/// protocol.md 5.3: hello, admission keys; then streams, until the outer proxy goes.
pub(crate) async fn serve(worker: &Worker, outer: MemberId, connection: &Connection) -> Result<(), LinkEnd> {
    let (mut control, OuterToInner::Hello(_)) = Control::accept(connection).await?;
    let shared = &worker.shared;
    let mut keys = shared.keys.admission_keys(shared.clock.unix());
    // The control stream is one more than the others.
    let limits = Limits { first_streams: Limits::LINK.first_streams + 1, ..Limits::LINK };
    connection.set_max_streams(limits.first_streams);
    connection.set_receive_window(UPLOADS_WINDOW);
    let standstills = Arc::new(Standstills::of_window(UPLOADS_WINDOW));
    let budget = StreamBudget::new(connection.clone(), &limits);
    control.send(&InnerToOuter::AdmissionKeys(keys.clone())).await?;
    tracing::info!(%outer, "an outer proxy has linked");
    let mut look = tokio::time::interval(LOOK);
    let (mut may_speak, mut told) = (true, false);
    loop {
        tokio::select! {
            stream = connection.accept_bi() => {
                let stream = stream?;
                let visitor = Visitor { outer, standstills: standstills.clone(), _slot: budget.accepted() };
                // In a box: tokio copies a task several times before and after it runs, and this one has kilobytes.
                shared.streams.spawn(Box::pin(stream::take(worker.clone(), visitor, stream.into())));
            }
            message = control.next::<OuterToInner>(), if may_speak => match message? {
                Some(OuterToInner::Hello(_)) => return Err(LinkEnd::OutOfTurn),
                // It drains: it opens no more streams, and closes when the running ones are done.
                None => may_speak = false,
            },
            _ = look.tick() => {
                let current = shared.keys.admission_keys(shared.clock.unix());
                if current != keys {
                    keys = current;
                    control.send(&InnerToOuter::AdmissionKeys(keys.clone())).await?;
                }
            }
            () = worker.shutdown.draining(), if !told => {
                told = true;
                control.send(&InnerToOuter::Drain).await?;
            }
        }
    }
}
