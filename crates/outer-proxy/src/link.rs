//! The link to one inner proxy: dialled, kept, dialled again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::limits::{HEADER_TIMEOUT, VERSION};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::{InnerToOuter, OuterToInner};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::framed::{Frames, ReadFrameError, write_message};
use schleuse_transport::keep::{self, Dial};
use schleuse_transport::net::{Connection, ConnectionError, Endpoint, SendStream};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::tls::{peer_fingerprint, server_name};

use crate::config::InnerPeer;
use crate::inners::Inners;
use crate::shared::Worker;

/// The longest pause before dialling again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long resolving, dialling and the handshake may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps this thread linked to `peer` until the proxy drains. Then the last connection stays as long as its streams.
pub(crate) async fn keep(worker: Worker, peer: InnerPeer, dialler: Endpoint) {
    let (clock, shutdown) = (worker.shared.clock, worker.shutdown.clone());
    keep::keep(Inner { inners: worker.inners, peer, dialler }, LONGEST_PAUSE, clock, &shutdown).await;
}

/// An inner proxy that this thread is to be linked with.
struct Inner {
    inners: Arc<Inners>,
    peer: InnerPeer,
    dialler: Endpoint,
}

impl Dial for Inner {
    type Link = Link;
    type Failure = LinkError;
    type End = LinkEnd;

    fn peer(&self) -> MemberId {
        self.peer.id
    }

    async fn dial(&mut self) -> Result<Link, LinkError> {
        Link::dial(&self.peer, &self.dialler).await
    }

    async fn serve(&mut self, link: Link) -> LinkEnd {
        tracing::info!(inner = %self.peer.id, "linked to an inner proxy");
        link.serve(&self.inners).await
    }

    fn ended(&mut self) {
        self.inners.unlinked(&self.peer.id);
    }
}

/// A connection whose peer is the inner proxy that the configuration means.
struct Link {
    id: MemberId,
    connection: Connection,
    /// Ours has nothing to say after the hello, but finishing it would end the link.
    _send: SendStream,
    frames: Frames,
    first: InnerToOuter,
}

impl Link {
    /// protocol.md 5.3: connect, say hello, and wait for the admission keys.
    async fn dial(peer: &InnerPeer, dialler: &Endpoint) -> Result<Self, LinkError> {
        let connected = tokio::time::timeout(DIAL_TIMEOUT, connect(peer, dialler)).await;
        let connection = connected.map_err(|_| LinkError::TimedOut)??;
        if peer_fingerprint(&connection) != Some(peer.fingerprint) {
            connection.close(refusal_code(StreamRefusal::Refused), b"");
            return Err(LinkError::WrongKey);
        }
        let (mut send, recv) = connection.open_bi().await?;
        let mut frames = Frames::new(recv);
        // Should this fail, the stream's other half says why.
        let _ = write_message(&mut send, FrameType::Control, &OuterToInner::Hello(VERSION)).await;
        let first = frames.expect(FrameType::Control, HEADER_TIMEOUT).await?;
        Ok(Self { id: peer.id, connection, _send: send, frames, first })
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

/// Tries every address of the host in turn.
async fn connect(peer: &InnerPeer, dialler: &Endpoint) -> Result<Connection, LinkError> {
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host(&peer.address).await.map_err(|error| LinkError::Resolve(error.to_string()))?.collect();
    let mut last = LinkError::Resolve("the name has no address".to_owned());
    for address in addresses {
        let connecting = dialler.connect(address, &server_name(peer.id.as_str()));
        match connecting.map_err(|error| LinkError::Resolve(error.to_string()))?.await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
enum LinkEnd {
    #[error("it is about to stop")]
    Drain,
    #[error("{0}")]
    Lost(String),
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("its address cannot be used: {0}")]
    Resolve(String),
    #[error("no answer: is it running, and does UDP get there?")]
    TimedOut,
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    #[error("it has another key than the configured fingerprint: compare with the directory")]
    WrongKey,
    #[error("no admission keys came: {0}; does its directory know this proxy as an outer proxy?")]
    Control(#[from] ReadFrameError),
}
