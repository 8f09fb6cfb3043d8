//! The links to the inner proxies: dialled, kept, dialled again. Streams of senders come in over them.
//!
//! In a line: a link is dialled, speaks on its control stream, and takes streams, each of which is served by itself.

mod control;
mod dial;
mod intake;
mod stream;
mod writes;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use schleuse_transport::backoff::Backoff;
use schleuse_transport::endpoint::Limits;
use schleuse_transport::net::{Code, Connection, Endpoint};

pub(crate) use dial::{client_config, dialler};

use crate::config::InnerAddress;
use crate::core::Core;
use crate::routes::Complaint;
use control::End;
use dial::dial;

/// First and longest delay before dialling again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// A connection that lived so long was a success.
const STABLE: Duration = Duration::from_secs(10);
/// Connections of one inner proxy that may be left over from drains, with streams that run on.
const MOST_DRAINED: usize = 2;
/// Code with which a connection is closed: nothing is wrong.
const CLOSED: Code = Code::NONE;

/// What inner proxies may send us at a time: enough for the fastest disk, and little memory when the disk is slow.
const LINK_LIMITS: Limits = Limits { connection_window: 8 * 1024 * 1024, max_streams: 1024, ..Limits::LINK };

/// Keeps one inner proxy connected until the daemon drains.
pub(crate) async fn keep(core: Arc<Core>, endpoint: Endpoint, inner: InnerAddress) {
    let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    let mut drained = VecDeque::new();
    loop {
        let Some(dialled) = core.shutdown.unless_draining(dial(&core, &endpoint, &inner)).await else { return };
        match dialled {
            Ok(link) => {
                tracing::info!(inner = %inner.id, address = %inner.address, "connected");
                let since = core.clock.millis();
                let connection = link.connection.clone();
                let end = link.run().await;
                if core.clock.millis().since(since) >= STABLE {
                    backoff.reset();
                }
                tracing::info!(inner = %inner.id, "link ended: {end}");
                if matches!(end, End::Drained) {
                    keep_drained(&core, &inner, &mut drained, connection);
                }
            }
            Err(trouble) => {
                // Once loudly, then quietly: a proxy that is away for a day must not fill the log.
                match backoff.failures() {
                    0 => tracing::warn!(inner = %inner.id, address = %inner.address, "cannot connect: {trouble}"),
                    _ => tracing::debug!(inner = %inner.id, address = %inner.address, "cannot connect: {trouble}"),
                }
                core.routes.failed(inner.id, trouble.to_string());
            }
        }
        let delay = backoff.next_delay();
        if core.shutdown.unless_draining(tokio::time::sleep(delay)).await.is_none() {
            return;
        }
    }
}

/// Lets the streams of a connection run on, but not those of ever more connections.
fn keep_drained(core: &Core, inner: &InnerAddress, drained: &mut VecDeque<Connection>, connection: Connection) {
    drained.retain(|old| old.close_reason().is_none());
    drained.push_back(connection);
    if drained.len() > MOST_DRAINED {
        core.routes.complain(inner.id, Complaint::Draining);
        if let Some(oldest) = drained.pop_front() {
            oldest.close(CLOSED, b"");
        }
    }
}
