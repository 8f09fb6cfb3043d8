//! The sender's signature over a content: inside the seal, so that only the office learns who vouches.
//!
//! It binds the member's name, the ticket, the encapsulated key and the content: it fits no other ticket, no other
//! attempt, no other content, and no other member that registers the same key.

use schleuse_protocol::wire::hello::{ContentHash, Identity};
use schleuse_protocol::wire::name::MemberId;
use sha2::{Digest, Sha256};

use crate::keys::{SigningKey, verify};
use crate::label::Label;

/// What a signature over a content is bound to, besides the content.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    ticket_hash: [u8; 32],
    enc_hash: [u8; 32],
}

impl Binding {
    pub(crate) fn new(ticket_hash: [u8; 32], enc: &[u8]) -> Self {
        Self { ticket_hash, enc_hash: Sha256::digest(enc).into() }
    }

    pub(crate) fn sign(&self, member: MemberId, content: &ContentHash, key: &SigningKey) -> Identity {
        Identity { member, signature: key.sign(Label::Identity, &self.parts(&member, content)) }
    }

    pub(crate) fn verify(&self, identity: &Identity, content: &ContentHash, key: &[u8; 32]) -> bool {
        verify(key, Label::Identity, &self.parts(&identity.member, content), &identity.signature)
    }

    fn parts<'a>(&'a self, member: &'a MemberId, content: &'a ContentHash) -> [&'a [u8]; 4] {
        [member.as_bytes(), &self.ticket_hash, &self.enc_hash, &content.0]
    }
}
