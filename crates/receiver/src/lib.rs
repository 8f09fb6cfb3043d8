//! The office's daemon: it mints tickets, receives what is sent with them, keeps it durably and sealed, and hands it to
//! the staff.
//!
//! **What it is.** [`Receiver::start`] dials every configured inner proxy and keeps the connections; nothing listens
//! for strangers. Streams of senders come in over them; `link::stream` drives the protocol's office machine against the
//! [`store`], whose one writer commits for all streams together, and a receipt is sent only for what is fsynced. What
//! is stored is the verified ciphertext as it came; its key is wrapped by a key-encryption key from a file or systemd
//! credential, so that deleting a key deletes the content. The staff reaches it through the local [`api`] or the
//! command line in the same binary.
//!
//! **What it leaves out on purpose.** It never changes, cleans or refuses a content for what is in it: it looks into it
//! afterwards and flags. It holds no plaintext on disk, and in memory one segment of it at a time, except while it
//! looks. It listens on no port that another machine can reach.
//!
//! **Where to read next.** [`store`] for what is durable when, `link/stream.rs` for the life of one stream,
//! [`mint`] for how a ticket comes to be.

mod core;
mod receiver;

pub mod config;
mod keys;
mod leases;
mod link;
mod members;
pub mod mint;
mod policy;
mod room;
mod routes;

pub mod content;
pub mod findings;
pub mod inbox;
pub mod store;
mod upkeep;

pub mod api;
pub mod cli;
mod crash;
pub mod texts;

pub use config::Config;
pub use keys::{CREDENTIAL, DamagedRecord, create_key_file};
pub use mint::{MAX_COUNT, MintError, MintRequest};
pub use policy::{SenderRule, SenderRuleError};
pub use receiver::{Handle, Receiver, check, check_secrets};
pub use routes::LinkStatus;
