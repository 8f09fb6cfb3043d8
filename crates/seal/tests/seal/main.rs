//! Tests of the seal through its public API only.

mod common;
mod connection;
