//! What the office answers inside the seal.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::receipt::Receipt;
use super::{Wire, WireError};
use crate::limits::REPLY_PLAINTEXT;

/// Longest text in a refusal, in bytes of UTF-8.
pub const MAX_REFUSAL_TEXT: usize = 200;

/// One sealed message from office to sender; padded to [`REPLY_PLAINTEXT`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reply {
    /// The hello was accepted; segments before this position are stored already.
    Accepted {
        /// Position of the first segment that is wanted.
        next: u32,
    },
    /// Segments before this position are durable.
    Progress {
        /// Position of the first segment that is not.
        stored: u32,
    },
    /// The whole content is durable: a [`Receipt`]'s bytes.
    Receipt(Vec<u8>),
    /// The office does not accept the submission.
    Refusal(Refusal),
}

impl Wire for Reply {
    const MAX: usize = REPLY_PLAINTEXT - 2;

    fn validate(&self) -> Result<(), WireError> {
        match self {
            Self::Receipt(bytes) => Receipt::from_bytes(bytes.clone()).map(|_| ()),
            Self::Refusal(refusal) if refusal.text.len() > MAX_REFUSAL_TEXT => {
                Err(WireError::Invalid("a refusal's text is too long"))
            }
            _ => Ok(()),
        }
    }
}

/// Why an office does not accept, told only inside the seal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// For programs.
    pub reason: Reason,
    /// For people, in the language of the intro.
    pub text: String,
}

/// Reasons on which a program can act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reason {
    /// The ticket is not valid yet; from this second on it is.
    NotYetValid(u64),
    /// The ticket has ended.
    Expired,
    /// The ticket was used for another content.
    AlreadyUsed,
    /// The office revoked the ticket, or its submission was deleted.
    Revoked,
    /// A hello with this attempt number or a higher one was seen; a higher one than this is needed.
    Superseded(u64),
    /// The ticket or the office does not take this payload kind.
    WrongKind,
    /// The office takes this only from members that sign, or from another member.
    SenderRequired,
    /// The directory does not permit this member to send this to the office.
    NotPermitted,
    /// The signature of the content does not verify.
    BadIdentity,
    /// Longer than the office accepts, in bytes.
    TooLarge(u64),
    /// The sealed content breaks the protocol.
    Malformed,
    /// The office cannot store just now: try again later with identical bytes.
    TryLater,
}

impl Reason {
    /// Whether the same submission under the same ticket can succeed later.
    pub fn may_retry(self) -> bool {
        matches!(self, Self::NotYetValid(_) | Self::Superseded(_) | Self::TryLater)
    }
}
