//! The links that are up, the route tokens that came over them, and what is wrong with whom.

mod complaint;
mod status;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use schleuse_protocol::limits::MAX_USED_BATCH;
use schleuse_protocol::office::{Supply, TokenFault, TokenPool};
use schleuse_protocol::time::{Millis, UnixSeconds};
use schleuse_protocol::wire::hop::OfficeToInner;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::Route;
use schleuse_protocol::wire::token::{RouteNonce, RouteToken, TokenKeyId};
use schleuse_transport::clock::Clock;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub(crate) use complaint::Complaint;
use complaint::{Complaints, Strangers};
pub use status::LinkStatus;

/// Tokens to have of each inner proxy. One request brings at most 48.
const STOCK: usize = 64;
/// Most tokens to fetch beyond that for whoever waits; more than that wait for each other.
const MOST_DEMAND: usize = 1024;
/// How long a mint request waits for a link or for tokens, from the last that came.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits in all: an inner proxy may hand out tokens slowly.
const LONGEST: Duration = Duration::from_secs(30);
/// How long it waits for the other inner proxies once one has tokens for all tickets, from the last tokens that came.
const GRACE: Duration = Duration::from_millis(300);
/// How long it waits for them in all.
const LONGEST_GRACE: Duration = Duration::from_secs(2);

/// Shared by all links and by whoever mints.
pub(crate) struct Routes {
    clock: Clock,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

struct State {
    pool: TokenPool,
    links: HashMap<MemberId, Link>,
    /// Tickets for whose routes somebody waits.
    awaited: usize,
}

#[derive(Default)]
struct Link {
    address: String,
    /// Counts connections: what an older one reports late does not count.
    generation: u64,
    control: Option<mpsc::UnboundedSender<OfficeToInner>>,
    trouble: Option<String>,
    complaints: Complaints,
    strangers: Strangers,
}

/// A connection's place among the links.
pub(crate) struct Connected {
    /// Tells this connection from earlier and later ones.
    pub(crate) generation: u64,
    /// What to send on the control stream. Not bounded, because little comes: one request for tokens at a time, and a
    /// report for each submission that the staff deletes.
    pub(crate) control: mpsc::UnboundedReceiver<OfficeToInner>,
}

impl Routes {
    pub(crate) fn new(clock: Clock, inners: impl IntoIterator<Item = (MemberId, String)>) -> Self {
        let link = |(id, address)| (id, Link { address, ..Link::default() });
        let state = State { pool: TokenPool::new(STOCK), links: inners.into_iter().map(link).collect(), awaited: 0 };
        Self { clock, state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    /// The control stream of a new connection is there.
    pub(crate) fn connected(&self, inner: MemberId) -> Connected {
        let (sender, control) = mpsc::unbounded_channel();
        let mut state = self.lock();
        let link = state.links.entry(inner).or_default();
        link.generation += 1;
        link.control = Some(sender);
        link.trouble = None;
        let generation = link.generation;
        state.pool.handle_connected(inner);
        Connected { generation, control }
    }

    /// The connection is gone, or its inner proxy drains.
    pub(crate) fn disconnected(&self, inner: MemberId, generation: u64) {
        let mut state = self.lock();
        let State { pool, links, .. } = &mut *state;
        if let Some(link) = links.get_mut(&inner).filter(|link| link.generation == generation) {
            link.control = None;
            pool.handle_disconnected(&inner);
        }
    }

    /// An attempt to connect failed, or its outcome is of no use.
    pub(crate) fn failed(&self, inner: MemberId, trouble: String) {
        self.lock().links.entry(inner).or_default().trouble = Some(trouble);
    }

    /// The connection of this generation has said with which key its inner proxy mints tokens. Returns whether that was
    /// another one before, so that open tickets have lost a way.
    pub(crate) fn key(&self, inner: MemberId, generation: u64, key: TokenKeyId) -> bool {
        let lost = match self.current(inner, generation) {
            Some(mut state) => state.pool.handle_key(&inner, key),
            None => return false,
        };
        let is_another = lost > 0 && self.complain(inner, Complaint::AnotherKey);
        self.refill();
        self.changed.send_replace(());
        is_another
    }

    /// Tokens came over the connection of this generation; `used` are those of their nonces that are in tickets.
    ///
    /// # Errors
    /// What is wrong with them. It is in the log already, and in the status.
    pub(crate) fn tokens(
        &self,
        inner: MemberId,
        generation: u64,
        not_after: UnixSeconds,
        tokens: Vec<RouteToken>,
        used: &HashSet<RouteNonce>,
    ) -> Result<(), TokenFault> {
        let Some(mut state) = self.current(inner, generation) else { return Ok(()) };
        let now = self.clock.now();
        let taken = state.pool.handle_tokens(&inner, not_after, tokens, |nonce| used.contains(nonce), now);
        drop(state);
        if let Err(fault) = taken {
            self.complain(inner, Complaint::Tokens(fault));
        }
        self.refill();
        self.changed.send_replace(());
        taken
    }

    /// The connection of this generation does not answer a request for tokens.
    pub(crate) fn overdue(&self, inner: MemberId, generation: u64) {
        match self.current(inner, generation) {
            Some(mut state) => state.pool.handle_overdue(&inner),
            None => return,
        }
        self.complain(inner, Complaint::Silent);
        self.changed.send_replace(());
    }

    /// When [`refill`](Self::refill) is due because this inner proxy was left alone for a while.
    pub(crate) fn refill_due(&self, inner: &MemberId) -> Option<Millis> {
        self.lock().pool.poll_timeout(inner)
    }

    /// Asks for tokens where the stock is low or stale.
    pub(crate) fn refill(&self) {
        let mut state = self.lock();
        let State { pool, links, .. } = &mut *state;
        while let Some((inner, request)) = pool.poll_request(self.clock.now()) {
            let sent = links.get(&inner).and_then(|link| link.control.as_ref()).map(|control| control.send(request));
            if !matches!(sent, Some(Ok(()))) {
                // The link has just ended; its task connects anew.
                pool.handle_disconnected(&inner);
            }
        }
    }

    /// Names an inner proxy that does, or over which comes, what does not with an honest one and honest senders: in the log,
    /// once a while, and in the status. Returns whether it is in the log now.
    pub(crate) fn complain(&self, inner: MemberId, complaint: Complaint) -> bool {
        let now = self.clock.millis();
        let is_new = self.lock().links.entry(inner).or_default().complaints.add(complaint, now);
        if is_new {
            tracing::warn!(%inner, "{complaint}");
        }
        is_new
    }

    /// Whether another receiver works on a copy of this store, as far as somebody has noticed in the last minutes.
    pub(crate) fn has_copy(&self) -> bool {
        let (state, now) = (self.lock(), self.clock.millis());
        state.links.values().any(|link| link.complaints.has_recent(Complaint::Copy, now))
    }

    /// A stream came with a token that leads to no ticket. A few do: tickets end, and not every report arrives.
    pub(crate) fn stranger(&self, inner: MemberId) {
        let now = self.clock.millis();
        let many = self.lock().links.entry(inner).or_default().strangers.add(now);
        if many {
            self.complain(inner, Complaint::Strangers);
        }
    }

    /// Routes for so many tickets, all or none: for each one over every inner proxy that is connected and has tokens. Waits
    /// a little for links and tokens that are on their way, and less if one inner proxy has enough.
    pub(crate) async fn take(&self, tickets: usize, not_after: UnixSeconds) -> Result<Vec<Vec<Route>>, Shortage> {
        let mut changed = self.changed.subscribe();
        let deadline = Instant::now() + LONGEST;
        let (mut awaited, mut grace_ends) = (None, None);
        let mut in_time = true;
        loop {
            changed.mark_unchanged();
            let (supply, taken) = {
                let mut state = self.lock();
                let supply = state.pool.supply(tickets, not_after);
                let take = || state.pool.take_for_each(tickets, not_after);
                (supply, (supply == Supply::All || !in_time).then(take))
            };
            self.refill();
            match taken {
                Some(Ok(routes)) => return Ok(routes),
                Some(Err(there)) if !in_time => return Err(Shortage { wanted: tickets, there }),
                _ => awaited.get_or_insert_with(|| Awaited::new(self, tickets)),
            };
            let now = Instant::now();
            let until = match supply {
                Supply::Short => deadline.min(now + PATIENCE),
                Supply::All | Supply::Some => (*grace_ends.get_or_insert(now + LONGEST_GRACE)).min(now + GRACE),
            };
            in_time = tokio::time::timeout_at(until, changed.changed()).await.is_ok() && Instant::now() < until;
        }
    }

    /// Tells the inner proxies that these tokens have done their work. Soft: a link that is down is not told.
    pub(crate) fn report_used(&self, used: &[(RouteNonce, MemberId)]) {
        let state = self.lock();
        for (inner, link) in &state.links {
            let Some(control) = &link.control else { continue };
            let nonces: Vec<_> = used.iter().filter(|(_, at)| at == inner).map(|(nonce, _)| *nonce).collect();
            for batch in nonces.chunks(MAX_USED_BATCH) {
                let _ = control.send(OfficeToInner::Used(batch.to_vec()));
            }
        }
    }

    /// How every link is, by name.
    pub(crate) fn status(&self) -> Vec<LinkStatus> {
        let (state, now) = (self.lock(), self.clock.now());
        let status = |(inner, link): (&MemberId, &Link)| LinkStatus {
            inner: inner.to_string(),
            address: link.address.clone(),
            up: link.control.is_some(),
            tokens: state.pool.usable(inner, now.unix) as u64,
            trouble: link.trouble.clone(),
            complaints: link.complaints.recent(now.millis),
        };
        let mut all: Vec<_> = state.links.iter().map(status).collect();
        all.sort_by(|a, b| a.inner.cmp(&b.inner));
        all
    }

    /// Completes when every configured inner proxy is connected and has sent tokens.
    pub(crate) async fn ready(&self) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if self.status().iter().all(|link| link.up && link.tokens > 0) {
                return;
            }
            // The sender lives as long as this value.
            let _ = changed.changed().await;
        }
    }

    /// The state, if the newest connection of this inner proxy is of this generation.
    fn current(&self, inner: MemberId, generation: u64) -> Option<MutexGuard<'_, State>> {
        let state = self.lock();
        let is_current = state.links.get(&inner).is_some_and(|link| link.generation == generation);
        is_current.then_some(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }
}

impl State {
    fn set_awaited(&mut self, tickets: usize) {
        self.awaited = tickets;
        self.pool.set_demand(tickets.min(MOST_DEMAND));
    }
}

/// There are not enough tokens: nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) wanted: usize,
    /// For so many tickets there are tokens.
    pub(crate) there: usize,
}

/// Somebody waits for the routes of so many tickets, until this is dropped.
struct Awaited<'a> {
    routes: &'a Routes,
    tickets: usize,
}

impl<'a> Awaited<'a> {
    fn new(routes: &'a Routes, tickets: usize) -> Self {
        let mut state = routes.lock();
        let awaited = state.awaited + tickets;
        state.set_awaited(awaited);
        drop(state);
        routes.refill();
        Self { routes, tickets }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut state = self.routes.lock();
        let awaited = state.awaited - self.tickets;
        state.set_awaited(awaited);
    }
}

#[cfg(test)]
mod tests;
