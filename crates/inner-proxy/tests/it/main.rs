//! The inner proxy between outer proxies and offices that the tests play.

mod carry;
mod daemon;
mod members;
#[path = "../../../outer-proxy/tests/it/pki.rs"]
mod pki;
mod support;
mod tokens;
