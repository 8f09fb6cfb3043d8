//! What an office has signed: the encoding of a body, followed by an Ed25519 signature over a label and that encoding.
//!
//! The received bytes are kept: signatures, and the HPKE `info` of a ticket, are over them.

use alloc::vec::Vec;

use bincode::{Decode, Encode};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{Wire, WireError};

/// An Ed25519 signature, RFC 8032.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

hex_debug!(Signature);

/// A body and its signature as received: well-formed, the signature not yet verified (that needs `schleuse-seal`). A ticket's
/// bytes hold its secret, so they are wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed<B> {
    bytes: Zeroizing<Vec<u8>>,
    body: B,
}

impl<B: Wire> Signed<B> {
    /// Longest binary form in bytes.
    pub const MAX: usize = B::MAX + 64;

    /// Reads the binary form.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, WireError> {
        // Wiped also if they are refused.
        let bytes = Zeroizing::new(bytes);
        let body_len = bytes.len().checked_sub(64).ok_or(WireError::Malformed)?;
        let body = B::from_wire(&bytes[..body_len])?;
        Ok(Self { bytes, body })
    }

    /// Puts a body and the signature over its encoding together.
    pub fn assemble(body: B, signature: &Signature) -> Self {
        let encoding = Zeroizing::new(body.to_wire());
        let mut bytes = Zeroizing::new(Vec::with_capacity(encoding.len() + signature.0.len()));
        bytes.extend_from_slice(&encoding);
        bytes.extend_from_slice(&signature.0);
        Self { bytes, body }
    }
}

impl<B> Signed<B> {
    /// What it says.
    pub fn body(&self) -> &B {
        &self.body
    }

    /// The whole binary form.
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

impl<B: ZeroizeOnDrop> ZeroizeOnDrop for Signed<B> {}
