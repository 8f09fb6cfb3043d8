//! Names of fixed width: they are readable, and their length does not show.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use bincode::{Decode, Encode};

use super::WireError;

/// A name of 1 to `N` characters out of `a-z`, `0-9`, `-` (not first, not last), padded with zeros to `N` bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct Name<const N: usize>([u8; N]);

/// A member of the network: an office, a vendor, an outer or an inner proxy.
pub type MemberId = Name<16>;

/// What a content is, e.g. `guest-list`.
pub type PayloadKind = Name<32>;

impl<const N: usize> Name<N> {
    /// The name, without padding.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        core::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }

    /// The padded bytes as they stand on the wire.
    pub fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Accepts the padded form.
    pub fn from_bytes(bytes: [u8; N]) -> Result<Self, WireError> {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(N);
        if !is_name(&bytes[..end]) || bytes[end..].iter().any(|byte| *byte != 0) {
            return Err(WireError::Invalid("a name has 1 or more of a-z, 0-9 and inner '-', then only zeros"));
        }
        Ok(Self(bytes))
    }
}

fn is_name(name: &[u8]) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    matches!((name.first(), name.last()), (Some(first), Some(last)) if *first != b'-' && *last != b'-')
        && name.iter().all(inner)
}

impl<const N: usize> FromStr for Name<N> {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if !is_name(text.as_bytes()) || text.len() > N {
            return Err(NameError { text: text.chars().take(64).collect(), longest: N });
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }
}

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a valid name: use 1 to {longest} characters out of a-z, 0-9 and '-' (not first or last)", text.escape_debug())]
pub struct NameError {
    text: String,
    longest: usize,
}

impl<const N: usize> fmt::Display for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize, Context> Decode<Context> for Name<N> {
    fn decode<D: bincode::de::Decoder<Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        let bytes = <[u8; N]>::decode(decoder)?;
        Self::from_bytes(bytes).map_err(|_| bincode::error::DecodeError::Other("not a valid name"))
    }
}

bincode::impl_borrow_decode!(Name<16>);
bincode::impl_borrow_decode!(Name<32>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let id: MemberId = "ga-koeln".parse().unwrap();
        assert_eq!(id.as_str(), "ga-koeln");
        assert_eq!(id.as_bytes(), b"ga-koeln\0\0\0\0\0\0\0\0");
        assert_eq!(MemberId::from_bytes(*id.as_bytes()), Ok(id));
        assert_eq!("a-name-of-16-let".parse::<MemberId>().unwrap().as_str(), "a-name-of-16-let");
    }

    #[test]
    fn refuses_what_is_not_a_name() {
        for bad in ["", "-a", "a-", "A", "ä", "a b", "a-name-of-17-lett", "a\0b"] {
            assert!(bad.parse::<MemberId>().is_err(), "{bad:?}");
        }
        assert!(MemberId::from_bytes(*b"ga\0koeln\0\0\0\0\0\0\0\0").is_err());
        assert!(MemberId::from_bytes([0; 16]).is_err());
    }
}
