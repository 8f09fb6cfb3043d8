//! One connection: who is it, and how is it served.

use schleuse_directory::{Hex, Role};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::Handshake;
use schleuse_transport::net::Connection;
use schleuse_transport::relay::refusal_code;
use schleuse_transport::seats::Seat;
use schleuse_transport::tls::peer_fingerprint;

use crate::control::LinkEnd;
use crate::members::Peer;
use crate::shared::Worker;
use crate::{office_link, outer_link};

/// Completes the handshake, finds out who it is, and serves it accordingly until it goes.
pub(crate) async fn serve(worker: Worker, handshake: Handshake, seat: Seat) {
    let address = handshake.remote_address();
    let completed = tokio::select! {
        completed = handshake.complete() => completed,
        () = seat.evicted() => return tracing::debug!(%address, "a handshake made room for another"),
    };
    let connection = match completed {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%address, %error, "no connection with a peer"),
    };
    let refused = refusal_code(StreamRefusal::Refused);
    let members = &worker.shared.members;
    let Some(fingerprint) = peer_fingerprint(&connection) else { return connection.close(refused, b"") };
    let Some(peer) = members.by_fingerprint(&fingerprint) else {
        tracing::info!(key = %Hex(fingerprint), "a peer was turned away: its key is not in the directory");
        return connection.close(refused, b"");
    };
    if let Err(error) = seat.belongs_to(peer.id) {
        tracing::warn!(peer = %peer.id, role = peer.role.as_str(), "a connection was refused: {error}");
        return connection.close(refusal_code(StreamRefusal::Unavailable), b"");
    }
    let end = tokio::select! {
        end = serve_as(&worker, peer, &connection) => end,
        () = members.removed(fingerprint, peer) => LinkEnd::Removed,
    };
    if end.is_violation() {
        connection.close(refused, b"");
    }
    tracing::info!(peer = %peer.id, role = peer.role.as_str(), %end, "a member is gone");
}

async fn serve_as(worker: &Worker, peer: Peer, connection: &Connection) -> LinkEnd {
    let ended = match peer.role {
        Role::Outer => outer_link::serve(worker, peer.id, connection).await,
        Role::Office => office_link::serve(worker, peer.id, connection).await,
        Role::Vendor | Role::Inner => Err(LinkEnd::WrongRole),
    };
    ended.err().unwrap_or(LinkEnd::Left)
}
