//! The inner proxy's part of one stream: open the route token, refuse used ones, find the office, carry.
//!
//! It replaces the sender's [`Open`] by [`Incoming`], so that the office sees no token, and the
//! outer proxy no office.

mod used;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

pub use used::UsedNonces;

use crate::limits::VERSION;
use crate::relay::{Header, HeaderProgress, HopState, Relay};
use crate::time::{Millis, Now, UnixSeconds};
use crate::wire::frame::{FrameType, encode_frame};
use crate::wire::hop::{Incoming, Open};
use crate::wire::label::MemberId;
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
    /// [`InnerStream::handle_opened`] or [`InnerStream::handle_open_failed`].
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
#[derive(Debug)]
pub struct InnerStream<R> {
    me: MemberId,
    opener: R,
    state: HopState,
    actions: VecDeque<InnerAction>,
}

impl<R: RouteOpener> InnerStream<R> {
    /// A stream that the proxy named `me` just accepted.
    pub fn new(me: MemberId, opener: R, now: Now) -> Self {
        Self { me, opener, state: HopState::AwaitHeader(Header::new(now)), actions: VecDeque::new() }
    }

    /// Whether the shell shall read and pass to [`handle_header`](Self::handle_header). Later it moves bytes by itself
    /// and reports their number to [`relay`](Self::relay).
    pub fn wants_header(&self) -> bool {
        matches!(self.state, HopState::AwaitHeader(_))
    }

    /// Bytes of the beginning of the stream.
    pub fn handle_header(&mut self, bytes: &[u8], now: Now) {
        let HopState::AwaitHeader(header) = &mut self.state else { return };
        match header.read(bytes) {
            HeaderProgress::More => {}
            HeaderProgress::Whole(open, _, rest) => match self.judge(&open, now) {
                Some(claims) => self.forward(claims.office, open.token.nonce, &rest, now),
                None => self.refuse(StreamRefusal::Refused),
            },
            HeaderProgress::Bad => self.refuse(StreamRefusal::Refused),
        }
    }

    /// The outer proxy ended or reset the stream, or is gone, before it was carried.
    pub fn handle_lost(&mut self, _now: Now) {
        match &mut self.state {
            HopState::AwaitHeader(_) | HopState::AwaitNextHop { .. } => self.refuse(StreamRefusal::Refused),
            HopState::Relaying(_) | HopState::Refused => {}
        }
    }

    /// The stream to the office is there, and the bytes of `Forward` are written to it.
    pub fn handle_opened(&mut self, now: Now) {
        self.state.handle_opened(now);
    }

    /// The office has no live connection here, or takes no more streams.
    pub fn handle_open_failed(&mut self, _now: Now) {
        if matches!(self.state, HopState::AwaitNextHop { .. }) {
            self.refuse(StreamRefusal::Unavailable);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if let Some(refusal) = self.state.handle_timeout(now) {
            self.actions.push_back(InnerAction::Reset(refusal));
        }
    }

    /// Counts and timers, once the stream is carried.
    pub fn relay(&mut self) -> Option<&mut Relay> {
        match &mut self.state {
            HopState::Relaying(relay) => Some(relay),
            _ => None,
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<InnerAction> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.state.poll_timeout()
    }

    /// Whether nothing more happens (once the actions are done).
    pub fn is_finished(&self) -> bool {
        self.state.is_finished()
    }

    /// protocol.md 7.1: the token must be ours, authentic, of the epoch in which it expires, alive, and not used.
    fn judge(&self, open: &Open, now: Now) -> Option<RouteClaims> {
        if open.inner != self.me {
            return None;
        }
        let claims = self.opener.open(&open.token, now.unix)?;
        let alive = claims.not_after >= now.unix && Epoch::of(claims.not_after) == open.token.epoch;
        (alive && !self.opener.is_used(&claims.office, &open.token.nonce)).then_some(claims)
    }

    fn forward(&mut self, office: MemberId, nonce: RouteNonce, rest: &[u8], now: Now) {
        let mut bytes = encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce });
        bytes.extend_from_slice(rest);
        self.actions.push_back(InnerAction::Forward { office, nonce, bytes });
        self.state = HopState::await_next_hop(now);
    }

    fn refuse(&mut self, refusal: StreamRefusal) {
        if let Some(refusal) = self.state.refuse(refusal) {
            self.actions.push_back(InnerAction::Reset(refusal));
        }
    }
}
