//! Who may write under a ticket: at most one stream at a time (protocol.md 8.3).
//!
//! A stream claims the lease ([`Leases::handle_claim`]), is granted it when the streams before it are done
//! ([`LeaseEvent::Granted`]), says when it has read that the ticket is not complete ([`Leases::handle_decided`]), and gives the
//! lease back when each of its writes is answered ([`Leases::handle_released`]).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use crate::wire::ticket::TicketId;

/// A stream that has claimed a lease, or has it. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(u64);

/// A moment in the order in which leases came and went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// What a claim met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The lease will be given to this claim, unless a newer one comes first: see [`Leases::poll_event`].
    Waiting(ClaimId),
    /// A running stream has a higher attempt and keeps the lease.
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

/// What a claim is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEvent {
    /// Nobody else writes for the ticket: read its state, then write.
    Granted(ClaimId),
    /// A newer stream waits for the ticket: stop, and release the claim as soon as its writes are answered.
    Superseded(ClaimId),
}

/// The leases of all running streams of an office.
#[derive(Debug, Default)]
pub struct Leases {
    entries: BTreeMap<TicketId, Entry>,
    /// Which ticket each claim is for.
    claims: BTreeMap<ClaimId, TicketId>,
    events: VecDeque<LeaseEvent>,
    history: History,
    last_claim: u64,
}

/// One ticket. It goes with the last of its claims.
#[derive(Debug)]
struct Entry {
    /// The stream that writes.
    holder: Option<ClaimId>,
    /// The newest claim, which has its attempt's rights until it is released. It may be the holder.
    newest: Option<Newest>,
    /// Claims that are not released.
    claims: usize,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    claim: ClaimId,
    attempt: u64,
    digest: [u8; 32],
    /// Whether the ticket's state is still to be read for it: what it takes over may become complete, or be so already.
    is_undecided: bool,
}

impl Leases {
    /// No stream runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Claims the lease of a ticket for an attempt. A running stream with a lower attempt, or the same one over an older
    /// connection, is superseded.
    pub fn handle_claim(&mut self, ticket: TicketId, attempt: u64, digest: [u8; 32]) -> Claimed {
        let entry = self.entries.entry(ticket).or_insert(Entry { holder: None, newest: None, claims: 0 });
        if let Some(newest) = entry.newest {
            if newest.attempt > attempt {
                return match newest.is_undecided {
                    true => Claimed::Undecided { digest: newest.digest },
                    false => Claimed::Held { attempt: newest.attempt, digest: newest.digest },
                };
            }
            self.events.push_back(LeaseEvent::Superseded(newest.claim));
        }
        self.last_claim += 1;
        let claim = ClaimId(self.last_claim);
        entry.newest = Some(Newest { claim, attempt, digest, is_undecided: true });
        entry.claims += 1;
        if entry.holder.is_none() {
            entry.holder = Some(claim);
            self.events.push_back(LeaseEvent::Granted(claim));
        }
        self.claims.insert(claim, ticket);
        Claimed::Waiting(claim)
    }

    /// The holder has read that the ticket is not complete, and only it can complete it now: lower attempts are refused for
    /// good. Says nothing once the holder is superseded: the newer claim waits for it and decides for itself.
    pub fn handle_decided(&mut self, claim: ClaimId) {
        let entry = self.claims.get(&claim).and_then(|ticket| self.entries.get_mut(ticket));
        if let Some(entry) = entry.filter(|entry| entry.holder == Some(claim))
            && let Some(newest) = entry.newest.as_mut().filter(|newest| newest.claim == claim)
        {
            newest.is_undecided = false;
        }
    }

    /// The stream is over and each of its writes is answered; or it gives up before it was granted the lease. A second time
    /// it says nothing.
    pub fn handle_released(&mut self, claim: ClaimId) {
        let Some(ticket) = self.claims.remove(&claim) else { return };
        self.history.note(ticket);
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        entry.claims -= 1;
        entry.newest = entry.newest.filter(|newest| newest.claim != claim);
        if entry.holder == Some(claim) {
            entry.holder = entry.newest.map(|newest| newest.claim);
            self.events.extend(entry.holder.map(LeaseEvent::Granted));
        }
        if entry.claims == 0 {
            self.entries.remove(&ticket);
        }
    }

    /// The next thing to tell somebody.
    pub fn poll_event(&mut self) -> Option<LeaseEvent> {
        self.events.pop_front()
    }

    /// Now, to compare [`quiet_since`](Self::quiet_since) with.
    pub fn moment(&self) -> Moment {
        Moment(self.history.now)
    }

    /// Since when no stream has had or wanted the ticket: what the store said of its uploads after that still holds. `None`
    /// while one has or wants it. To be asked before the claim.
    pub fn quiet_since(&self, ticket: TicketId) -> Option<Moment> {
        (!self.entries.contains_key(&ticket)).then(|| self.history.last(ticket))
    }

    /// Whether this claim has the lease.
    pub fn is_held_by(&self, claim: ClaimId) -> bool {
        let entry = self.claims.get(&claim).and_then(|ticket| self.entries.get(ticket));
        entry.is_some_and(|entry| entry.holder == Some(claim))
    }

    /// The tickets for which a stream runs.
    pub fn tickets(&self) -> impl Iterator<Item = TicketId> + '_ {
        self.entries.keys().copied()
    }

    /// How many of them there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// When the last claim of a ticket was released, for many tickets together: one of its like counts as the ticket itself.
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
    fn note(&mut self, ticket: TicketId) {
        self.now += 1;
        self.last[Self::place(ticket)] = self.now;
    }

    fn last(&self, ticket: TicketId) -> Moment {
        Moment(self.last[Self::place(ticket)])
    }

    fn place(ticket: TicketId) -> usize {
        usize::from(u16::from_le_bytes([ticket.0[0], ticket.0[1]])) % 1024
    }
}

#[cfg(test)]
mod tests;
