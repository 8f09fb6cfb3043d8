//! Who may write for a ticket: at most one stream at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use schleuse_protocol::wire::ticket::TicketId;
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// The leases of all running streams.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    entries: Mutex<HashMap<TicketId, Entry>>,
    history: Mutex<History>,
}

/// A moment in the order in which leases came and went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// When a lease of a ticket last came or went, for many tickets together: one of its like counts as the ticket itself.
#[derive(Debug)]
struct History {
    now: u64,
    last: Box<[u64; 1024]>,
}

impl Default for History {
    fn default() -> Self {
        Self { now: 0, last: Box::new([0; 1024]) }
    }
}

impl History {
    /// Notes that a lease comes or goes; returns when one did before.
    fn note(&mut self, ticket: TicketId) -> Moment {
        self.now += 1;
        let place = usize::from(u16::from_le_bytes([ticket.0[0], ticket.0[1]])) % self.last.len();
        Moment(std::mem::replace(&mut self.last[place], self.now))
    }
}

#[derive(Debug)]
struct Entry {
    /// Held by the stream that writes. A newer one waits here until the older has seen all its writes answered.
    gate: Arc<Gate<()>>,
    /// The newest claim.
    attempt: u64,
    digest: [u8; 32],
    newest: CancellationToken,
    /// Whether the ticket's state is still to be read for it: what it takes over may become complete, or be so already.
    is_undecided: bool,
    /// Claims and leases that exist. The entry goes with the last of them, so that there is never a second gate.
    users: usize,
}

/// What a claim met.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// The lease will be yours: await [`Claim::granted`].
    Waiting(Claim),
    /// A running stream has a higher attempt and keeps it.
    Held {
        /// Its attempt.
        attempt: u64,
        /// Its hello.
        digest: [u8; 32],
    },
    /// A stream with a higher attempt does not know yet whether the ticket is complete.
    Undecided {
        /// Its hello.
        digest: [u8; 32],
    },
}

/// A place in the queue for a lease.
#[derive(Debug)]
pub(crate) struct Claim {
    user: User,
    gate: Arc<Gate<()>>,
    /// When the lease before this one went; the end of time if there still is one.
    before: Moment,
}

/// The exclusive right to write for a ticket. Keep it until every queued write is answered.
#[derive(Debug)]
pub(crate) struct Lease {
    // Field order: the gate opens before the entry may go.
    _guard: OwnedMutexGuard<()>,
    user: User,
}

/// Counts itself out of the entry when dropped.
#[derive(Debug)]
struct User {
    leases: Arc<Leases>,
    ticket: TicketId,
    superseded: CancellationToken,
}

impl Leases {
    /// Claims the lease of a ticket for an attempt. A running stream with a lower attempt, or the same one over an older
    /// connection, is told to stop.
    pub(crate) fn claim(self: &Arc<Self>, ticket: TicketId, attempt: u64, digest: [u8; 32]) -> Claimed {
        let superseded = CancellationToken::new();
        let mut entries = self.entries.lock().expect("nothing panics under this lock");
        let entry = entries.entry(ticket).or_insert_with(|| Entry {
            gate: Arc::default(),
            attempt,
            digest,
            newest: superseded.clone(),
            is_undecided: true,
            users: 0,
        });
        if entry.users > 0 && entry.attempt > attempt && !entry.newest.is_cancelled() {
            return match entry.is_undecided {
                true => Claimed::Undecided { digest: entry.digest },
                false => Claimed::Held { attempt: entry.attempt, digest: entry.digest },
            };
        }
        let is_held = entry.users > 0;
        if is_held {
            entry.newest.cancel();
        }
        entry.attempt = attempt;
        entry.digest = digest;
        entry.newest = superseded.clone();
        entry.is_undecided = true;
        entry.users += 1;
        let last = self.history().note(ticket);
        let before = if is_held { Moment(u64::MAX) } else { last };
        let user = User { leases: Arc::clone(self), ticket, superseded };
        Claimed::Waiting(Claim { user, gate: Arc::clone(&entry.gate), before })
    }

    /// Now, to be asked of a [`Claim`] later.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.history().now)
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().expect("nothing panics under this lock")
    }

    /// The tickets for which a stream runs.
    pub(crate) fn tickets(&self) -> Vec<TicketId> {
        self.entries.lock().expect("nothing panics under this lock").keys().copied().collect()
    }

    /// How many of them there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().expect("nothing panics under this lock").len()
    }
}

impl Claim {
    /// Whether no other stream has had the lease since then: what the store said of uploads of the ticket holds.
    pub(crate) fn is_first_since(&self, moment: Moment) -> bool {
        self.before <= moment
    }

    /// Waits until the older streams are done; `None` if a newer one came meanwhile.
    pub(crate) async fn granted(self) -> Option<Lease> {
        let guard = self.user.superseded.run_until_cancelled(self.gate.lock_owned()).await?;
        Some(Lease { _guard: guard, user: self.user })
    }
}

impl Lease {
    /// The ticket is not complete, and only this stream can complete it now: lower attempts are refused for good.
    pub(crate) fn decide(&self) {
        let mut entries = self.user.leases.entries.lock().expect("nothing panics under this lock");
        // A newer claim, if there is one, waits for this one.
        if let Some(entry) = entries.get_mut(&self.user.ticket).filter(|_| !self.is_superseded()) {
            entry.is_undecided = false;
        }
    }

    /// Whether a newer stream waits for the ticket.
    pub(crate) fn is_superseded(&self) -> bool {
        self.user.superseded.is_cancelled()
    }

    /// Completes when a newer stream waits for the ticket.
    pub(crate) async fn superseded(&self) {
        self.user.superseded.cancelled().await;
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut entries = self.leases.entries.lock().expect("nothing panics under this lock");
        // The newest claim is gone: its attempt keeps nobody out any more.
        self.superseded.cancel();
        if let Some(entry) = entries.get_mut(&self.ticket) {
            entry.users -= 1;
            if entry.users == 0 {
                entries.remove(&self.ticket);
            }
        }
        self.leases.history().note(self.ticket);
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
    async fn a_lower_attempt_does_not_get_in_while_the_higher_runs() {
        let leases = Arc::new(Leases::default());
        let higher = lease(&leases, 7).await;
        assert!(matches!(leases.claim(TICKET, 6, [0; 32]), Claimed::Held { attempt: 7, digest } if digest == [7; 32]));
        assert!(!higher.is_superseded());
        drop(higher);
        lease(&leases, 6).await;
    }

    #[tokio::test]
    async fn nothing_is_decided_before_the_higher_attempt_knows_the_ticket() {
        let leases = Arc::new(Leases::default());
        let is_undecided = |attempt, by: u8| {
            let claimed = leases.claim(TICKET, attempt, [0; 32]);
            matches!(claimed, Claimed::Undecided { digest } if digest == [by; 32])
        };
        let first = lease(&leases, 5).await;
        let second = claim(&leases, 7);
        assert!(is_undecided(5, 7) && is_undecided(6, 7));
        let third = claim(&leases, 8);
        assert!(second.granted().await.is_none());
        assert!(is_undecided(5, 8) && is_undecided(7, 8), "who gave up has decided nothing");
        drop(first);
        let third = third.granted().await.unwrap();
        assert!(is_undecided(5, 8), "it has not looked yet");
        third.decide();
        assert!(matches!(leases.claim(TICKET, 5, [0; 32]), Claimed::Held { attempt: 8, digest } if digest == [8; 32]));
        let fourth = claim(&leases, 9);
        third.decide();
        assert!(is_undecided(5, 9), "the next one decides for itself");
        drop(fourth);
        drop(third);
        assert_eq!(leases.len(), 0);
    }

    #[tokio::test]
    async fn of_three_only_the_newest_goes_on_and_never_two_at_once() {
        let leases = Arc::new(Leases::default());
        let first = lease(&leases, 1).await;
        let second = claim(&leases, 2);
        let third = claim(&leases, 3);
        assert!(second.granted().await.is_none(), "superseded while it waited");
        let third = tokio::spawn(third.granted());
        tokio::task::yield_now().await;
        assert!(!third.is_finished(), "the first stream still writes");
        drop(first);
        assert!(third.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_claim_that_gave_up_keeps_neither_gate_nor_attempt() {
        let leases = Arc::new(Leases::default());
        let first = lease(&leases, 1).await;
        drop(claim(&leases, 9));
        // The first stream still writes: a fourth stream must meet the same gate, and attempt 9 is no obstacle.
        let fourth = tokio::spawn(claim(&leases, 2).granted());
        tokio::task::yield_now().await;
        assert!(!fourth.is_finished());
        drop(first);
        assert!(fourth.await.unwrap().is_some());
        assert_eq!(leases.len(), 0);
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

    #[tokio::test]
    async fn tickets_do_not_wait_for_each_other() {
        let leases = Arc::new(Leases::default());
        let _first = lease(&leases, 1).await;
        let Claimed::Waiting(other) = leases.claim(TicketId([2; 16]), 1, [0; 32]) else { panic!("held") };
        assert!(other.granted().await.is_some());
    }
}
