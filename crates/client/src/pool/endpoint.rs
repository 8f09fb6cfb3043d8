//! The socket of a client, bound when it is needed, and again when it has died.

use std::sync::Mutex;
use std::time::Duration;

use schleuse_transport::endpoint::{BindError, dial_from_anywhere};
use schleuse_transport::net::{ClientConfig, Code, Endpoint};
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

use crate::lock::lock;

/// How long peers are told that a connection is closed.
const CLOSE: Duration = Duration::from_secs(3);

/// An endpoint that lives as long as the runtime in which it was bound.
pub(super) struct Bound {
    config: ClientConfig,
    now: Mutex<Option<Now>>,
}

struct Now {
    endpoint: Endpoint,
    runtime: Id,
    /// Closed when the runtime has ended, which drops its tasks.
    alive: oneshot::Receiver<()>,
}

impl Bound {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self { config, now: Mutex::default() }
    }

    /// The endpoint; a new one if there is none, or its runtime has ended.
    pub(super) fn endpoint(&self) -> Result<Endpoint, BindError> {
        let mut now = lock(&self.now);
        if let Some(now) = &mut *now
            && now.is_alive()
        {
            return Ok(now.endpoint.clone());
        }
        let endpoint = dial_from_anywhere(self.config.clone())?;
        let (guard, alive) = oneshot::channel();
        tokio::spawn(hold(guard));
        *now = Some(Now { endpoint: endpoint.clone(), runtime: Handle::current().id(), alive });
        Ok(endpoint)
    }

    /// Binds anew with the next dial: this endpoint dials no more.
    pub(super) fn rebuild(&self) {
        tracing::info!("the client's socket is gone; binding another");
        *lock(&self.now) = None;
    }

    /// Binds anew with the next dial if the endpoint belongs to another runtime, which may not be driven any more. Returns
    /// whether it does.
    pub(super) fn rebuild_if_foreign(&self) -> bool {
        let mut now = lock(&self.now);
        let is_foreign = now.as_ref().is_some_and(|now| now.runtime != Handle::current().id());
        if is_foreign {
            *now = None;
        }
        is_foreign
    }

    pub(super) async fn close(&self) {
        let now = lock(&self.now).take();
        if let Some(mut now) = now
            && now.is_alive()
        {
            now.endpoint.close(Code::NONE, b"");
            // Nobody may drive its runtime any more.
            let _ = tokio::time::timeout(CLOSE, now.endpoint.wait_idle()).await;
        }
    }
}

impl Now {
    fn is_alive(&mut self) -> bool {
        matches!(self.alive.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }
}

/// Holds on to it until the runtime ends, or nobody asks any more.
async fn hold(mut guard: oneshot::Sender<()>) {
    guard.closed().await;
}
