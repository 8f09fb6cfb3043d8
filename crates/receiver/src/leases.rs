//! Who may write for a ticket: [`schleuse_protocol::lease`] for the daemon's streams, which wait and are dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use schleuse_protocol::lease::{self, ClaimId, LeaseEvent, Moment};
use schleuse_protocol::wire::ticket::TicketId;
use tokio_util::sync::CancellationToken;

/// The leases of all running streams.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    machine: lease::Leases,
    signals: HashMap<ClaimId, Signals>,
}

/// What the stream of a claim waits for.
#[derive(Clone, Debug, Default)]
struct Signals {
    granted: CancellationToken,
    superseded: CancellationToken,
}

/// What a claim met.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// The lease will be yours: await [`Claim::granted`].
    Waiting(Claim),
    /// As [`lease::Claimed::Held`].
    Held { attempt: u64, digest: [u8; 32] },
    /// As [`lease::Claimed::Undecided`].
    Undecided { digest: [u8; 32] },
}

/// A place in the queue for a lease.
#[derive(Debug)]
pub(crate) struct Claim {
    user: User,
    quiet_since: Option<Moment>,
}

/// The exclusive right to write for a ticket. Keep it until every queued write is answered.
#[derive(Debug)]
pub(crate) struct Lease {
    user: User,
}

/// Releases its claim when dropped.
#[derive(Debug)]
struct User {
    leases: Arc<Leases>,
    claim: ClaimId,
    signals: Signals,
}

impl Leases {
    /// Claims the lease of a ticket for an attempt. A running stream with a lower attempt, or the same one over an older
    /// connection, is told to stop.
    pub(crate) fn claim(self: &Arc<Self>, ticket: TicketId, attempt: u64, digest: [u8; 32]) -> Claimed {
        let mut state = self.state();
        let quiet_since = state.machine.quiet_since(ticket);
        let claim = match state.machine.handle_claim(ticket, attempt, digest) {
            lease::Claimed::Held { attempt, digest } => return Claimed::Held { attempt, digest },
            lease::Claimed::Undecided { digest } => return Claimed::Undecided { digest },
            lease::Claimed::Waiting(claim) => claim,
        };
        let signals = Signals::default();
        state.signals.insert(claim, signals.clone());
        state.tell();
        Claimed::Waiting(Claim { user: User { leases: Arc::clone(self), claim, signals }, quiet_since })
    }

    /// Now, to be asked of a [`Claim`] later.
    pub(crate) fn moment(&self) -> Moment {
        self.state().machine.moment()
    }

    /// The tickets for which a stream runs.
    pub(crate) fn tickets(&self) -> Vec<TicketId> {
        self.state().machine.tickets().collect()
    }

    /// How many of them there are.
    pub(crate) fn len(&self) -> usize {
        self.state().machine.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }
}

impl State {
    fn tell(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            let (LeaseEvent::Granted(claim) | LeaseEvent::Superseded(claim)) = event;
            let Some(signals) = self.signals.get(&claim) else { continue };
            match event {
                LeaseEvent::Granted(_) => signals.granted.cancel(),
                LeaseEvent::Superseded(_) => signals.superseded.cancel(),
            }
        }
    }
}

impl Claim {
    /// Whether no other stream has had the lease since then: what the store said of uploads of the ticket holds.
    pub(crate) fn is_first_since(&self, moment: Moment) -> bool {
        self.quiet_since.is_some_and(|since| since <= moment)
    }

    /// Waits until the older streams are done; `None` if a newer one came meanwhile.
    pub(crate) async fn granted(self) -> Option<Lease> {
        let Signals { granted, superseded } = &self.user.signals;
        superseded.run_until_cancelled(granted.cancelled()).await?;
        Some(Lease { user: self.user })
    }
}

impl Lease {
    /// The ticket is not complete, and only this stream can complete it now: lower attempts are refused for good.
    pub(crate) fn decide(&self) {
        self.user.leases.state().machine.handle_decided(self.user.claim);
    }

    /// Whether a newer stream waits for the ticket.
    pub(crate) fn is_superseded(&self) -> bool {
        self.user.signals.superseded.is_cancelled()
    }

    /// Completes when a newer stream waits for the ticket.
    pub(crate) async fn superseded(&self) {
        self.user.signals.superseded.cancelled().await;
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut state = self.leases.state();
        state.signals.remove(&self.claim);
        state.machine.handle_released(self.claim);
        state.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: TicketId = TicketId([1; 16]);

    fn claim(leases: &Arc<Leases>, attempt: u64) -> Claim {
        match leases.claim(TICKET, attempt, [attempt as u8; 32]) {
            Claimed::Waiting(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    async fn lease(leases: &Arc<Leases>, attempt: u64) -> Lease {
        let lease = claim(leases, attempt).granted().await.unwrap();
        lease.decide();
        lease
    }

    #[tokio::test]
    async fn a_newer_stream_waits_until_the_older_one_is_done() {
        let leases = Arc::new(Leases::default());
        let first = lease(&leases, 5).await;
        assert!(!first.is_superseded());
        let waiting = tokio::spawn(claim(&leases, 5).granted());
        first.superseded().await;
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "two streams hold one ticket");
        drop(first);
        let second = waiting.await.unwrap().unwrap();
        assert!(!second.is_superseded());
        drop(second);
        assert_eq!(leases.len(), 0);
    }

    #[tokio::test]
    async fn a_lower_attempt_is_told_who_has_the_ticket() {
        let leases = Arc::new(Leases::default());
        let waiting = claim(&leases, 7);
        assert!(matches!(leases.claim(TICKET, 6, [0; 32]), Claimed::Undecided { digest } if digest == [7; 32]));
        waiting.granted().await.unwrap().decide();
        let higher = lease(&leases, 7).await;
        assert!(matches!(leases.claim(TICKET, 6, [0; 32]), Claimed::Held { attempt: 7, digest } if digest == [7; 32]));
        assert!(!higher.is_superseded());
    }

    #[tokio::test]
    async fn a_claim_that_is_superseded_while_it_waits_ends() {
        let leases = Arc::new(Leases::default());
        let first = lease(&leases, 1).await;
        let second = claim(&leases, 2);
        let third = claim(&leases, 3);
        assert!(second.granted().await.is_none());
        drop(first);
        assert!(third.granted().await.is_some());
        assert_eq!(leases.len(), 0);
    }

    #[tokio::test]
    async fn a_stream_that_is_dropped_while_it_waits_leaves_nothing_behind() {
        let leases = Arc::new(Leases::default());
        let first = lease(&leases, 1).await;
        let waiting = tokio::spawn(claim(&leases, 9).granted());
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        let fourth = claim(&leases, 2);
        drop(first);
        assert!(fourth.granted().await.is_some(), "attempt 9 is gone, and so is what it waited for");
        assert!(leases.state().signals.is_empty());
    }

    #[tokio::test]
    async fn a_claim_knows_whether_another_stream_was_there() {
        let leases = Arc::new(Leases::default());
        let first = lease(&leases, 1).await;
        let during = leases.moment();
        assert!(!claim(&leases, 2).is_first_since(during), "the first came before and has not gone");
        drop(first);
        assert!(!claim(&leases, 3).is_first_since(during), "the first went after it");
        let after = leases.moment();
        let fourth = claim(&leases, 4);
        assert!(fourth.is_first_since(after));
        assert!(!fourth.is_first_since(during));
    }
}
