//! The wire format: one codec, one set of rules.
//!
//! Everything structured is bincode 2 in its `legacy` layout (little-endian, fixed-size integers). A decoder here
//!
//! * never reads or allocates beyond the limit of the type ([`Wire::MAX`]),
//! * must consume exactly the bytes it was given,
//! * must reproduce them when it encodes the value again (one value, one encoding),
//!
//! and wire types have no maps, no floats, no `usize`, no zero-sized elements and no recursion. What is signed is
//! signed and verified as the received bytes, never as a re-encoding.
//!
//! No other module of the workspace uses bincode.

use alloc::vec::Vec;

use bincode::config;
use bincode::{Decode, Encode};
use zeroize::Zeroizing;

pub mod frame;
pub mod hello;
pub mod hop;
pub mod name;
pub mod proof;
pub mod receipt;
pub mod refusal;
pub mod reply;
pub mod signed;
pub mod ticket;
pub mod token;

/// A type with a place on the wire.
pub trait Wire: Encode + Decode<()> + Sized {
    /// The longest encoding that is accepted, in bytes.
    const MAX: usize;

    /// Checks that the type system cannot express. Called after decoding.
    fn validate(&self) -> Result<(), WireError> {
        Ok(())
    }

    /// The one encoding of this value. The codec measures it first, so that it is never copied while it grows: whoever has a
    /// secret in it wipes one buffer.
    fn to_wire(&self) -> Vec<u8> {
        bincode::encode_to_vec(self, config::legacy()).expect("encoding into memory cannot fail")
    }

    /// Decodes a whole encoding strictly (see the module's rules).
    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > Self::MAX {
            return Err(WireError::TooLong);
        }
        let (value, consumed) = decode_limited::<Self>(bytes)?;
        if consumed != bytes.len() {
            return Err(WireError::Trailing);
        }
        // The bytes may hold a ticket's secret.
        if *Zeroizing::new(value.to_wire()) != *bytes {
            return Err(WireError::NotCanonical);
        }
        value.validate()?;
        Ok(value)
    }
}

/// bincode's byte limit is a constant of its configuration; one generous constant bounds what a claimed length may
/// allocate, the exact limit of the type was checked against the input's length before.
fn decode_limited<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), WireError> {
    const DECODE_LIMIT: usize = 64 * 1024;
    bincode::decode_from_slice(bytes, config::legacy().with_limit::<DECODE_LIMIT>()).map_err(|_| WireError::Malformed)
}

/// Why bytes were not accepted as a wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Longer than this type may be.
    #[error("encoding is longer than its type allows")]
    TooLong,
    /// Ends early, or contains a value that its type does not have.
    #[error("encoding is truncated or malformed")]
    Malformed,
    /// Bytes are left over.
    #[error("encoding is followed by unexpected bytes")]
    Trailing,
    /// Decodes, but is not the one encoding of its value.
    #[error("encoding is not canonical")]
    NotCanonical,
    /// Decodes, but breaks a rule of its type; the text names the rule.
    #[error("encoding breaks a rule: {0}")]
    Invalid(&'static str),
}
