//! The office's daemon against a stand-in for an inner proxy, over real QUIC, real files and real sockets.

mod api;
mod network;
mod program;
mod sender;
mod start;
mod submit;
mod takeover;
