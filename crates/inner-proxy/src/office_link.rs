//! The link of an office: it gets tokens, says which are used, and takes streams.

use std::sync::PoisonError;

use schleuse_protocol::time::{Millis, UnixSeconds};
use schleuse_protocol::wire::hop::{InnerToOffice, OfficeToInner};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::net::Connection;
use schleuse_transport::relay::refusal_code;

use crate::control::{Control, LinkEnd};
use crate::offices::Presence;
use crate::shared::Worker;

/// protocol.md 5.3: hello; then the office is reachable here until it goes or says that it drains.
pub(crate) async fn serve(worker: &Worker, office: MemberId, connection: &Connection) -> Result<(), LinkEnd> {
    let (control, hello) = Control::accept(connection).await?;
    let OfficeToInner::Hello(_) = hello else { return Err(LinkEnd::OutOfTurn) };
    let (presence, displaced) = worker.shared.offices.join(office, connection.clone());
    if let Some(displaced) = displaced {
        tracing::warn!(%office, "an office has too many connections: the oldest was closed");
        displaced.close(refusal_code(StreamRefusal::Unavailable), b"");
    }
    tracing::info!(%office, "an office has linked");
    let link = OfficeLink { worker, office, presence: Some(presence), owed: None };
    tokio::select! {
        end = link.listen(control) => Err(end),
        lost = connection.closed() => Err(lost.into()),
    }
}

struct OfficeLink<'a> {
    worker: &'a Worker,
    office: MemberId,
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
    async fn listen(mut self, mut control: Control) -> LinkEnd {
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
            OfficeToInner::Hello(_) => return Err(LinkEnd::OutOfTurn),
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
        }
        Ok(())
    }

    fn mint(&self, owed: &Owed) -> InnerToOffice {
        let shared = &self.worker.shared;
        let (not_after, tokens) = shared.keys.mint(self.office, owed.count, owed.not_after, shared.clock.unix());
        tracing::debug!(office = %self.office, count = owed.count, "minted route tokens");
        InnerToOffice::Tokens { not_after, tokens }
    }
}
