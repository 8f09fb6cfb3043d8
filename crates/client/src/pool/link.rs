//! One connection to an outer proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::net::{Connection, ConnectionError};
use schleuse_transport::tls::Fingerprint;

use super::Opened;

/// A connection to an outer proxy that has shown the key which the directory pins.
pub(crate) struct Link {
    pub(crate) outer: MemberId,
    connection: Connection,
    key: Fingerprint,
    /// Of ours, open or waiting to be granted.
    streams: AtomicUsize,
}

/// Counts a stream for as long as it is there.
pub(crate) struct Place(Arc<Link>);

impl Link {
    pub(super) fn new(outer: MemberId, connection: Connection, key: Fingerprint) -> Self {
        Self { outer, connection, key, streams: AtomicUsize::new(0) }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Tells the connections of a client apart.
    pub(crate) fn id(&self) -> usize {
        self.connection.stable_id()
    }

    pub(super) fn key(&self) -> &Fingerprint {
        &self.key
    }

    pub(crate) fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// Waits until the proxy grants a stream.
    pub(super) async fn open(self: &Arc<Self>) -> Result<Opened, ConnectionError> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.clone());
        let (send, recv) = self.connection.open_bi().await?;
        Ok(Opened { link: self.clone(), place, send, recv })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the proxy says that it is being stopped, and means it for everybody.
pub(crate) fn is_draining(error: &ConnectionError) -> bool {
    match error {
        ConnectionError::ApplicationClosed(code) => code.into_inner() == StreamRefusal::Unavailable.code(),
        _ => false,
    }
}
