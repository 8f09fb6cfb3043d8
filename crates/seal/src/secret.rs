//! The secrets of one attempt: wiped on drop, without `Debug`, `Clone` or equality.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Key of the segments of one attempt, and all that is needed to open a content that is stored as it came. Whoever has
/// it can read that content, so it is kept only wrapped (see [`rest`](crate::rest)).
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct StorageKey([u8; 32]);

impl StorageKey {
    /// The raw key, to be wrapped for storage.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0)
    }

    /// The key from unwrapped storage.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What the replies of all streams of one attempt are sealed from.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct ReplySecret([u8; 32]);

impl ReplySecret {
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}
