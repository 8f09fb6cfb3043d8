//! The codes of resets, stops and closes.

use std::fmt;

use quinn::VarInt;

/// Why a stream or a connection was ended, as a number below 2^62 (RFC 9000, 16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u64);

/// The number is 2^62 or above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no code: codes are below 2^62")]
pub struct CodeTooLarge(u64);

impl Code {
    /// Nothing is wrong.
    pub const NONE: Self = Self(0);

    /// Any number of 32 bits is a code.
    pub const fn from_u32(code: u32) -> Self {
        Self(code as u64)
    }

    /// The code of this number.
    ///
    /// # Errors
    /// It is 2^62 or above.
    pub const fn from_u64(code: u64) -> Result<Self, CodeTooLarge> {
        match code >> 62 {
            0 => Ok(Self(code)),
            _ => Err(CodeTooLarge(code)),
        }
    }

    /// The number.
    pub const fn into_inner(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Code {
    fn from(code: u32) -> Self {
        Self::from_u32(code)
    }
}

impl From<VarInt> for Code {
    fn from(code: VarInt) -> Self {
        Self(code.into_inner())
    }
}

impl From<Code> for VarInt {
    fn from(code: Code) -> Self {
        Self::from_u64(code.0).unwrap_or(Self::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_62_bits() {
        let largest = (1 << 62) - 1;
        assert_eq!(Code::from_u64(largest).map(VarInt::from), Ok(VarInt::MAX));
        assert_eq!(Code::from(VarInt::MAX).into_inner(), largest);
        assert_eq!(Code::from_u64(largest + 1), Err(CodeTooLarge(largest + 1)));
    }
}
