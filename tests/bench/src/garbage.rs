//! What somebody without a token sends.

use bytes::Bytes;
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};

/// A header that is well-formed to the last: the current epoch, an inner proxy that is there, and a made-up token. So
/// the proxy has to compute the MAC before it can refuse.
pub(crate) fn stream() -> Bytes {
    let now = schleuse_transport::clock::Clock::start().unix();
    let token = RouteToken { epoch: Epoch::of(now), nonce: RouteNonce([7; 16]), sealed: [7; 48], mac: [7; 16] };
    let inner = crate::net::INNER.parse().expect("a valid id");
    Bytes::from(encode_frame(FrameType::Open, &Open { version: VERSION, inner, token }))
}
