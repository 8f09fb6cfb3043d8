//! The kinds of values in a directory that are written as text.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{self, ValueError};

/// `N` bytes, written as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// A standing KEM key: X25519 (32 bytes) or X-Wing (1,216 bytes), written as hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct KemKey(Vec<u8>);

impl KemKey {
    /// The raw key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One named thing, or `*` for all of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrAny<T> {
    /// `*`
    Any,
    /// This one.
    One(T),
}

impl<T: PartialEq> OrAny<T> {
    /// Whether `value` is meant.
    pub fn covers(&self, value: &T) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == value,
        }
    }
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let decoded = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        let bytes = decoded.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(ValueError::Hex { expected: 2 * N })
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KemKey {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| ValueError::KemKey)?;
        if matches!(bytes.len(), 32 | 1216) { Ok(Self(bytes)) } else { Err(ValueError::KemKey) }
    }
}

impl fmt::Display for KemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KemKey({} bytes)", self.0.len())
    }
}

impl<T: FromStr> FromStr for OrAny<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "*" { Ok(Self::Any) } else { text.parse().map(Self::One) }
    }
}

impl<T: fmt::Display> fmt::Display for OrAny<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(one) => one.fmt(f),
        }
    }
}

/// These types are texts in every format.
macro_rules! serde_as_text {
    ($([$($generics:tt)*] $name:ty;)*) => {$(
        impl<$($generics)*> Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                text::one::serialize(self, serializer)
            }
        }

        impl<'de, $($generics)*> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::one::deserialize(deserializer)
            }
        }
    )*};
}

serde_as_text! {
    [const N: usize] Hex<N>;
    [] KemKey;
    [const N: usize] OrAny<schleuse_protocol::wire::name::Name<N>>;
}
