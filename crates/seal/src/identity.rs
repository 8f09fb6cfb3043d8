//! The sender's signature over a content: inside the seal, so that only the office learns who vouches; and, with a receipt,
//! what proves to anybody later who sent the content ([`verify_attestation`]).
//!
//! It binds the member's name, the office, the ticket, the encapsulated key, the kind and the content: it fits no other
//! ticket, no other attempt, no other content, no content that is said to be something else, and no other member that
//! registers the same key.

use schleuse_protocol::wire::hello::{ContentHash, Identity};
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::ReceiptBody;
use schleuse_protocol::wire::ticket::{Ticket, TicketId};
use sha2::{Digest, Sha256};

use crate::keys::{SigningKey, verify};
use crate::label::Label;
use crate::ticket_hash::ticket_hash;

/// What a signature over a content is bound to, besides kind and content.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    office: MemberId,
    ticket: TicketId,
    ticket_hash: [u8; 32],
    encapsulated_hash: [u8; 32],
}

impl Binding {
    pub(crate) fn new(ticket: &Ticket, enc: &[u8]) -> Self {
        Self {
            office: ticket.body().office,
            ticket: ticket.body().id,
            ticket_hash: ticket_hash(ticket),
            encapsulated_hash: Sha256::digest(enc).into(),
        }
    }

    pub(crate) fn sign(
        &self,
        member: MemberId,
        kind: &PayloadKind,
        content: &ContentHash,
        key: &SigningKey,
    ) -> Identity {
        Identity { member, signature: key.sign(Label::Identity, &self.parts(&member, kind, content)) }
    }

    pub(crate) fn verify(
        &self,
        identity: &Identity,
        kind: &PayloadKind,
        content: &ContentHash,
        key: &[u8; 32],
    ) -> bool {
        verify(key, Label::Identity, &self.parts(&identity.member, kind, content), &identity.signature)
    }

    pub(crate) fn attestation(&self, identity: &Identity) -> Attestation {
        let Self { ticket_hash, encapsulated_hash, .. } = *self;
        Attestation { ticket_hash, encapsulated_hash, signature: identity.signature }
    }

    fn parts<'a>(&'a self, member: &'a MemberId, kind: &'a PayloadKind, content: &'a ContentHash) -> [&'a [u8]; 7] {
        [
            member.as_bytes(),
            self.office.as_bytes(),
            &self.ticket.0,
            &self.ticket_hash,
            &self.encapsulated_hash,
            kind.as_bytes(),
            &content.0,
        ]
    }
}

/// Whether the member that the receipt names as sender signed what the receipt says: this kind and content, for this office,
/// under this ticket. `member_public` is that member's signing key (Ed25519), from a directory of the receipt's time. Of
/// the receipt itself nothing is verified: see [`verify_receipt`](crate::verify_receipt).
pub fn verify_attestation(receipt: &ReceiptBody, attestation: &Attestation, member_public: &[u8; 32]) -> bool {
    let Some(member) = receipt.sender else { return false };
    let binding = Binding {
        office: receipt.office,
        ticket: receipt.ticket,
        ticket_hash: attestation.ticket_hash,
        encapsulated_hash: attestation.encapsulated_hash,
    };
    let identity = Identity { member, signature: attestation.signature };
    binding.verify(&identity, &receipt.kind, &receipt.content_hash, member_public)
}
