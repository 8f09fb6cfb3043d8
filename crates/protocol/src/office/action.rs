//! What an office's machine asks of its shell, and what it is told.

use alloc::string::String;
use alloc::vec::Vec;

use crate::channel::OfficeSeal;
use crate::time::UnixSeconds;
use crate::wire::hello::{ContentHash, Intro, Language, Trailer};
use crate::wire::name::{MemberId, PayloadKind};
use crate::wire::proof::Attestation;
use crate::wire::receipt::Receipt;
use crate::wire::refusal::StreamRefusal;
use crate::wire::reply::Reason;
use crate::wire::ticket::{Ticket, TicketBody, TicketId};
use crate::wire::token::RouteNonce;

/// A ticket that the store has, with its one-time keys.
pub struct Found<K> {
    /// As it was issued.
    pub ticket: Ticket,
    /// Its private half.
    pub keys: K,
}

/// What the store knows of a ticket.
#[expect(clippy::large_enum_variant, reason = "one at a time per stream: a box would cost more than the move")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TicketState {
    /// Nothing came yet.
    Open,
    /// A running stream with a higher attempt than was claimed has the lease and keeps it. (Its attempt may not be in the
    /// store yet.)
    Running {
        /// Its number.
        attempt: u64,
        /// Its hello.
        digest: [u8; 32],
    },
    /// A stream with a higher attempt than was claimed does not know yet whether the ticket is complete: it waits for the
    /// lease, until the writes of an older stream are answered, or for the ticket's state.
    Undecided {
        /// The hello of that stream.
        digest: [u8; 32],
    },
    /// An attempt began.
    Unfinished {
        /// Its number.
        attempt: u64,
        /// Its hello.
        digest: [u8; 32],
        /// First position that is not durable.
        next: u32,
    },
    /// A submission is complete and its receipt durable.
    Complete {
        /// The hello with which it came.
        digest: [u8; 32],
        /// The attempt with which it came.
        attempt: u64,
        /// Who signed it.
        sender: Option<MemberId>,
        /// SHA-256 of it.
        content_hash: ContentHash,
        /// The receipt, as it was sent.
        receipt: Receipt,
    },
    /// The office withdrew the ticket or deleted its submission.
    Revoked,
}

/// What the shell is to do, in this order.
#[expect(clippy::large_enum_variant, reason = "one at a time per stream: a box would cost more than the move")]
pub enum OfficeAction<S: OfficeSeal> {
    /// Find the ticket of this token; answer with `handle_ticket`.
    LookUp {
        /// The token's nonce.
        nonce: RouteNonce,
    },
    /// The hello is authentic: take the ticket's exclusive lease, read its state, answer with `handle_claimed`.
    ///
    /// A stream that holds the lease with a higher attempt keeps it (answer [`TicketState::Running`]), and so does one that
    /// does not know the ticket's state yet (answer [`TicketState::Undecided`]). Any other is told `handle_superseded`, and its
    /// queued writes are done or discarded before the state is read. If that is [`TicketState::Complete`], the lease is given
    /// back before the answer.
    Claim {
        /// Which ticket.
        ticket: TicketId,
        /// The attempt that the hello declares; 0 if it will not be admitted, so that it takes the lease from nobody.
        attempt: u64,
        /// SHA-256 of the hello.
        digest: [u8; 32],
    },
    /// Note a new attempt durably, in the queue before its segments; delete those of an earlier one. No answer.
    Begin {
        /// Which ticket.
        ticket: TicketId,
        /// Its number. The store refuses to go back to a lower one.
        attempt: u64,
        /// Its hello.
        digest: [u8; 32],
        /// What it will be.
        kind: PayloadKind,
        /// Who is said to sign it.
        sender: Option<MemberId>,
        /// What opens its segments. To be wrapped before it is stored.
        storage_key: S::StorageKey,
        /// The sender's language.
        language: Language,
    },
    /// Read a stored segment; answer with `handle_read_back`.
    ReadBack {
        /// Which ticket.
        ticket: TicketId,
        /// Which segment.
        position: u32,
    },
    /// Store a verified segment, in the queue after `Begin`; tell `handle_stored` once durable.
    Store {
        /// Which ticket.
        ticket: TicketId,
        /// Which attempt: the store refuses all but the current one.
        attempt: u64,
        /// Which segment.
        position: u32,
        /// As it came.
        ciphertext: Vec<u8>,
        /// Bytes of data in it.
        data_len: u32,
    },
    /// Complete the submission with its receipt, in the queue after all segments; answer with `handle_finished`.
    Finish {
        /// Which ticket.
        ticket: TicketId,
        /// Which attempt: the store refuses all but the current one.
        attempt: u64,
        /// Position of the final frame.
        position: u32,
        /// The final frame's ciphertext, as it came.
        ciphertext: Vec<u8>,
        /// What it says.
        trailer: Trailer,
        /// What proves to anybody who sent it, if it is signed; verified. To be stored with the receipt.
        attestation: Option<Attestation>,
        /// To be stored in the same transaction, and sent only when that is durable.
        receipt: Receipt,
    },
    /// The attempt was refused for good: delete its segments, its key and its digest at once, and keep its number, so that
    /// no older attempt is completed later ([`TicketState::Unfinished`] with a digest of zeros). No answer.
    Discard {
        /// Which ticket.
        ticket: TicketId,
        /// Which attempt: nothing happens if it is not the current one.
        attempt: u64,
    },
    /// Write these bytes to the stream.
    Send(Vec<u8>),
    /// End our side of the stream (FIN) and stop the other with [`STOP_ENOUGH`](crate::wire::refusal::STOP_ENOUGH).
    FinishStream,
    /// Reset and stop both sides with this code.
    Reset(StreamRefusal),
}

impl<S: OfficeSeal> OfficeAction<S> {
    /// Whether it is still to be done when the stream is lost.
    pub(super) fn outlives_stream(&self) -> bool {
        matches!(self, Self::Begin { .. } | Self::Store { .. } | Self::Finish { .. } | Self::Discard { .. })
    }
}

/// What an office decides by its directory and configuration.
pub trait OfficePolicy {
    /// Whether this submission is welcome (payload kind, sender's permission, announced length), and how many bytes its
    /// content may have. The machine itself checks what the ticket says.
    fn admit(&self, ticket: &TicketBody, intro: &Intro, now: UnixSeconds) -> Result<u64, Reason>;

    /// The public signing key of a member, Ed25519.
    fn signing_key(&self, member: &MemberId) -> Option<[u8; 32]>;

    /// A text for a person. Cut to [`MAX_REFUSAL_TEXT`](crate::wire::reply::MAX_REFUSAL_TEXT) bytes.
    fn refusal_text(&self, reason: Reason, language: Language) -> String;
}

impl<P: OfficePolicy + ?Sized> OfficePolicy for &P {
    fn admit(&self, ticket: &TicketBody, intro: &Intro, now: UnixSeconds) -> Result<u64, Reason> {
        (**self).admit(ticket, intro, now)
    }

    fn signing_key(&self, member: &MemberId) -> Option<[u8; 32]> {
        (**self).signing_key(member)
    }

    fn refusal_text(&self, reason: Reason, language: Language) -> String {
        (**self).refusal_text(reason, language)
    }
}

impl<P: OfficePolicy + ?Sized> OfficePolicy for alloc::sync::Arc<P> {
    fn admit(&self, ticket: &TicketBody, intro: &Intro, now: UnixSeconds) -> Result<u64, Reason> {
        (**self).admit(ticket, intro, now)
    }

    fn signing_key(&self, member: &MemberId) -> Option<[u8; 32]> {
        (**self).signing_key(member)
    }

    fn refusal_text(&self, reason: Reason, language: Language) -> String {
        (**self).refusal_text(reason, language)
    }
}
