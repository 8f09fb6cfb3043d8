//! The link of an office: it gets tokens, says which are used, and takes streams.

use std::sync::PoisonError;

use quinn::Connection;
use schleuse_protocol::time::{Millis, UnixSeconds};
use schleuse_protocol::wire::hop::{InnerToOffice, OfficeToInner};
use schleuse_protocol::wire::label::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::RouteNonce;
use schleuse_transport::relay::refusal_code;

use crate::link::{Control, LinkEnd};
use crate::worker::Worker;

/// Tokens that were asked for and are not handed out yet: the office is over its budget.
struct Owed {
    at: Millis,
    count: u16,
    not_after: UnixSeconds,
}

/// protocol.md 8.2: hello; then the office is reachable here until it goes or says that it drains.
pub(crate) async fn serve(worker: &Worker, office: MemberId, connection: &Connection) -> Result<(), LinkEnd> {
    let (mut control, hello) = Control::accept(connection).await?;
    let OfficeToInner::Hello(_) = hello else { return Err(LinkEnd::OutOfTurn) };
    let shared = &worker.shared;
    let (presence, displaced) = shared.offices.join(office, connection.clone());
    if let Some(displaced) = displaced {
        tracing::warn!(%office, "an office has too many connections: the oldest was closed");
        displaced.close(refusal_code(StreamRefusal::Unavailable), b"");
    }
    tracing::info!(%office, "an office has linked");
    let mut presence = Some(presence);
    let mut owed: Option<Owed> = None;
    let (mut may_speak, mut told) = (true, false);
    loop {
        tokio::select! {
            // What an office says while tokens are owed to it waits in its own send window.
            message = control.next(), if may_speak && owed.is_none() => match message? {
                Some(OfficeToInner::TokensWanted { count, not_after }) => {
                    let now = shared.clock.millis();
                    let at = now.after(shared.budgets.book(office, count, now));
                    owed = Some(Owed { at, count, not_after });
                }
                Some(OfficeToInner::Used(nonces)) => report_used(worker, office, &nonces),
                Some(OfficeToInner::Drain) => drop(presence.take()),
                Some(OfficeToInner::Hello(_)) => return Err(LinkEnd::OutOfTurn),
                None => {
                    drop(presence.take());
                    may_speak = false;
                }
            },
            () = shared.clock.sleep_until_some(owed.as_ref().map(|owed| owed.at)), if owed.is_some() => {
                if let Some(Owed { count, not_after, .. }) = owed.take() {
                    control.send(&mint(worker, office, count, not_after)).await?;
                }
            }
            () = worker.shutdown.draining(), if !told => {
                told = true;
                control.send(&InnerToOffice::Drain).await?;
            }
            lost = connection.closed() => return Err(lost.into()),
        }
    }
}

fn mint(worker: &Worker, office: MemberId, count: u16, not_after: UnixSeconds) -> InnerToOffice {
    let shared = &worker.shared;
    let (not_after, tokens) = shared.keys.mint(office, count, not_after, shared.clock.unix());
    tracing::debug!(%office, count, "minted route tokens");
    InnerToOffice::Tokens { not_after, tokens }
}

fn report_used(worker: &Worker, office: MemberId, nonces: &[RouteNonce]) {
    let now = worker.shared.clock.unix();
    let mut used = worker.shared.used.lock().unwrap_or_else(PoisonError::into_inner);
    nonces.iter().for_each(|nonce| used.report(office, *nonce, now));
}
