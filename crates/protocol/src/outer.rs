//! The outer proxy's part of one stream: check the route token's MAC, choose the inner proxy, carry.
//!
//! It sees the [`Open`] frame and counts bytes. It cannot open the token's sealed part.

mod ring;

use alloc::vec::Vec;

pub use ring::AdmissionRing;

use crate::hop::{Header, HopStream, Judge};
use crate::time::Now;
use crate::wire::frame::encode_raw;
use crate::wire::hop::Open;
use crate::wire::name::MemberId;
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
    /// [`HopStream::handle_opened`] or [`HopStream::handle_open_failed`].
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
pub type OuterStream<A> = HopStream<OuterJudge<A>>;

/// Lets pass what its [`Admission`] admits.
#[derive(Debug)]
pub struct OuterJudge<A>(A);

impl<A: Admission> HopStream<OuterJudge<A>> {
    /// A stream that was just accepted.
    pub fn new(admission: A, now: Now) -> Self {
        Self::with_judge(OuterJudge(admission), now)
    }
}

impl<A: Admission> Judge for OuterJudge<A> {
    type Action = OuterAction;

    /// protocol.md 7.1: the MAC before anything that costs more than a MAC.
    fn judge(&self, Header { open, frame, rest }: Header, _now: Now) -> Option<OuterAction> {
        let Open { inner, token, .. } = open;
        self.0.admits(&inner, &token).then(|| {
            let mut bytes = encode_raw(frame.frame_type, &[&frame.body]);
            bytes.extend_from_slice(&rest);
            OuterAction::Forward { inner, bytes }
        })
    }
}

impl From<StreamRefusal> for OuterAction {
    fn from(refusal: StreamRefusal) -> Self {
        Self::Reset(refusal)
    }
}
