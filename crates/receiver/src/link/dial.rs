//! Dialling an inner proxy, up to the hello on its control stream.

use std::sync::Arc;

use schleuse_protocol::limits::{HEADER_TIMEOUT, VERSION};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::OfficeToInner;
use schleuse_transport::dial::{self, Budget};
use schleuse_transport::endpoint;
use schleuse_transport::exit::AppError;
use schleuse_transport::framed::{self, Frames};
use schleuse_transport::net::{ClientConfig, Connection, ConnectionError, Endpoint, WriteError};
use schleuse_transport::tls::{self, Fingerprint, Identity, Roots};

use super::control::Link;
use super::{CLOSED, LINK_LIMITS};
use crate::config::InnerAddress;
use crate::core::Core;

/// How links are dialled.
pub(crate) fn client_config(roots: &Roots, identity: &Identity) -> Result<ClientConfig, AppError> {
    Ok(endpoint::client_config(tls::link(roots, identity)?, &LINK_LIMITS))
}

/// The endpoint from which all links are dialled.
pub(crate) fn dialler(config: ClientConfig) -> Result<Endpoint, AppError> {
    Ok(endpoint::dial_from_anywhere(config)?)
}

/// Why an inner proxy could not be connected.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("{0}")]
    Dial(#[from] dial::DialError),
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    #[error("no answer within {} seconds", HEADER_TIMEOUT.as_secs())]
    TimedOut,
    #[error(
        "its key is not the one that the directory pins for it: is the address right, and the directory up to date?"
    )]
    WrongKey,
    #[error("the control stream failed: {0}")]
    Control(#[from] WriteError),
}

/// A link whose hello is said.
pub(super) async fn dial(core: &Arc<Core>, endpoint: &Endpoint, inner: &InnerAddress) -> Result<Link, DialError> {
    let (address, name) = (std::slice::from_ref(&inner.address), tls::server_name(inner.id.as_str()));
    let connection = dial::dial(endpoint, Some(&core.client()), address, &name, Budget::default()).await?;
    tokio::time::timeout(HEADER_TIMEOUT, greet(core, connection, inner)).await.map_err(|_| DialError::TimedOut)?
}

async fn greet(core: &Arc<Core>, connection: Connection, inner: &InnerAddress) -> Result<Link, DialError> {
    let pinned = |key: &Fingerprint| core.members.is_inner(&inner.id, key, core.clock.unix());
    let Some(key) = tls::peer_fingerprint(&connection).filter(pinned) else {
        connection.close(CLOSED, b"");
        return Err(DialError::WrongKey);
    };
    let (mut send, recv) = connection.open_bi().await?;
    framed::prioritise(&send);
    let hello = OfficeToInner::Hello { version: VERSION, store: core.store.id(), run: core.run };
    framed::write_message(&mut send, FrameType::Control, &hello).await?;
    Ok(Link { core: Arc::clone(core), inner: inner.id, key, connection, send, frames: Frames::new(recv) })
}
