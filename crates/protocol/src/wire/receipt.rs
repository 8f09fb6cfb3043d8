//! Receipts: the office's proof, which a third party can check, that it holds a content durably.

use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::hello::ContentHash;
use super::label::{MemberId, PayloadKind};
use super::ticket::{Signature, TicketId};
use super::{Wire, WireError};
use crate::limits::VERSION;
use crate::time::UnixSeconds;

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReceiptBody {
    /// [`VERSION`].
    pub version: u8,
    /// The office that stored the content.
    pub office: MemberId,
    /// The ticket under which it came.
    pub ticket: TicketId,
    /// What the content was declared to be.
    pub kind: PayloadKind,
    /// The member that signed the content, if one did.
    pub sender: Option<MemberId>,
    /// Length of the content in bytes.
    pub length: u64,
    /// SHA-256 of the content.
    pub content_hash: ContentHash,
    /// When it was stored.
    pub stored_at: UnixSeconds,
}

impl Wire for ReceiptBody {
    const MAX: usize = 256;

    fn validate(&self) -> Result<(), WireError> {
        if self.version == VERSION { Ok(()) } else { Err(WireError::Invalid("unknown version of a receipt")) }
    }
}

/// A receipt: body and Ed25519 signature by the office's signing key over label and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    bytes: Vec<u8>,
    body: ReceiptBody,
}

impl Receipt {
    /// Longest receipt in bytes.
    pub const MAX: usize = ReceiptBody::MAX + 64;

    /// Reads a receipt; its signature is not yet verified.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, WireError> {
        let body_len = bytes.len().checked_sub(64).ok_or(WireError::Malformed)?;
        let body = ReceiptBody::from_wire(&bytes[..body_len])?;
        Ok(Self { bytes, body })
    }

    /// Puts a body and the signature over its encoding together.
    pub fn assemble(body: ReceiptBody, signature: &Signature) -> Self {
        let mut bytes = body.to_wire();
        bytes.extend_from_slice(&signature.0);
        Self { bytes, body }
    }

    /// What it says.
    pub fn body(&self) -> &ReceiptBody {
        &self.body
    }

    /// The binary form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes that the signature covers (after the label).
    pub fn signed_bytes(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - 64]
    }

    /// The signature.
    pub fn signature(&self) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(&self.bytes[self.bytes.len() - 64..]);
        Signature(signature)
    }
}
