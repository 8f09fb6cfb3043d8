//! What goes into the store and what comes out. Sealed columns are opaque here: the vault wraps and unwraps them.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;

pub use super::ids::UploadId;

/// A minted ticket on its way into the store.
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Random name; also the name of the submission that comes with it.
    pub id: TicketId,
    /// The whole ticket, wrapped.
    pub ticket_sealed: Vec<u8>,
    /// The one-time private key, wrapped.
    pub key_sealed: Vec<u8>,
    /// The office's own reference, wrapped.
    pub reference_sealed: Option<Vec<u8>>,
    /// Last second of validity.
    pub not_after: UnixSeconds,
    /// When it was made.
    pub minted_at: UnixSeconds,
    /// Longest content in bytes.
    pub max_bytes: u64,
    /// Who may send, as text (see `policy::SenderRule`).
    pub sender_rule: String,
    /// The token that leads to it, per inner proxy.
    pub routes: Vec<(RouteNonce, MemberId)>,
}

/// A ticket that can still be used, as found by a route token's nonce.
#[derive(Clone, Debug)]
pub struct LiveTicket {
    /// Its name.
    pub id: TicketId,
    /// The whole ticket, wrapped.
    pub ticket_sealed: Vec<u8>,
    /// The one-time private key, wrapped.
    pub key_sealed: Vec<u8>,
    /// Longest content in bytes.
    pub max_bytes: u64,
    /// Who may send.
    pub sender_rule: String,
    /// Whether nothing of it was ever stored.
    pub is_untouched: bool,
}

/// Which attempt of which ticket a command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The ticket.
    pub ticket: TicketId,
    /// Attempt number of the hello.
    pub number: u64,
    /// SHA-256 of the hello.
    pub digest: [u8; 32],
}

/// An upload that begins.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Which attempt.
    pub attempt: Attempt,
    /// The key of the segments, wrapped.
    pub key_sealed: Vec<u8>,
}

/// A verified segment.
#[derive(Clone, Debug)]
pub struct NewSegment {
    /// Of which attempt.
    pub attempt: Attempt,
    /// Which one.
    pub position: u32,
    /// As it came.
    pub ciphertext: Vec<u8>,
    /// Bytes of content in it.
    pub data_len: u32,
}

/// The end of an upload.
#[derive(Clone, Debug)]
pub struct Completion {
    /// Of which attempt.
    pub attempt: Attempt,
    /// Position of the final segment.
    pub position: u32,
    /// The final segment as it came.
    pub ciphertext: Vec<u8>,
    /// What was promised for it; its body repeats hash, length, sender and time.
    pub receipt: Receipt,
    /// What its sender signed, if one did.
    pub attestation: Option<Box<Attestation>>,
}

/// What was found in a submission.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Which.
    pub id: TicketId,
    /// JSON without anything out of the content.
    pub summary: String,
}

/// How far a ticket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing of it was ever stored.
    Open,
    /// The last attempt was refused for good; only a higher one may begin.
    Discarded {
        /// Its number.
        attempt: u64,
    },
    /// An upload was begun.
    Unfinished {
        /// Its attempt number.
        attempt: u64,
        /// Its hello.
        digest: [u8; 32],
        /// First position that is not stored.
        next: u32,
    },
    /// It is done.
    Complete {
        /// The attempt that completed it.
        attempt: u64,
        /// Its hello.
        digest: [u8; 32],
        /// What was sent for it.
        receipt: Receipt,
    },
    /// The ticket has ended, or its submission was deleted.
    Gone,
}

/// One line of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    /// Name of the submission: the ticket's.
    pub id: TicketId,
    /// Declared kind.
    pub kind: PayloadKind,
    /// Who signed the content, if anybody.
    pub sender: Option<MemberId>,
    /// Bytes of content.
    pub length: u64,
    /// SHA-256 of the content.
    pub content_hash: ContentHash,
    /// When it was complete.
    pub stored_at: UnixSeconds,
    /// The receipt that was sent.
    pub receipt: Receipt,
    /// The office's reference for the ticket, wrapped.
    pub reference_sealed: Option<Vec<u8>>,
    /// What was found in it, as JSON; `None` until somebody looked.
    pub summary: Option<String>,
}

/// Where a page of the inbox ended; the next page begins behind it. Newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Time of the last line.
    pub stored_at: UnixSeconds,
    /// Its id.
    pub id: TicketId,
}

/// What is needed to read a stored content.
#[derive(Clone, Debug)]
pub struct StoredContent {
    /// Names the segments.
    pub upload: UploadId,
    /// The key of the segments, wrapped.
    pub key_sealed: Vec<u8>,
    /// Number of data segments.
    pub segments: u32,
    /// Bytes of content.
    pub length: u64,
    /// Declared kind.
    pub kind: PayloadKind,
}

/// A complete submission into which nobody has looked.
#[derive(Clone, Debug)]
pub struct Unread {
    /// Its name.
    pub id: TicketId,
    /// How to read it.
    pub content: StoredContent,
    /// All data segments of a small content; of a larger one none.
    pub segments: Vec<StoredSegment>,
    /// The ticket, wrapped, unless it has ended.
    pub ticket_sealed: Option<Vec<u8>>,
}

/// One stored segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSegment {
    /// As it came.
    pub ciphertext: Vec<u8>,
    /// Bytes of content in it.
    pub data_len: u32,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Tickets that can be used and were not.
    pub open_tickets: u64,
    /// Uploads that were begun and not ended.
    pub incoming: u64,
    /// Submissions in the inbox.
    pub submissions: u64,
    /// Uploads whose key is gone and whose segments are not yet cleared away.
    pub garbage: u64,
}
