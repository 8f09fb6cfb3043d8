//! The seal between a sender and an office: bytes and labels in, bytes out. No I/O, no clock; randomness is an argument.
//!
//! ```text
//! ticket (out of band)          one-time key pair           RFC 9180, mode PSK
//!   secret ──────── psk ───────────────┐                    suite 1: DHKEM(X25519, HKDF-SHA256)
//!   id ──────────── psk_id ────────────┤                    suite 2: X-Wing
//!   SHA-256 of it ─ info ──────────────┤                    both:    HKDF-SHA256, ChaCha20-Poly1305
//!   one-time key ── pkR ── Encap ──────┤
//!                            │         ▼
//!                           enc     HPKE context
//!                            │         ├─ Export ── commitment (32 bytes, in the hello, compared first)
//!                            │         ├─ Seal, sequence number 0 ── intro   (its only message)
//!                            │         ├─ Export ── segment key ── STREAM: segments 0, 1, 2 … and the final
//!                            │         │            (the office keeps it, wrapped, to read what it stored)
//!                            │         └─ Export ── reply secret
//!                            │                        └─ HKDF(salt of the stream) ── reply key ── replies 0, 1, 2 …
//!                            ▼
//! identity (in the final) = Ed25519(member | ticket hash | SHA-256(enc) | content hash)
//! receipt  (in a reply)   = Ed25519(office | ticket id | kind | sender | length | content hash | time)
//! ```
//!
//! What is not here on purpose: route tokens' MACs (`schleuse-admission`, so that outer proxies need not link this
//! crate), who may do what (`schleuse-directory`), when frames go where (`schleuse-protocol`, whose traits
//! [`Sender`] and [`Office`] implement).
//!
//! Read next: [`label`], then `hpke_suite.rs`, [`sender`] and [`office`]; docs/cryptography.md says what all of this
//! does and does not give.

mod hpke_suite;
pub mod identity;
pub mod keys;
pub mod label;
pub mod office;
mod random;
pub mod receipt;
mod reply;
pub mod rest;
pub mod route;
pub mod saved;
mod secret;
mod segment;
pub mod sender;
mod shape;
pub mod stored;
pub mod ticket;
mod ticket_hash;

pub use identity::verify_attestation;
pub use keys::{SigningKey, verify};
pub use label::Label;
pub use office::{Connection, Office, TicketKeys};
pub use random::system_rng;
pub use receipt::{sign_receipt, verify_receipt};
pub use reply::Replies;
pub use rest::{Kek, RecordContext, UnwrapError};
pub use route::RouteSealer;
pub use saved::RestoreError;
pub use secret::StorageKey;
pub use sender::{SealError, Sender};
pub use stored::SegmentOpener;
pub use ticket::{OneTimeSecret, TicketError, VerifiedTicket, sign_ticket, verify_ticket};
pub use ticket_hash::ticket_hash;
