//! One connection to a peer.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::VarInt;
use rustls_pki_types::CertificateDer;

use super::{Code, ConnectionError, RecvStream, SendStream};

/// A connection. Clones are handles of the same; it closes with the last handle and stream.
#[derive(Clone, Debug)]
pub enum Connection {
    /// QUIC over UDP.
    Quic(quinn::Connection),
}

impl Connection {
    /// Opens a stream; waits while the peer allows no more. The peer learns of it with its first byte.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn open_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        match self {
            Self::Quic(connection) => {
                let (send, recv) = connection.open_bi().await?;
                Ok((send.into(), recv.into()))
            }
        }
    }

    /// The next stream that the peer opens. Cancel-safe.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        match self {
            Self::Quic(connection) => {
                let (send, recv) = connection.accept_bi().await?;
                Ok((send.into(), recv.into()))
            }
        }
    }

    /// Ends the connection and all its streams at once. The peer gets the code; `reason` is for people and can be empty.
    pub fn close(&self, code: Code, reason: &[u8]) {
        match self {
            Self::Quic(connection) => connection.close(code.into(), reason),
        }
    }

    /// Waits for the end, and says why.
    pub async fn closed(&self) -> ConnectionError {
        match self {
            Self::Quic(connection) => connection.closed().await.into(),
        }
    }

    /// Why it has ended, if it has.
    pub fn close_reason(&self) -> Option<ConnectionError> {
        match self {
            Self::Quic(connection) => connection.close_reason().map(ConnectionError::from),
        }
    }

    /// Where the peer is now. Only for the log at debug level, and for counting per network.
    pub fn remote_address(&self) -> SocketAddr {
        match self {
            Self::Quic(connection) => connection.remote_address(),
        }
    }

    /// The end-entity certificate whose key the peer has proved to hold; none if it showed none.
    pub fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        match self {
            Self::Quic(connection) => {
                let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
                chain.into_iter().next()
            }
        }
    }

    /// Tells this connection from all others of the process, as long as it lives.
    pub fn stable_id(&self) -> usize {
        match self {
            Self::Quic(connection) => connection.stable_id(),
        }
    }

    /// The current estimate of a round trip to the peer.
    pub fn rtt(&self) -> Duration {
        match self {
            Self::Quic(connection) => connection.rtt(),
        }
    }

    /// A number that grows with every sign of life of the peer, also when that is only an acknowledgement.
    pub fn signs_of_life(&self) -> u64 {
        match self {
            Self::Quic(connection) => connection.stats().udp_rx.datagrams,
        }
    }

    /// The same without the answers to this side's pings, which a peer gives although nothing else moves. A ping that is on
    /// its way makes it smaller by one until it is answered.
    pub fn signs_of_work(&self) -> u64 {
        match self {
            Self::Quic(connection) => {
                let stats = connection.stats();
                stats.udp_rx.datagrams.saturating_sub(stats.frame_tx.ping)
            }
        }
    }

    /// The streams that the peer may have open at a time.
    pub fn set_max_streams(&self, count: u32) {
        match self {
            Self::Quic(connection) => connection.set_max_concurrent_bi_streams(VarInt::from_u32(count)),
        }
    }

    /// The bytes that the peer may send on all streams together before they are read.
    pub fn set_receive_window(&self, bytes: u32) {
        match self {
            Self::Quic(connection) => connection.set_receive_window(VarInt::from_u32(bytes)),
        }
    }

    /// The bytes that may wait for the peer's acknowledgement, over all streams.
    pub fn set_send_window(&self, bytes: u64) {
        match self {
            Self::Quic(connection) => connection.set_send_window(bytes),
        }
    }
}

impl From<quinn::Connection> for Connection {
    fn from(connection: quinn::Connection) -> Self {
        Self::Quic(connection)
    }
}
