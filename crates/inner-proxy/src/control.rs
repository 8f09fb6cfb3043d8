//! The control stream of a link, and why links end.

use schleuse_protocol::limits::HEADER_TIMEOUT;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::FrameType;
use schleuse_transport::framed::{Frames, ReadFrameError, prioritise, write_message};
use schleuse_transport::net::{Connection, ConnectionError, ReadError, SendStream, WriteError};

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
        prioritise(&send);
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
    #[error("another receiver with its store was here first")]
    Copy,
}

impl LinkEnd {
    /// Whether the peer is to be told that it is not welcome.
    pub(crate) fn is_violation(&self) -> bool {
        matches!(self, Self::Violation(_) | Self::OutOfTurn | Self::WrongRole | Self::Removed | Self::Copy)
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
