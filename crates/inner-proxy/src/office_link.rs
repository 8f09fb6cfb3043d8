//! The link of an office's receiver: it gets tokens, says which are used, and takes streams.

use std::sync::PoisonError;
use std::time::Duration;

use schleuse_protocol::limits::HEADER_TIMEOUT;
use schleuse_protocol::time::{Millis, UnixSeconds};
use schleuse_protocol::wire::hop::{InnerToOffice, OfficeToInner, RunId};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::RouteClaims;
use schleuse_transport::net::Connection;
use schleuse_transport::relay::refusal_code;

use crate::control::{Control, LinkEnd};
use crate::offices::{Presence, Receiver, Rivals};
use crate::shared::Worker;

/// How long a receiver that comes with a store waits whether another one contests it. Longer than an answer takes over
/// any land; a later answer counts too, but by then streams may have gone astray.
const CONTEST: Duration = Duration::from_millis(250);

/// protocol.md 5.3: hello; then the receiver is reachable here until it goes or says that it drains.
pub(crate) async fn serve(worker: &Worker, office: MemberId, connection: &Connection) -> Result<(), LinkEnd> {
    let (mut control, hello) = Control::accept(connection).await?;
    let OfficeToInner::Hello { store, run, .. } = hello else { return Err(LinkEnd::OutOfTurn) };
    let (shared, receiver) = (&worker.shared, Receiver { store, run });
    let (presence, mut rivals, is_contested) = shared.offices.announce(office, receiver, connection.clone());
    if is_contested && let Ok(Ok(by)) = tokio::time::timeout(CONTEST, &mut rivals.disowned).await {
        return Err(turn_copy_away(&mut control, connection, office, receiver, by).await);
    }
    control.send(&InnerToOffice::TokenKey(shared.keys.id())).await?;
    if let Some(displaced) = presence.join() {
        tracing::warn!(%office, %store, "an office has too many connections: the oldest was closed");
        displaced.close(refusal_code(StreamRefusal::Unavailable), b"");
    }
    tracing::info!(%office, %store, "an office has linked");
    let link = OfficeLink { worker, office, receiver, connection, presence: Some(presence), owed: None };
    tokio::select! {
        end = link.listen(control, rivals) => Err(end),
        lost = connection.closed() => Err(lost.into()),
    }
}

/// Tells a receiver that it works on a copy, and gives it the time to read that.
async fn turn_copy_away(
    control: &mut Control,
    connection: &Connection,
    office: MemberId,
    receiver: Receiver,
    by: RunId,
) -> LinkEnd {
    tracing::error!(
        %office, store = %receiver.store,
        "two receivers of this office claim the same store, so one works on a copy (a cloned machine, a restored backup \
         beside the original?): the one that came later gets no streams"
    );
    if let Err(end) = control.send(&InnerToOffice::Copy { run: by }).await {
        return end;
    }
    let _ = tokio::time::timeout(HEADER_TIMEOUT, connection.closed()).await;
    LinkEnd::Copy
}

struct OfficeLink<'a> {
    worker: &'a Worker,
    office: MemberId,
    receiver: Receiver,
    connection: &'a Connection,
    /// As long as it is here, streams may come.
    presence: Option<Presence<Connection>>,
    owed: Option<Owed>,
}

/// Tokens that were asked for and are not handed out yet: the office may be over its budget.
struct Owed {
    at: Millis,
    count: u16,
    not_after: UnixSeconds,
}

impl OfficeLink<'_> {
    /// Serves the control stream until it breaks.
    async fn listen(mut self, mut control: Control, mut rivals: Rivals) -> LinkEnd {
        let (clock, shutdown) = (self.worker.shared.clock, &self.worker.shutdown);
        let (mut may_speak, mut told) = (true, false);
        loop {
            let said = tokio::select! {
                // What an office says while tokens are owed to it waits in the stream's window.
                message = control.next(), if may_speak && self.owed.is_none() => match message {
                    Ok(Some(message)) => self.handle(message),
                    Ok(None) => {
                        may_speak = false;
                        self.handle(OfficeToInner::Drain)
                    }
                    Err(end) => Err(end),
                },
                () = clock.sleep_until_some(self.owed.as_ref().map(|owed| owed.at)) => match self.owed.take() {
                    Some(owed) => control.send(&self.mint(&owed)).await,
                    None => Ok(()),
                },
                // Whoever drains will not come back with this run: it has nothing to contest.
                Some(run) = rivals.contested.recv(), if self.presence.is_some() => {
                    control.send(&InnerToOffice::Contested { run }).await
                }
                Ok(by) = &mut rivals.disowned, if self.presence.is_some() && !rivals.disowned.is_terminated() => {
                    drop(self.presence.take());
                    return turn_copy_away(&mut control, self.connection, self.office, self.receiver, by).await;
                }
                () = shutdown.draining(), if !told => {
                    told = true;
                    control.send(&InnerToOffice::Drain).await
                }
            };
            if let Err(end) = said {
                return end;
            }
        }
    }

    fn handle(&mut self, message: OfficeToInner) -> Result<(), LinkEnd> {
        let shared = &self.worker.shared;
        match message {
            OfficeToInner::Hello { .. } => return Err(LinkEnd::OutOfTurn),
            OfficeToInner::TokensWanted { count, not_after } => {
                let now = shared.clock.millis();
                let at = now.after(shared.budgets.book(self.office, count, now));
                self.owed = Some(Owed { at, count, not_after });
            }
            OfficeToInner::Used(nonces) => {
                let now = shared.clock.unix();
                let mut used = shared.used.lock().unwrap_or_else(PoisonError::into_inner);
                nonces.into_iter().for_each(|nonce| used.report(self.office, nonce, now));
            }
            OfficeToInner::Drain => drop(self.presence.take()),
            OfficeToInner::NotMine { run } => shared.offices.disown(&self.office, self.receiver, run),
        }
        Ok(())
    }

    fn mint(&self, owed: &Owed) -> InnerToOffice {
        let shared = &self.worker.shared;
        let claims = RouteClaims { office: self.office, store: self.receiver.store, not_after: owed.not_after };
        let (not_after, tokens) = shared.keys.mint(claims, owed.count, shared.clock.unix());
        tracing::debug!(office = %self.office, count = owed.count, "minted route tokens");
        InnerToOffice::Tokens { not_after, tokens }
    }
}
