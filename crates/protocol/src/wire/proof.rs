//! What proves to anybody, later and without the sealed connection, that a member sent a content (protocol.md 6.8).

use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::receipt::Receipt;
use super::signed::Signature;
use super::{Wire, WireError};
use crate::limits::VERSION;

/// A sender's signature over a content (the trailer's [`Identity`](super::hello::Identity)), with all that it covers and a
/// receipt does not say. An office keeps it beside the receipt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Attestation {
    /// SHA-256 of the whole ticket.
    pub ticket_hash: [u8; 32],
    /// SHA-256 of the hello's `enc`.
    pub encapsulated_hash: [u8; 32],
    /// Ed25519 by the member that the receipt names.
    pub signature: Signature,
}

impl Wire for Attestation {
    const MAX: usize = 128;
}

/// A proof as a file: the receipt of a signed content, and the sender's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ProofBody {
    /// [`VERSION`].
    pub version: u8,
    /// A whole [`Receipt`] with its signature.
    pub receipt: Vec<u8>,
    /// The signature of the receipt's sender.
    pub attestation: Attestation,
}

impl Wire for ProofBody {
    const MAX: usize = 1 + 8 + Receipt::MAX + Attestation::MAX;

    fn validate(&self) -> Result<(), WireError> {
        match self.version {
            VERSION => Ok(()),
            _ => Err(WireError::Invalid("unknown version of a proof")),
        }
    }
}

/// A well-formed proof, whose signatures are not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What the office says.
    pub receipt: Receipt,
    /// What its sender says.
    pub attestation: Attestation,
}

impl Proof {
    /// Reads the file.
    ///
    /// # Errors
    /// It is no proof of this version, or its receipt is of an unsigned content.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let ProofBody { receipt, attestation, .. } = ProofBody::from_wire(bytes)?;
        let receipt = Receipt::from_bytes(receipt)?;
        match receipt.body().sender {
            Some(_) => Ok(Self { receipt, attestation }),
            None => Err(WireError::Invalid("the receipt of a proof names who signed the content")),
        }
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (receipt, attestation) = (self.receipt.as_bytes().to_vec(), self.attestation.clone());
        ProofBody { version: VERSION, receipt, attestation }.to_wire()
    }
}
