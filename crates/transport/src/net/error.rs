//! What can go wrong with connections and streams.

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::TransportErrorCode;

use super::Code;

/// Why a connection ended, or never began.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The peer closed it.
    #[error("closed by peer: {0}")]
    ApplicationClosed(Code),
    /// The peer takes no more connections: it is full, or about to stop.
    #[error("the peer takes no more connections")]
    Refused,
    /// The peer does not know the connection any more: it was restarted.
    #[error("reset by peer")]
    Reset,
    /// Nothing came from the peer for too long.
    #[error("timed out")]
    TimedOut,
    /// This side closed it.
    #[error("closed")]
    LocallyClosed,
    /// One side refused the other in the TLS handshake: a certificate, a name, a protocol.
    #[error("{reason}")]
    Tls {
        /// The alert that was sent (RFC 8446, 6.2).
        alert: u8,
        /// What the side that refused says.
        reason: Arc<str>,
    },
    /// The peer broke the rules of the carrier, or speaks another version of it.
    #[error("{0}")]
    Failed(Arc<str>),
}

impl From<quinn::ConnectionError> for ConnectionError {
    fn from(error: quinn::ConnectionError) -> Self {
        let alert = match &error {
            quinn::ConnectionError::ConnectionClosed(close) => alert(close.error_code),
            quinn::ConnectionError::TransportError(error) => alert(error.code),
            _ => None,
        };
        match error {
            quinn::ConnectionError::ApplicationClosed(close) => Self::ApplicationClosed(close.error_code.into()),
            quinn::ConnectionError::ConnectionClosed(close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                Self::Refused
            }
            quinn::ConnectionError::Reset => Self::Reset,
            quinn::ConnectionError::TimedOut => Self::TimedOut,
            quinn::ConnectionError::LocallyClosed => Self::LocallyClosed,
            other => match alert {
                Some(alert) => Self::Tls { alert, reason: other.to_string().into() },
                None => Self::Failed(other.to_string().into()),
            },
        }
    }
}

/// The TLS alert inside a QUIC error code (RFC 9001, 4.8).
fn alert(code: TransportErrorCode) -> Option<u8> {
    let offset = u64::from(code).checked_sub(u64::from(TransportErrorCode::crypto(0)))?;
    u8::try_from(offset).ok()
}

/// Why dialling could not even begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The endpoint was closed, or its socket is gone.
    #[error("the endpoint does not dial any more")]
    EndpointStopping,
    /// The address cannot be reached from this endpoint's socket, or is none that can be dialled.
    #[error("{0} cannot be dialled from here")]
    InvalidAddress(SocketAddr),
    /// A name that no certificate can have, or a mistake in the configuration.
    #[error("{0}")]
    Failed(Arc<str>),
}

impl From<quinn::ConnectError> for ConnectError {
    fn from(error: quinn::ConnectError) -> Self {
        match error {
            quinn::ConnectError::EndpointStopping => Self::EndpointStopping,
            quinn::ConnectError::InvalidRemoteAddress(address) => Self::InvalidAddress(address),
            other => Self::Failed(other.to_string().into()),
        }
    }
}

/// Why nothing can be read from a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The peer gave the stream up.
    #[error("stream reset by peer: {0}")]
    Reset(Code),
    /// The connection is gone.
    #[error("connection lost: {0}")]
    ConnectionLost(#[from] ConnectionError),
    /// This side stopped the stream.
    #[error("closed stream")]
    ClosedStream,
}

impl From<quinn::ReadError> for ReadError {
    fn from(error: quinn::ReadError) -> Self {
        match error {
            quinn::ReadError::Reset(code) => Self::Reset(code.into()),
            quinn::ReadError::ConnectionLost(lost) => Self::ConnectionLost(lost.into()),
            // Neither unordered reads nor 0-RTT are used.
            quinn::ReadError::ClosedStream
            | quinn::ReadError::IllegalOrderedRead
            | quinn::ReadError::ZeroRttRejected => Self::ClosedStream,
        }
    }
}

/// Why a number of bytes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadExactError {
    /// The stream ended after fewer.
    #[error("the stream ended after {0} bytes")]
    FinishedEarly(usize),
    /// The stream broke off.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why a stream could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadToEndError {
    /// It has more bytes than were asked for.
    #[error("the stream is too long")]
    TooLong,
    /// The stream broke off.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why nothing can be written to a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The peer wants no more.
    #[error("stopped by peer: {0}")]
    Stopped(Code),
    /// The connection is gone.
    #[error("connection lost: {0}")]
    ConnectionLost(#[from] ConnectionError),
    /// This side finished or reset the stream.
    #[error("closed stream")]
    ClosedStream,
}

impl From<quinn::WriteError> for WriteError {
    fn from(error: quinn::WriteError) -> Self {
        match error {
            quinn::WriteError::Stopped(code) => Self::Stopped(code.into()),
            quinn::WriteError::ConnectionLost(lost) => Self::ConnectionLost(lost.into()),
            quinn::WriteError::ClosedStream | quinn::WriteError::ZeroRttRejected => Self::ClosedStream,
        }
    }
}

/// This half of the stream has ended already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("closed stream")]
pub struct ClosedStream;

impl From<quinn::ClosedStream> for ClosedStream {
    fn from(_: quinn::ClosedStream) -> Self {
        Self
    }
}
