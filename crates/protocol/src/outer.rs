//! The outer proxy's part of one stream: check the route token's MAC, choose the inner proxy, carry.
//!
//! It sees the [`Open`](crate::wire::hop::Open) frame and counts bytes. It cannot open the token's sealed part.

mod ring;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

pub use ring::AdmissionRing;

use crate::relay::{Header, HeaderProgress, HopState, Relay};
use crate::time::{Millis, Now};
use crate::wire::frame::encode_raw;
use crate::wire::label::MemberId;
use crate::wire::refusal::StreamRefusal;
use crate::wire::token::RouteToken;

/// Checks route tokens (`schleuse-admission` over an [`AdmissionRing`]).
pub trait Admission {
    /// Whether the token's MAC is valid under the admission key of this inner proxy and the token's epoch.
    fn admits(&self, inner: &MemberId, token: &RouteToken) -> bool;
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OuterAction {
    /// Open a stream to this inner proxy, write these bytes first, then answer with
    /// [`OuterStream::handle_opened`] or [`OuterStream::handle_open_failed`].
    Forward {
        /// Where to.
        inner: MemberId,
        /// The `Open` frame as it came, and what came with it.
        bytes: Vec<u8>,
    },
    /// Reset and stop both sides with this code.
    Reset(StreamRefusal),
}

/// One stream from a sender.
#[derive(Debug)]
pub struct OuterStream<A> {
    admission: A,
    state: HopState,
    actions: VecDeque<OuterAction>,
}

impl<A: Admission> OuterStream<A> {
    /// A stream that was just accepted.
    pub fn new(admission: A, now: Now) -> Self {
        Self { admission, state: HopState::AwaitHeader(Header::new(now)), actions: VecDeque::new() }
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
            HeaderProgress::Whole(open, frame, rest) => {
                // protocol.md 7.1: the MAC before anything that costs more than a MAC
                if !self.admission.admits(&open.inner, &open.token) {
                    return self.refuse(StreamRefusal::Refused);
                }
                let mut bytes = encode_raw(frame.frame_type, &[&frame.body]);
                bytes.extend_from_slice(&rest);
                self.actions.push_back(OuterAction::Forward { inner: open.inner, bytes });
                self.state = HopState::await_next_hop(now);
            }
            HeaderProgress::Bad => self.refuse(StreamRefusal::Refused),
        }
    }

    /// The sender ended or reset the stream, or is gone, before it was carried.
    pub fn handle_lost(&mut self, _now: Now) {
        match &mut self.state {
            HopState::AwaitHeader(_) | HopState::AwaitNextHop { .. } => self.refuse(StreamRefusal::Refused),
            HopState::Relaying(_) | HopState::Refused => {}
        }
    }

    /// The stream to the inner proxy is there, and the bytes of `Forward` are written to it.
    pub fn handle_opened(&mut self, now: Now) {
        self.state.handle_opened(now);
    }

    /// There is no connection to that inner proxy, or it takes no more streams.
    pub fn handle_open_failed(&mut self, _now: Now) {
        if matches!(self.state, HopState::AwaitNextHop { .. }) {
            self.refuse(StreamRefusal::Unavailable);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if let Some(refusal) = self.state.handle_timeout(now) {
            self.actions.push_back(OuterAction::Reset(refusal));
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
    pub fn poll_action(&mut self) -> Option<OuterAction> {
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

    fn refuse(&mut self, refusal: StreamRefusal) {
        if let Some(refusal) = self.state.refuse(refusal) {
            self.actions.push_back(OuterAction::Reset(refusal));
        }
    }
}
