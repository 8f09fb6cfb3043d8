//! The inner proxy's part of one stream: open the route token, refuse used ones, find the office, carry.
//!
//! It replaces the sender's [`Open`] by [`Incoming`], so that the office sees no token, and the
//! outer proxy no office.

mod used;

use alloc::vec::Vec;

pub use used::UsedNonces;

use crate::hop::{Header, HopStream, Judge};
use crate::limits::VERSION;
use crate::time::{Now, UnixSeconds};
use crate::wire::frame::{FrameType, encode_frame};
use crate::wire::hop::{Incoming, Open};
use crate::wire::name::MemberId;
use crate::wire::refusal::StreamRefusal;
use crate::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken};

/// Opens route tokens (`schleuse-admission` and `schleuse-seal`), and knows which are used ([`UsedNonces`]).
pub trait RouteOpener {
    /// What the token says, if its MAC and its seal are valid under this proxy's keys of the token's epoch.
    fn open(&self, token: &RouteToken, now: UnixSeconds) -> Option<RouteClaims>;

    /// Whether the office reported this nonce as used.
    fn is_used(&self, office: &MemberId, nonce: &RouteNonce) -> bool;
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InnerAction {
    /// Open a stream on a live connection of this office, write these bytes first, then answer with
    /// [`HopStream::handle_opened`] or [`HopStream::handle_open_failed`].
    Forward {
        /// Where to.
        office: MemberId,
        /// Which token admitted the stream.
        nonce: RouteNonce,
        /// The `Incoming` frame, and what came after `Open`.
        bytes: Vec<u8>,
    },
    /// Reset and stop both sides with this code.
    Reset(StreamRefusal),
}

/// One stream from an outer proxy.
pub type InnerStream<R> = HopStream<InnerJudge<R>>;

/// Lets pass what is meant for this proxy and what its [`RouteOpener`] opens.
#[derive(Debug)]
pub struct InnerJudge<R> {
    me: MemberId,
    opener: R,
}

impl<R: RouteOpener> HopStream<InnerJudge<R>> {
    /// A stream that the proxy named `me` just accepted.
    pub fn new(me: MemberId, opener: R, now: Now) -> Self {
        Self::with_judge(InnerJudge { me, opener }, now)
    }
}

impl<R: RouteOpener> Judge for InnerJudge<R> {
    type Action = InnerAction;

    fn judge(&self, Header { open, rest, .. }: Header, now: Now) -> Option<InnerAction> {
        let RouteClaims { office, .. } = self.claims(&open, now)?;
        let nonce = open.token.nonce;
        let mut bytes = encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce });
        bytes.extend_from_slice(&rest);
        Some(InnerAction::Forward { office, nonce, bytes })
    }
}

impl<R: RouteOpener> InnerJudge<R> {
    /// protocol.md 7.1: the token must be ours, authentic, of the epoch in which it expires, alive, and not used.
    fn claims(&self, open: &Open, now: Now) -> Option<RouteClaims> {
        if open.inner != self.me {
            return None;
        }
        let claims = self.opener.open(&open.token, now.unix)?;
        let alive = claims.not_after >= now.unix && Epoch::of(claims.not_after) == open.token.epoch;
        (alive && !self.opener.is_used(&claims.office, &open.token.nonce)).then_some(claims)
    }
}

impl From<StreamRefusal> for InnerAction {
    fn from(refusal: StreamRefusal) -> Self {
        Self::Reset(refusal)
    }
}
