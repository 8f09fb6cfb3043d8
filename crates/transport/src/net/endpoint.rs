//! Where connections are dialled from and where they come in.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Code, ConnectError, Connection, ConnectionError};

/// How connections are dialled; made by [`client_config`](crate::endpoint::client_config).
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(crate) quic: quinn::ClientConfig,
}

impl From<quinn::ClientConfig> for ClientConfig {
    fn from(quic: quinn::ClientConfig) -> Self {
        Self { quic }
    }
}

/// How connections are accepted; made by [`server_config`](crate::endpoint::server_config).
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(crate) quic: quinn::ServerConfig,
}

impl From<quinn::ServerConfig> for ServerConfig {
    fn from(quic: quinn::ServerConfig) -> Self {
        Self { quic }
    }
}

/// A socket with its connections. Clones are handles of the same.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// QUIC over one UDP socket.
    Quic(quinn::Endpoint),
}

impl Endpoint {
    /// Begins to dial. `name` must be in the certificate of whoever answers.
    ///
    /// # Errors
    /// It cannot even begin: the endpoint is closed, or the address is not one for its socket.
    pub fn connect(&self, address: SocketAddr, name: &str) -> Result<Connecting, ConnectError> {
        match self {
            Self::Quic(endpoint) => Ok(Connecting::Quic(endpoint.connect(address, name)?)),
        }
    }

    /// [`connect`](Self::connect) with another configuration than the endpoint's own.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(
        &self,
        config: ClientConfig,
        address: SocketAddr,
        name: &str,
    ) -> Result<Connecting, ConnectError> {
        match self {
            Self::Quic(endpoint) => Ok(Connecting::Quic(endpoint.connect_with(config.quic, address, name)?)),
        }
    }

    /// The next attempt of a peer to connect; none once the endpoint is closed or its socket is gone. Cancel-safe.
    pub async fn accept(&self) -> Option<Incoming> {
        match self {
            Self::Quic(endpoint) => Some(Incoming::Quic(endpoint.accept().await?)),
        }
    }

    /// From now on new connections are accepted with this configuration.
    pub fn set_server_config(&self, config: ServerConfig) {
        match self {
            Self::Quic(endpoint) => endpoint.set_server_config(Some(config.quic)),
        }
    }

    /// From now on this handle, and those that are cloned from it, dial with this configuration.
    pub fn set_default_client_config(&mut self, config: ClientConfig) {
        match self {
            Self::Quic(endpoint) => endpoint.set_default_client_config(config.quic),
        }
    }

    /// Moves all connections to another socket, from which the peers will see them come.
    ///
    /// # Errors
    /// The socket cannot be registered with the runtime.
    pub fn rebind(&self, socket: UdpSocket) -> io::Result<()> {
        match self {
            Self::Quic(endpoint) => endpoint.rebind(socket),
        }
    }

    /// The address of its socket.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Quic(endpoint) => endpoint.local_addr(),
        }
    }

    /// Connections, also those whose handshake is running.
    pub fn open_connections(&self) -> usize {
        match self {
            Self::Quic(endpoint) => endpoint.open_connections(),
        }
    }

    /// Closes all connections with this code and takes no more.
    pub fn close(&self, code: Code, reason: &[u8]) {
        match self {
            Self::Quic(endpoint) => endpoint.close(code.into(), reason),
        }
    }

    /// Waits until the peers of all closed connections were told.
    pub async fn wait_idle(&self) {
        match self {
            Self::Quic(endpoint) => endpoint.wait_idle().await,
        }
    }
}

impl From<quinn::Endpoint> for Endpoint {
    fn from(endpoint: quinn::Endpoint) -> Self {
        Self::Quic(endpoint)
    }
}

/// A peer that wants to connect. Nothing was computed for it yet. Dropping it refuses it.
#[derive(Debug)]
pub enum Incoming {
    /// The first packet of a QUIC connection.
    Quic(quinn::Incoming),
}

impl Incoming {
    /// Begins the handshake.
    ///
    /// # Errors
    /// The attempt is broken.
    pub fn accept(self) -> Result<Connecting, ConnectionError> {
        match self {
            Self::Quic(incoming) => Ok(Connecting::Quic(incoming.accept()?)),
        }
    }

    /// Tells the peer that it is not taken.
    pub fn refuse(self) {
        match self {
            Self::Quic(incoming) => incoming.refuse(),
        }
    }

    /// Asks the peer to prove its address and to come again, and forgets it. Does nothing if it has.
    pub fn retry(self) {
        match self {
            // Fails only for a validated address.
            Self::Quic(incoming) => drop(incoming.retry()),
        }
    }

    /// Forgets it without an answer.
    pub fn ignore(self) {
        match self {
            Self::Quic(incoming) => incoming.ignore(),
        }
    }

    /// Where it seems to come from.
    pub fn remote_address(&self) -> SocketAddr {
        match self {
            Self::Quic(incoming) => incoming.remote_address(),
        }
    }

    /// Whether it has proved that it is there.
    pub fn remote_address_validated(&self) -> bool {
        match self {
            Self::Quic(incoming) => incoming.remote_address_validated(),
        }
    }
}

impl IntoFuture for Incoming {
    type Output = Result<Connection, ConnectionError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.accept()?.await })
    }
}

/// A handshake that runs. Dropping it gives the connection up.
#[derive(Debug)]
pub enum Connecting {
    /// Of a QUIC connection.
    Quic(quinn::Connecting),
}

impl Connecting {
    /// Where the peer seems to be.
    pub fn remote_address(&self) -> SocketAddr {
        match self {
            Self::Quic(connecting) => connecting.remote_address(),
        }
    }
}

impl Future for Connecting {
    type Output = Result<Connection, ConnectionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Quic(connecting) => Pin::new(connecting).poll(cx).map(|done| Ok(done?.into())),
        }
    }
}
