//! Plain quinn, with quinn's own defaults but for the number of streams, and the TLS that every hop of the network has.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig, TransportConfig};
use schleuse_transport::tls::{self, Identity, Peers, Roots};

/// The name in the certificate.
pub(crate) const NAME: &str = "naive";

/// More streams than are ever in flight. Holding idle connections, quinn's own default counts.
const STREAMS: u32 = 1024;

/// A server on a free port.
pub(super) fn server(keys: &Path, many_streams: bool) -> Result<Endpoint> {
    let identity = Identity::load(&keys.join("cert.pem"), &keys.join("tls.key"))?;
    let mut config =
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::from(tls::server(&identity, &Peers::Anonymous)?)));
    if many_streams {
        let mut transport = TransportConfig::default();
        transport.max_concurrent_bidi_streams(STREAMS.into());
        config.transport_config(Arc::new(transport));
    }
    Ok(Endpoint::server(config, loopback())?)
}

/// A client from a free port.
pub(super) fn client(keys: &Path) -> Result<Endpoint> {
    let roots = Roots::load(&keys.join("ca.pem"))?;
    let mut endpoint = Endpoint::client(loopback())?;
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::from(tls::sender(&roots)?)));
    let mut transport = TransportConfig::default();
    // Idle connections stay, as the network's do.
    transport.keep_alive_interval(schleuse_transport::endpoint::Limits::LINK.keep_alive);
    config.transport_config(Arc::new(transport));
    endpoint.set_default_client_config(config);
    Ok(endpoint)
}

/// A connection to whoever has a certificate for this name.
pub(super) async fn connect(endpoint: &Endpoint, target: SocketAddr, name: &str) -> Result<Connection> {
    Ok(endpoint.connect(target, &tls::server_name(name))?.await?)
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}
