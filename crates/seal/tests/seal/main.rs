//! Tests of the seal through its public API only, and of the crates below it against published vectors.

mod common;

mod at_rest;
mod connection;
mod golden;
mod machine;
mod malicious_sender;
mod refusal;
mod rfc9180;
mod route;
mod saved;
mod tampering;
mod wycheproof_vectors;
mod xwing;
