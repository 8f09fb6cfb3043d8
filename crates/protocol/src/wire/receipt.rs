//! Receipts: the office's proof, which a third party can check, that it holds a content durably.

use bincode::{Decode, Encode};

use super::hello::ContentHash;
use super::name::{MemberId, PayloadKind};
use super::signed::Signed;
use super::ticket::TicketId;
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
pub type Receipt = Signed<ReceiptBody>;

impl core::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Receipt").field(self.body()).finish()
    }
}
