//! The inner proxy's part of one stream: open the route token, refuse used ones, find the office, carry.
//!
//! It replaces the sender's [`Open`] by [`Incoming`], so that the office sees no token, and the
//! outer proxy no office.

mod used;

use alloc::vec::Vec;

pub use used::{Room, UsedNonces};

use crate::hop::Header;
use crate::limits::VERSION;
use crate::time::{Now, UnixSeconds};
use crate::wire::frame::{FrameType, encode_frame};
use crate::wire::hop::{Incoming, Open};
use crate::wire::name::MemberId;
use crate::wire::refusal::StreamRefusal;
use crate::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken, StoreId};

/// Opens route tokens (`schleuse-admission` and `schleuse-seal`), and knows which are used ([`UsedNonces`]).
pub trait RouteOpener {
    /// What the token says, if its MAC and its seal are valid under this proxy's keys of the token's epoch.
    fn open(&self, token: &RouteToken, now: UnixSeconds) -> Option<RouteClaims>;

    /// Whether the office reported this nonce as used.
    fn is_used(&self, office: &MemberId, nonce: &RouteNonce) -> bool;
}

/// Where an accepted stream goes: open a stream on a live connection of this office's receiver and write these bytes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where to.
    pub office: MemberId,
    /// To which of its receivers.
    pub store: StoreId,
    /// Which token let the stream in.
    pub nonce: RouteNonce,
    /// The `Incoming` frame, and what came after `Open`.
    pub bytes: Vec<u8>,
}

/// protocol.md 7.1, at the proxy named `me`.
///
/// # Errors
/// [`Refused`](StreamRefusal::Refused) if the token is not ours, authentic, of the epoch in which it expires, alive, and
/// unused.
pub fn judge(me: MemberId, opener: &impl RouteOpener, header: Header, now: Now) -> Result<Forward, StreamRefusal> {
    let Header { open, rest, .. } = header;
    let RouteClaims { office, store, .. } = claims(me, opener, &open, now).ok_or(StreamRefusal::Refused)?;
    let nonce = open.token.nonce;
    let mut bytes = encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce });
    bytes.extend_from_slice(&rest);
    Ok(Forward { office, store, nonce, bytes })
}

fn claims(me: MemberId, opener: &impl RouteOpener, open: &Open, now: Now) -> Option<RouteClaims> {
    if open.inner != me {
        return None;
    }
    let claims = opener.open(&open.token, now.unix)?;
    let alive = claims.not_after >= now.unix && Epoch::of(claims.not_after) == open.token.epoch;
    (alive && !opener.is_used(&claims.office, &open.token.nonce)).then_some(claims)
}
