//! What stands for a whole ticket in whatever is bound to it.

use schleuse_protocol::wire::ticket::Ticket;
use sha2::{Digest, Sha256};

/// SHA-256 of the whole ticket: binds a connection and a sender's signature to it.
pub fn ticket_hash(ticket: &Ticket) -> [u8; 32] {
    Sha256::digest(ticket.as_bytes()).into()
}
