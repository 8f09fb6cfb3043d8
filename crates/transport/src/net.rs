//! Connections and streams, whatever carries them. QUIC is the only carrier now.
//!
//! This module is the only place that names what is below: a carrier is one more variant of each enum here, and nothing
//! outside this crate imports its library. The names and the meaning of each method are those of QUIC (RFC 9000); a carrier
//! over TCP has to give the same promises: streams that do not block each other beyond their windows, an end, a reset and a
//! stop with a code, a close with a code, and a peer's key.
//!
//! Nothing is copied or allocated between a carrier and its user: chunks are reference-counted slices.

mod code;
mod connection;
mod endpoint;
mod error;
mod stream;

pub use code::{Code, CodeTooLarge};
pub use connection::Connection;
pub use endpoint::{ClientConfig, Connecting, Endpoint, Incoming, ServerConfig};
pub use error::{ClosedStream, ConnectError, ConnectionError, ReadError, ReadExactError, ReadToEndError, WriteError};
pub use stream::{RecvStream, SendStream, Written};
