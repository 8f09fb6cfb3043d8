//! The outer proxy between a sender and an inner proxy that the tests play.

mod carry;
mod daemon;
mod flood;
mod links;
mod peers;
mod pki;
mod process;
mod support;
mod whole;
mod windows;
