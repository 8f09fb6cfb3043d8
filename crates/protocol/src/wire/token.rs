//! Route tokens: the right to have one stream carried to one office, checked by proxies that keep no state.
//!
//! A token's *epoch* is the number of the period of [`EPOCH`] in which it **expires**. A token lives at most one
//! epoch, so only the current and the next epoch have living tokens, and their two admission keys are all that an
//! outer proxy needs. The keys of a past epoch open nothing any more.

use bincode::{Decode, Encode};

use super::Wire;
use super::name::MemberId;
use crate::limits::EPOCH;
use crate::time::UnixSeconds;

/// The number of a period of [`EPOCH`], counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch that contains `time`.
    pub fn of(time: UnixSeconds) -> Self {
        Self(u32::try_from(time.0 / EPOCH.as_secs()).unwrap_or(u32::MAX))
    }

    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Names one token. The office finds the ticket by it; nobody else can tell what it stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct RouteNonce(pub [u8; 16]);

hex_debug!(RouteNonce);

/// Names the store of one receiver: where the tickets are that lead there. An office may have several receivers, each with
/// a store of its own; a token leads to the store for which it was minted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct StoreId(pub [u8; 8]);

hex_debug!(StoreId);

/// Names the secret with which an inner proxy mints tokens. It is the same in all epochs and on all instances that share the
/// secret; tokens that were minted with another secret open nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct TokenKeyId(pub [u8; 8]);

hex_debug!(TokenKeyId);

/// A route token: `epoch 4 | nonce 16 | sealed 48 | mac 16`, 84 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RouteToken {
    /// The epoch in which the token expires: selects the keys.
    pub epoch: Epoch,
    /// Random; also the nonce under which [`sealed`](Self::sealed) is sealed.
    pub nonce: RouteNonce,
    /// [`RouteClaims`], sealed under the inner proxy's epoch key (32 bytes and a tag).
    pub sealed: [u8; RouteClaims::LEN + crate::limits::TAG],
    /// MAC over all of the above under the inner proxy's admission key of the epoch.
    pub mac: [u8; 16],
}

impl Wire for RouteToken {
    const MAX: usize = 4 + 16 + RouteClaims::LEN + 16 + 16;
}

impl RouteToken {
    /// What [`mac`](Self::mac) authenticates: `epoch | nonce | sealed`.
    pub fn authenticated_bytes(&self) -> [u8; 4 + 16 + RouteClaims::LEN + 16] {
        let mut bytes = [0; 4 + 16 + RouteClaims::LEN + 16];
        bytes[..4].copy_from_slice(&self.epoch.0.to_le_bytes());
        bytes[4..20].copy_from_slice(&self.nonce.0);
        bytes[20..].copy_from_slice(&self.sealed);
        bytes
    }
}

/// What an inner proxy says to itself in a token: `office 16 | store 8 | not after 8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RouteClaims {
    /// The office whose stream this opens.
    pub office: MemberId,
    /// The store of that office in which the ticket is.
    pub store: StoreId,
    /// The last second in which it does.
    pub not_after: UnixSeconds,
}

impl RouteClaims {
    /// Length of the encoding.
    pub const LEN: usize = 32;
}

impl Wire for RouteClaims {
    const MAX: usize = Self::LEN;
}
