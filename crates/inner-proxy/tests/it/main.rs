//! The inner proxy between outer proxies and offices that the tests play.

mod carry;
mod daemon;
mod members;
#[path = "../../../outer-proxy/tests/it/peers.rs"]
mod peers;
#[path = "../../../outer-proxy/tests/it/pki.rs"]
mod pki;
#[path = "../../../outer-proxy/tests/it/process.rs"]
mod process;
mod receivers;
mod seats;
mod support;
mod tokens;
mod whole;
