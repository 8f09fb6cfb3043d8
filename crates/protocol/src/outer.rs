//! The outer proxy's part of one stream: check the route token's MAC, choose the inner proxy, carry.
//!
//! It sees the [`Open`] frame and counts bytes. It cannot open the token's sealed part.

mod ring;

use alloc::vec::Vec;

pub use ring::AdmissionRing;

use crate::hop::Header;
use crate::wire::frame::encode_raw;
use crate::wire::hop::Open;
use crate::wire::name::MemberId;
use crate::wire::refusal::StreamRefusal;
use crate::wire::token::RouteToken;

/// Checks route tokens (`schleuse-admission` over an [`AdmissionRing`]).
pub trait Admission {
    /// Whether the token's MAC is valid under the admission key of this inner proxy and the token's epoch.
    ///
    /// # Errors
    /// [`Refused`](StreamRefusal::Refused) if it is not; [`Unavailable`](StreamRefusal::Unavailable) if this proxy has no
    /// keys of the inner proxy (yet), so that it cannot tell.
    fn check(&self, inner: &MemberId, token: &RouteToken) -> Result<(), StreamRefusal>;
}

/// Where an accepted stream goes: open a stream to this inner proxy and write these bytes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where to.
    pub inner: MemberId,
    /// The `Open` frame as it came, and what came with it.
    pub bytes: Vec<u8>,
}

/// protocol.md 7.1: the MAC before anything that costs more than a MAC.
///
/// # Errors
/// As [`Admission::check`].
pub fn judge(admission: &impl Admission, header: Header) -> Result<Forward, StreamRefusal> {
    let Header { open: Open { inner, token, .. }, frame, rest } = header;
    admission.check(&inner, &token)?;
    let mut bytes = encode_raw(frame.frame_type, &[&frame.body]);
    bytes.extend_from_slice(&rest);
    Ok(Forward { inner, bytes })
}
