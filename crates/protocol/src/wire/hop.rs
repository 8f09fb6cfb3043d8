//! What the parties of a hop say to each other: the header of a stream, and the control streams of member links.

use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::name::MemberId;
use super::ticket::Route;
use super::token::{Epoch, RouteNonce, RouteToken, StoreId, TokenKeyId};
use super::{Wire, WireError};
use crate::limits::{MAX_HEADER, MAX_TOKEN_BATCH, MAX_USED_BATCH, VERSION};
use crate::time::UnixSeconds;

/// First frame of a stream from a sender to an outer proxy, and unchanged from there to an inner proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Open {
    /// [`VERSION`].
    pub version: u8,
    /// The inner proxy that minted the token.
    pub inner: MemberId,
    /// The right to be carried.
    pub token: RouteToken,
}

impl Wire for Open {
    const MAX: usize = 1 + 16 + RouteToken::MAX;

    fn validate(&self) -> Result<(), WireError> {
        known_version(self.version)
    }
}

impl Open {
    /// What opens a stream over this route of a ticket.
    pub fn over(route: &Route) -> Self {
        Self { version: VERSION, inner: route.inner, token: route.token }
    }
}

/// First frame of a stream from an inner proxy to an office, in place of [`Open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Incoming {
    /// [`VERSION`].
    pub version: u8,
    /// Which token admitted the stream: tells the office which ticket it is.
    pub nonce: RouteNonce,
}

impl Wire for Incoming {
    const MAX: usize = 1 + 16;

    fn validate(&self) -> Result<(), WireError> {
        known_version(self.version)
    }
}

/// An admission key of one epoch (HMAC-SHA256, 32 bytes): lets its holder check route tokens, and open nothing.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct AdmissionKeyBytes(pub [u8; 32]);

impl core::fmt::Debug for AdmissionKeyBytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AdmissionKeyBytes(…)")
    }
}

impl Drop for AdmissionKeyBytes {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// Control messages from an outer proxy to an inner proxy. The outer proxy opens the control stream and begins.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OuterToInner {
    /// First message: [`VERSION`].
    Hello(u8),
}

/// Control messages from an inner proxy to an outer proxy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InnerToOuter {
    /// The admission keys of the current and the next epoch; replaces what was sent before.
    AdmissionKeys([(Epoch, AdmissionKeyBytes); 2]),
    /// This proxy is about to stop: open no new stream here, finish what runs.
    Drain,
}

/// Names one run of a receiver, from its start to its end: random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct RunId(pub [u8; 8]);

hex_debug!(RunId);

/// Control messages from an office to an inner proxy. The office opens the control stream and begins.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OfficeToInner {
    /// First message.
    Hello {
        /// [`VERSION`].
        version: u8,
        /// The store of this receiver: tokens that it asks for lead there, and only streams of such tokens come.
        store: StoreId,
        /// This run of the receiver.
        run: RunId,
    },
    /// Please mint tokens.
    TokensWanted {
        /// How many, at most [`MAX_TOKEN_BATCH`].
        count: u16,
        /// Until when they are to be valid; at most one epoch from now.
        not_after: UnixSeconds,
    },
    /// These tokens have done their work: refuse them. At most [`MAX_USED_BATCH`].
    Used(Vec<RouteNonce>),
    /// This office is about to stop: open no new stream here.
    Drain,
    /// Answer to [`InnerToOffice::Contested`]: that run does not work on this store, but on a copy of it.
    NotMine {
        /// The run that was named.
        run: RunId,
    },
}

/// Control messages from an inner proxy to an office.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InnerToOffice {
    /// The tokens of one [`OfficeToInner::TokensWanted`], in the order of the requests.
    Tokens {
        /// Until when they are valid (what was asked for, or less).
        not_after: UnixSeconds,
        /// At most [`MAX_TOKEN_BATCH`].
        tokens: Vec<RouteToken>,
    },
    /// This proxy is about to stop: connect elsewhere; running streams may finish.
    Drain,
    /// First message, and again whenever it changes: the secret with which tokens are minted from now on. Those of another
    /// one lead nowhere any more.
    TokenKey(TokenKeyId),
    /// Another receiver has just linked with the id of the same store. Whoever is alive answers at once
    /// ([`OfficeToInner::NotMine`]); who does not is taken for an earlier run that has ended.
    Contested {
        /// The run of the other.
        run: RunId,
    },
    /// This receiver gets no streams and no tokens, because one with the same store is linked that was here first: one of the
    /// two works on a copy.
    Copy {
        /// The run of the other.
        run: RunId,
    },
}

impl Wire for OuterToInner {
    const MAX: usize = MAX_HEADER;

    fn validate(&self) -> Result<(), WireError> {
        let Self::Hello(version) = self;
        known_version(*version)
    }
}

impl Wire for InnerToOuter {
    const MAX: usize = MAX_HEADER;
}

impl Wire for OfficeToInner {
    const MAX: usize = MAX_HEADER;

    fn validate(&self) -> Result<(), WireError> {
        match self {
            Self::Hello { version, .. } => known_version(*version),
            Self::TokensWanted { count, .. } if *count == 0 || usize::from(*count) > MAX_TOKEN_BATCH => {
                Err(WireError::Invalid("a batch has 1 to 48 tokens"))
            }
            Self::Used(nonces) if nonces.len() > MAX_USED_BATCH => {
                Err(WireError::Invalid("a report has at most 200 nonces"))
            }
            _ => Ok(()),
        }
    }
}

impl Wire for InnerToOffice {
    const MAX: usize = MAX_HEADER;

    fn validate(&self) -> Result<(), WireError> {
        match self {
            Self::Tokens { tokens, .. } if tokens.len() > MAX_TOKEN_BATCH => {
                Err(WireError::Invalid("a batch has at most 48 tokens"))
            }
            _ => Ok(()),
        }
    }
}

fn known_version(version: u8) -> Result<(), WireError> {
    if version == VERSION { Ok(()) } else { Err(WireError::Invalid("the peer speaks another protocol version")) }
}
