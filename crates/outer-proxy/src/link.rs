//! The link to one inner proxy: dialled, kept, dialled again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::limits::{HEADER_TIMEOUT, VERSION};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::{InnerToOuter, OuterToInner};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::dial::{self, Budget, DialError};
use schleuse_transport::exit::AppError;
use schleuse_transport::framed::{Frames, ReadFrameError, prioritise, write_message};
use schleuse_transport::keep::{self, Dial};
use schleuse_transport::net::{ClientConfig, Connection, ConnectionError, Endpoint, SendStream};
use schleuse_transport::parts::Parts;
use schleuse_transport::relay::refusal_code;
use schleuse_transport::tls::{Fingerprint, peer_fingerprint, server_name};
use tokio::sync::watch;

use crate::config::InnerPeer;
use crate::current::Current;
use crate::inners::Inners;
use crate::shared::Worker;

/// The longest pause before dialling again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Keeps this thread linked with every configured inner proxy until the proxy drains. Then the last connections stay as long
/// as their streams.
///
/// # Errors
/// One of the tasks that keep a link has failed.
pub(crate) async fn keep_all(worker: Worker, dialler: Endpoint) -> Result<(), AppError> {
    let mut current = worker.shared.current.subscribe();
    let mut links = Parts::new();
    // One that is taken out of the configuration keeps its task, which waits until it is there again.
    let mut kept = HashSet::new();
    loop {
        let configured = current.borrow_and_update().clone();
        for inner in configured.inners.iter().filter(|inner| kept.insert(inner.id)) {
            links.run(format!("the link to {}", inner.id), keep(worker.clone(), inner.id, dialler.clone()));
        }
        tokio::select! {
            () = worker.shutdown.draining() => return Ok(()),
            _ = current.changed() => {}
            failed = links.failed() => return Err(failed),
        }
    }
}

async fn keep(worker: Worker, id: MemberId, dialler: Endpoint) -> Result<(), AppError> {
    let (clock, shutdown) = (worker.shared.clock, worker.shutdown.clone());
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    let current = worker.shared.current.subscribe();
    let inner = Inner { name: format!("no link to {id} ({thread})"), worker, current, id, dialler };
    keep::keep(inner, LONGEST_PAUSE, clock, &shutdown).await;
    Ok(())
}

/// An inner proxy that this thread is to be linked with.
struct Inner {
    /// Of what is wrong while there is no link.
    name: String,
    worker: Worker,
    current: watch::Receiver<Arc<Current>>,
    id: MemberId,
    dialler: Endpoint,
}

impl Dial for Inner {
    type Link = Link;
    type Failure = LinkError;
    type End = LinkEnd;

    fn peer(&self) -> MemberId {
        self.id
    }

    async fn dial(&mut self) -> Result<Link, LinkError> {
        let id = self.id;
        if self.current.borrow().inner(&id).is_none() {
            // Whoever was taken out of the configuration is not missed.
            self.worker.shared.troubles.clear(&self.name);
        }
        let configured = self.current.wait_for(|current| current.inner(&id).is_some()).await;
        let current = configured.map_err(|_| LinkError::Removed)?.clone();
        let peer = current.inner(&id).ok_or(LinkError::Removed)?;
        Link::dial(peer, &self.dialler, &current.client).await
    }

    async fn serve(&mut self, link: Link) -> LinkEnd {
        tracing::info!(inner = %self.id, "linked to an inner proxy");
        self.worker.shared.troubles.clear(&self.name);
        let (id, connection, key) = (self.id, link.connection.clone(), link.key);
        let is_wrong =
            |current: &Arc<Current>| current.inner(&id).is_none_or(|inner| !inner.fingerprints.contains(&key));
        tokio::select! {
            end = link.serve(&self.worker.inners) => end,
            _ = self.current.wait_for(is_wrong) => {
                connection.close(refusal_code(StreamRefusal::Refused), b"");
                LinkEnd::Removed
            }
        }
    }

    fn failed(&mut self, error: &str) {
        self.worker.shared.troubles.set(&self.name, error);
    }

    fn ended(&mut self) {
        // A drain ends with the streams that still use the connection; it is closed after the last of them, with a code.
        if self.worker.shutdown.is_draining() {
            return;
        }
        self.worker.inners.unlinked(&self.id);
        if self.current.borrow().inner(&self.id).is_some() {
            self.worker.shared.troubles.set(&self.name, "it is dialled again");
        }
    }
}

/// A connection whose peer is the inner proxy that the configuration means.
struct Link {
    id: MemberId,
    /// Of the key that it has proved to hold.
    key: Fingerprint,
    connection: Connection,
    /// Ours has nothing to say after the hello, but finishing it would end the link.
    _send: SendStream,
    frames: Frames,
    first: InnerToOuter,
}

impl Link {
    /// protocol.md 5.3: connect, say hello, and wait for the admission keys.
    async fn dial(peer: &InnerPeer, dialler: &Endpoint, config: &ClientConfig) -> Result<Self, LinkError> {
        let (address, name) = (std::slice::from_ref(&peer.address), server_name(peer.id.as_str()));
        let connection = dial::dial(dialler, Some(config), address, &name, Budget::default()).await?;
        let Some(key) = peer_fingerprint(&connection).filter(|key| peer.fingerprints.contains(key)) else {
            connection.close(refusal_code(StreamRefusal::Refused), b"");
            return Err(LinkError::WrongKey);
        };
        let (mut send, recv) = connection.open_bi().await?;
        prioritise(&send);
        let mut frames = Frames::new(recv);
        // Should this fail, the stream's other half says why.
        let _ = write_message(&mut send, FrameType::Control, &OuterToInner::Hello(VERSION)).await;
        let first = frames.expect(FrameType::Control, HEADER_TIMEOUT).await?;
        Ok(Self { id: peer.id, key, connection, _send: send, frames, first })
    }

    /// Offers the connection to streams until it is lost or is to take no more.
    async fn serve(mut self, inners: &Inners) -> LinkEnd {
        let id = self.id;
        let mut message = Some(self.first);
        loop {
            match message {
                Some(InnerToOuter::AdmissionKeys(keys)) => {
                    inners.admit_with(id, &keys);
                    inners.linked(id, self.connection.clone());
                    tracing::debug!(inner = %id, "admission keys have come");
                }
                Some(InnerToOuter::Drain) => return LinkEnd::Drain,
                None => return LinkEnd::Lost("it ended the control stream".to_owned()),
            }
            message = match self.frames.next_message(FrameType::Control).await {
                Ok(message) => message,
                Err(error) => return LinkEnd::Lost(error.to_string()),
            };
        }
    }
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
enum LinkEnd {
    #[error("it is about to stop")]
    Drain,
    #[error("it, or its key, is no longer in the configuration")]
    Removed,
    #[error("{0}")]
    Lost(String),
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("it is no longer in the configuration")]
    Removed,
    #[error("{0}")]
    Dial(#[from] DialError),
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    #[error("it has another key than the configured fingerprint: compare with the directory")]
    WrongKey,
    #[error("no admission keys came: {0}; does its directory know this proxy as an outer proxy?")]
    Control(#[from] ReadFrameError),
}
