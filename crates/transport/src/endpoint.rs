//! QUIC endpoints with limits that are safe to face the internet.
//!
//! A proxy binds one socket per core ([`bind`]), makes a listening endpoint on each ([`listen`]) and lets connections
//! in through a [`Gate`]. An office or a sender has one endpoint that only dials ([`dial_only`]).

mod cid;
mod driver;
mod gate;
mod keys;
mod limits;
mod post;
mod rate;
mod socket;
mod streams;
mod window;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{EndpointConfig, NoneTokenLog, NoneTokenStore, ValidationTokenConfig};

use crate::net::{ClientConfig, Endpoint, ServerConfig};
use crate::tls::{ClientTls, ServerTls};
use driver::Driver;
use limits::LARGEST_DATAGRAM;

pub use gate::{Gate, GateLimits, Handshake, HandshakeError};
pub use keys::EndpointKeys;
pub use limits::Limits;
pub use rate::{Network, RateLimit, RateLimiter, network};
pub use socket::{BindError, bind};
pub use streams::{StreamBudget, StreamSlot};
pub use window::{ReceiveWindow, WindowBudget};

/// What quinn may hold of connection attempts that the gate has not seen yet. The gate takes them at once, so a few
/// hundred are a burst; what is beyond is refused statelessly.
const MAX_INCOMING: usize = 512;
/// Bytes of further packets kept per attempt: a hybrid ClientHello is two packets.
const INCOMING_BUFFER: u64 = 8 * 1024;
/// The same for all attempts together.
const INCOMING_BUFFER_TOTAL: u64 = 1024 * 1024;

/// The listening configuration; share it between the endpoints of all cores.
pub fn server_config(tls: ServerTls, limits: &Limits) -> ServerConfig {
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls.quic));
    // An address-validation token would link an anonymous sender's connections. (Retry tokens are another thing.)
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0).log(Arc::new(NoneTokenLog));
    config
        .transport_config(Arc::new(limits.transport()))
        .validation_token_config(tokens)
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    config.into()
}

/// The dialling configuration.
pub fn client_config(tls: ClientTls, limits: &Limits) -> ClientConfig {
    let mut config = quinn::ClientConfig::new(Arc::new(tls.quic));
    config.transport_config(Arc::new(limits.transport())).token_store(Arc::new(NoneTokenStore));
    config.into()
}

/// An endpoint that listens and can dial, on a bound socket. Must be called inside a tokio runtime.
///
/// # Errors
/// The socket cannot be registered with the runtime.
pub fn listen(socket: UdpSocket, keys: &EndpointKeys, config: ServerConfig) -> io::Result<Endpoint> {
    let endpoint =
        quinn::Endpoint::new(sized(keys.endpoint_config()), Some(config.quic), socket, driver(keys.place()))?;
    Ok(endpoint.into())
}

/// An endpoint that only dials, from any free port at `local`. Must be called inside a tokio runtime.
///
/// # Errors
/// No socket can be bound at that address.
pub fn dial_only(local: SocketAddr, config: ClientConfig) -> Result<Endpoint, BindError> {
    let mut sockets = bind(local, std::num::NonZeroUsize::MIN)?;
    let socket = sockets.pop().ok_or_else(|| BindError::io(local, io::ErrorKind::NotFound.into()))?;
    let config_of_endpoint = sized(EndpointConfig::default());
    let mut endpoint = quinn::Endpoint::new(config_of_endpoint, None, socket, driver(None))
        .map_err(|error| BindError::io(local, error))?;
    endpoint.set_default_client_config(config.quic);
    Ok(endpoint.into())
}

/// [`dial_only`] from any address: of both families where the machine has both.
///
/// # Errors
/// No socket can be bound at all.
pub fn dial_from_anywhere(config: ClientConfig) -> Result<Endpoint, BindError> {
    let any = |address: IpAddr| dial_only(SocketAddr::new(address, 0), config.clone());
    any(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| any(Ipv4Addr::UNSPECIFIED.into()))
}

fn driver(place: Option<post::Place>) -> Arc<Driver> {
    Arc::new(Driver { place })
}

/// Every endpoint takes the datagrams of a link.
fn sized(mut config: EndpointConfig) -> EndpointConfig {
    config.max_udp_payload_size(LARGEST_DATAGRAM).expect("more than the least that QUIC asks for");
    config
}

#[cfg(test)]
mod tests;
