//! The sender's opening of the seal, and the trailer that ends the content.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::name::{MemberId, PayloadKind};
use super::signed::Signature;
use super::ticket::Suite;
use super::{Wire, WireError};
use crate::limits::{INTRO_PLAINTEXT, TAG, TRAILER_PLAINTEXT};

/// The encapsulated key (`enc` of RFC 9180 section 4); its variant must match the ticket's suite.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Encapsulated {
    /// Suite 1, 32 bytes.
    X25519([u8; 32]),
    /// Suite 2, 1,120 bytes.
    XWing(Box<[u8; 1120]>),
}

impl Encapsulated {
    /// The raw `enc`.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::X25519(bytes) => bytes,
            Self::XWing(bytes) => bytes.as_slice(),
        }
    }

    /// The suite to which it belongs.
    pub fn suite(&self) -> Suite {
        match self {
            Self::X25519(_) => Suite::X25519,
            Self::XWing(_) => Suite::XWing,
        }
    }
}

/// First frame of the sealed connection. It names neither the ticket nor the sender.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// HPKE `enc`.
    pub encapsulated: Encapsulated,
    /// Commits to the key schedule: exported from the HPKE context (RFC 9180 section 5.3), because
    /// ChaCha20-Poly1305 alone does not commit to its key.
    pub commitment: [u8; 32],
    /// [`Intro`], padded to [`INTRO_PLAINTEXT`] and sealed as the context's first message.
    pub sealed_intro: [u8; INTRO_PLAINTEXT + TAG],
}

impl Wire for Hello {
    const MAX: usize = 4 + 1120 + 32 + INTRO_PLAINTEXT + TAG;
}

/// Languages for texts to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Language {
    /// German.
    #[default]
    German,
    /// English.
    English,
}

/// What the sender declares inside the seal before the content.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Intro {
    /// Orders the attempts under one ticket: a higher one supersedes an unfinished lower one. A fresh sender takes the
    /// wall clock in microseconds.
    pub attempt: u64,
    /// What the content is.
    pub kind: PayloadKind,
    /// Who will sign the content, if anybody. Proven only by the trailer's [`Identity`].
    pub sender: Option<MemberId>,
    /// Length of the content in bytes, if known beforehand.
    pub length: Option<u64>,
    /// Language for texts in refusals.
    pub language: Language,
}

impl Wire for Intro {
    const MAX: usize = INTRO_PLAINTEXT;
}

/// The sender's signature over the content.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Identity {
    /// The member; must be [`Intro::sender`].
    pub member: MemberId,
    /// Ed25519 over label, member, office, ticket id, ticket hash, hash of `enc`, kind, content hash.
    pub signature: Signature,
}

/// The plaintext of the final segment, padded with zeros to [`TRAILER_PLAINTEXT`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Trailer {
    /// Length of the content in bytes, without padding.
    pub length: u64,
    /// SHA-256 of the content.
    pub content_hash: ContentHash,
    /// Who vouches for it.
    pub identity: Option<Identity>,
}

impl Wire for Trailer {
    const MAX: usize = TRAILER_PLAINTEXT;
}

/// SHA-256 of a whole content, without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct ContentHash(pub [u8; 32]);

hex_debug!(ContentHash);

/// Pads an encoding to a fixed length: `length u16 | encoding | zeros`. Returns `None` if it does not fit.
pub fn pad_fixed<T: Wire>(value: &T, size: usize) -> Option<Vec<u8>> {
    let encoding = value.to_wire();
    let length = u16::try_from(encoding.len()).ok()?;
    if encoding.len() + 2 > size {
        return None;
    }
    let mut padded = Vec::with_capacity(size);
    padded.extend_from_slice(&length.to_le_bytes());
    padded.extend_from_slice(&encoding);
    padded.resize(size, 0);
    Some(padded)
}

/// Reads what [`pad_fixed`] wrote; the padding must be zeros.
pub fn unpad_fixed<T: Wire>(padded: &[u8]) -> Result<T, WireError> {
    let (length, rest) = padded.split_first_chunk::<2>().ok_or(WireError::Malformed)?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (encoding, padding) = rest.split_at_checked(length).ok_or(WireError::Malformed)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(WireError::NotCanonical);
    }
    T::from_wire(encoding)
}
