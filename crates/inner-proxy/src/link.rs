//! One connection: who is it, and its control stream.

use schleuse_directory::{Hex, Role};
use schleuse_protocol::limits::HEADER_TIMEOUT;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::Handshake;
use schleuse_transport::framed::{Frames, ReadFrameError, write_message};
use schleuse_transport::net::{Connection, ConnectionError, ReadError, SendStream, WriteError};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::seats::Seat;
use schleuse_transport::tls::peer_fingerprint;

use crate::members::Peer;
use crate::worker::Worker;
use crate::{office_link, outer_link};

/// Completes the handshake, finds out who it is, and serves it accordingly until it goes.
pub(crate) async fn serve(worker: Worker, handshake: Handshake, _seat: Seat) {
    let address = handshake.remote_address();
    let connection = match handshake.complete().await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%address, %error, "no connection with a peer"),
    };
    let refused = refusal_code(StreamRefusal::Refused);
    let members = &worker.shared.members;
    let Some(fingerprint) = peer_fingerprint(&connection) else { return connection.close(refused, b"") };
    let Some(peer) = members.by_fingerprint(&fingerprint) else {
        tracing::info!(key = %Hex(fingerprint), "a peer was turned away: its key is not in the directory");
        return connection.close(refused, b"");
    };
    let end = tokio::select! {
        end = serve_as(&worker, peer, &connection) => end,
        () = members.removed(fingerprint, peer) => LinkEnd::Removed,
    };
    if end.is_violation() {
        connection.close(refused, b"");
    }
    tracing::info!(peer = %peer.id, role = peer.role.as_str(), %end, "a member is gone");
}

async fn serve_as(worker: &Worker, peer: Peer, connection: &Connection) -> LinkEnd {
    let ended = match peer.role {
        Role::Outer => outer_link::serve(worker, peer.id, connection).await,
        Role::Office => office_link::serve(worker, peer.id, connection).await,
        Role::Vendor | Role::Inner => Err(LinkEnd::WrongRole),
    };
    ended.err().unwrap_or(LinkEnd::Left)
}

/// The control stream of a link, `In` from the peer.
pub(crate) struct Control {
    send: SendStream,
    frames: Frames,
}

impl Control {
    /// Waits for the stream, which the peer opens at once, and for its first message.
    pub(crate) async fn accept<In: Wire>(connection: &Connection) -> Result<(Self, In), LinkEnd> {
        let accepted = tokio::time::timeout(HEADER_TIMEOUT, connection.accept_bi()).await;
        let (send, recv) = accepted.map_err(|_| LinkEnd::Violation(ReadFrameError::TimedOut))??;
        let mut frames = Frames::new(recv);
        let hello = frames.expect(FrameType::Control, HEADER_TIMEOUT).await?;
        Ok((Self { send, frames }, hello))
    }

    /// The next message; none once the peer has finished the stream. Cancel-safe.
    pub(crate) async fn next<In: Wire>(&mut self) -> Result<Option<In>, LinkEnd> {
        Ok(self.frames.next_message(FrameType::Control).await?)
    }

    /// Sends a message.
    pub(crate) async fn send<Out: Wire>(&mut self, message: &Out) -> Result<(), LinkEnd> {
        Ok(write_message(&mut self.send, FrameType::Control, message).await?)
    }
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkEnd {
    #[error("it left")]
    Left,
    #[error("{0}")]
    Lost(#[from] ConnectionError),
    #[error("{0}")]
    Write(#[from] WriteError),
    #[error("it broke the protocol: {0}")]
    Violation(ReadFrameError),
    #[error("it said something that is not its turn or role to say")]
    OutOfTurn,
    #[error("members of this role do not connect here")]
    WrongRole,
    #[error("it is no longer in the directory")]
    Removed,
}

impl LinkEnd {
    /// Whether the peer is to be told that it is not welcome.
    fn is_violation(&self) -> bool {
        matches!(self, Self::Violation(_) | Self::OutOfTurn | Self::WrongRole | Self::Removed)
    }
}

impl From<ReadFrameError> for LinkEnd {
    fn from(error: ReadFrameError) -> Self {
        match error {
            ReadFrameError::Read(ReadError::ConnectionLost(lost)) => Self::Lost(lost),
            error => Self::Violation(error),
        }
    }
}
