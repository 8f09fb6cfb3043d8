//! What the two proxies, the receiver and the client share to reach each other: QUIC, TLS, time, start and stop.
//!
//! **What it is.** The first crate of the workspace that does I/O. It turns files into TLS configurations ([`tls`]),
//! builds endpoints whose limits are safe to face the internet ([`endpoint`]), hides what carries a connection ([`net`]), reads and writes the protocol's frames
//! on streams ([`framed`]), copies one stream to another without holding more than a window ([`relay`]), and carries
//! what every daemon needs around that: the clock, shutdown, runtimes, logs, configuration files and exit codes.
//!
//! **What it leaves out on purpose.** It seals and opens nothing, it knows no party's rules and it stores nothing. It
//! does not decide whom to trust either: TLS proves that a peer holds a key under the network's CA, and
//! [`tls::peer_fingerprint`] tells which key; the caller compares it with the directory. There is no resumption, no
//! 0-RTT and no address-validation token anywhere, because each would link an anonymous sender's connections.
//!
//! **Where to read next.** [`endpoint::Gate`] for what an unknown address may cost us, [`carry`] for
//! the way of a stream through a proxy, [`exit`] for how a daemon ends.

pub mod backoff;
pub mod carry;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod dial;
pub mod endpoint;
pub mod exit;
pub mod framed;
pub mod keep;
pub mod listeners;
pub mod manager;
pub mod net;
pub mod parts;
pub mod pulse;
pub mod relay;
pub mod runtime;
pub mod seats;
pub mod secret;
pub mod shutdown;
pub mod supervise;
pub mod telemetry;
pub mod tls;
pub mod troubles;

#[cfg(test)]
mod testing;
