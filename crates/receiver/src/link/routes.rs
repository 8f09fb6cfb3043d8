//! The links that are up, and the route tokens that came over them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use schleuse_protocol::limits::MAX_USED_BATCH;
use schleuse_protocol::office::TokenPool;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hop::OfficeToInner;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::Route;
use schleuse_protocol::wire::token::{RouteNonce, RouteToken};
use schleuse_transport::clock::Clock;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Tokens to have of each inner proxy. One request brings at most 48.
const STOCK: usize = 64;
/// Most tokens to fetch beyond that for whoever waits; more than that wait for each other.
const MOST_DEMAND: usize = 1024;
/// How long a mint request waits for a link or for tokens, from the last that came.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits in all: an inner proxy may hand out tokens slowly.
const LONGEST: Duration = Duration::from_secs(30);

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
}

/// How a link to an inner proxy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The inner proxy.
    pub inner: String,
    /// Where it is dialled.
    pub address: String,
    /// Whether it is connected.
    pub up: bool,
    /// Route tokens in stock.
    pub tokens: u64,
    /// What went wrong last, while it is not connected.
    pub trouble: Option<String>,
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
        let generation = {
            let mut state = self.lock();
            let link = state.links.entry(inner).or_default();
            link.generation += 1;
            link.control = Some(sender);
            link.trouble = None;
            let generation = link.generation;
            state.pool.handle_connected(inner);
            generation
        };
        self.refill();
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

    /// An attempt to connect failed.
    pub(crate) fn failed(&self, inner: MemberId, trouble: String) {
        self.lock().links.entry(inner).or_default().trouble = Some(trouble);
    }

    /// Tokens came over the connection of this generation.
    pub(crate) fn tokens(&self, inner: MemberId, generation: u64, not_after: UnixSeconds, tokens: Vec<RouteToken>) {
        {
            let mut state = self.lock();
            if state.links.get(&inner).is_none_or(|link| link.generation != generation) {
                return;
            }
            state.pool.handle_tokens(&inner, not_after, tokens);
        }
        self.refill();
        self.changed.send_replace(());
    }

    /// Asks for tokens where the stock is low or stale.
    pub(crate) fn refill(&self) {
        let mut state = self.lock();
        let State { pool, links, .. } = &mut *state;
        while let Some((inner, request)) = pool.poll_request(self.clock.unix()) {
            let sent = links.get(&inner).and_then(|link| link.control.as_ref()).map(|control| control.send(request));
            if !matches!(sent, Some(Ok(()))) {
                // The link has just ended; its task connects anew.
                pool.handle_disconnected(&inner);
            }
        }
    }

    /// Routes for so many tickets, all or none: for each one over every inner proxy that is connected. Waits a little for
    /// links and tokens that are on their way.
    pub(crate) async fn take(&self, tickets: usize, not_after: UnixSeconds) -> Result<Vec<Vec<Route>>, Shortage> {
        let mut changed = self.changed.subscribe();
        let deadline = Instant::now() + LONGEST;
        let mut awaited = None;
        let mut in_time = true;
        loop {
            changed.mark_unchanged();
            let taken = {
                let mut state = self.lock();
                (state.is_stocked(tickets) || !in_time).then(|| state.pool.take_for_each(tickets, not_after))
            };
            self.refill();
            match taken {
                Some(Ok(routes)) => return Ok(routes),
                Some(Err(there)) if !in_time => return Err(Shortage { wanted: tickets, there }),
                _ => awaited.get_or_insert_with(|| Awaited::new(self, tickets)),
            };
            let until = deadline.min(Instant::now() + PATIENCE);
            in_time = tokio::time::timeout_at(until, changed.changed()).await.is_ok() && Instant::now() < deadline;
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
        let state = self.lock();
        let status = |(inner, link): (&MemberId, &Link)| LinkStatus {
            inner: inner.to_string(),
            address: link.address.clone(),
            up: link.control.is_some(),
            tokens: state.pool.len(inner) as u64,
            trouble: link.trouble.clone(),
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

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }
}

impl State {
    /// Whether at least one link is up, and every link that is up has tokens for so many tickets.
    fn is_stocked(&self, tickets: usize) -> bool {
        let mut up = self.links.iter().filter(|(_, link)| link.control.is_some()).peekable();
        up.peek().is_some() && up.all(|(inner, _)| self.pool.len(inner) >= tickets)
    }

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
mod tests {
    use schleuse_protocol::wire::token::Epoch;

    use super::*;

    fn inner(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    fn routes() -> Routes {
        Routes::new(Clock::start(), ["a", "b"].map(|name| (inner(name), format!("{name}:1"))))
    }

    fn token(number: u8) -> RouteToken {
        RouteToken { epoch: Epoch(1), nonce: RouteNonce([number; 16]), sealed: [0; 40], mac: [0; 16] }
    }

    fn far(routes: &Routes) -> UnixSeconds {
        routes.clock.unix().after(schleuse_protocol::limits::EPOCH)
    }

    #[tokio::test(start_paused = true)]
    async fn a_mint_waits_for_tokens_on_their_way_and_gets_every_connected_route() {
        let routes = routes();
        let (mut first, mut second) = (routes.connected(inner("a")), routes.connected(inner("b")));
        assert!(matches!(first.control.try_recv(), Ok(OfficeToInner::TokensWanted { count: 48, .. })));
        assert!(second.control.try_recv().is_ok());
        let until = far(&routes);
        routes.tokens(inner("a"), first.generation, until, vec![token(1)]);
        let answer = async { routes.tokens(inner("b"), second.generation, until, vec![token(2)]) };
        let (taken, ()) = tokio::join!(routes.take(1, routes.clock.unix()), answer);
        assert_eq!(taken.unwrap()[0].len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_link_a_mint_fails_in_time() {
        let routes = routes();
        let before = Instant::now();
        assert_eq!(routes.take(1, routes.clock.unix()).await, Err(Shortage { wanted: 1, there: 0 }));
        assert_eq!(before.elapsed(), PATIENCE);
    }

    /// Answers every request for tokens at once.
    async fn generous(routes: &Routes, name: &str, link: &mut Connected) {
        while let Some(OfficeToInner::TokensWanted { count, not_after }) = link.control.recv().await {
            routes.tokens(inner(name), link.generation, not_after, (0..count).map(|_| token(1)).collect());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_tickets_wait_until_there_are_tokens_for_all() {
        let routes = routes();
        let mut link = routes.connected(inner("a"));
        let taken = tokio::select! {
            taken = routes.take(500, routes.clock.unix()) => taken.unwrap(),
            () = generous(&routes, "a", &mut link) => unreachable!("the link is up"),
        };
        assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), vec![1; 500]);
        assert_eq!(routes.lock().awaited, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn when_tokens_run_short_none_is_taken() {
        let routes = routes();
        let link = routes.connected(inner("a"));
        routes.tokens(inner("a"), link.generation, far(&routes), (0..48).map(token).collect());
        assert_eq!(routes.take(100, routes.clock.unix()).await, Err(Shortage { wanted: 100, there: 48 }));
        assert_eq!((routes.status()[0].tokens, routes.lock().awaited), (48, 0));
        assert_eq!(routes.take(48, routes.clock.unix()).await.unwrap().len(), 48);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_many_keeps_nobody_from_one() {
        let routes = routes();
        let link = routes.connected(inner("a"));
        let one = async {
            assert_eq!(routes.lock().awaited, 100, "the other waits");
            routes.tokens(inner("a"), link.generation, far(&routes), (0..48).map(token).collect());
            tokio::task::yield_now().await;
            routes.take(1, routes.clock.unix()).await
        };
        let (many, one) = tokio::join!(routes.take(100, routes.clock.unix()), one);
        assert_eq!(one.unwrap().len(), 1);
        assert_eq!(many, Err(Shortage { wanted: 100, there: 47 }));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_slow_link_ends_in_time() {
        let routes = routes();
        let link = routes.connected(inner("a"));
        let before = Instant::now();
        let slow = async {
            loop {
                tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
                routes.tokens(inner("a"), link.generation, far(&routes), vec![token(1)]);
            }
        };
        let taken = tokio::select! {
            taken = routes.take(100, routes.clock.unix()) => taken,
            () = slow => unreachable!("it goes on for ever"),
        };
        assert_eq!(taken, Err(Shortage { wanted: 100, there: 7 }));
        assert_eq!(before.elapsed(), LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_connection_cannot_disconnect_a_newer_one() {
        let routes = routes();
        let old = routes.connected(inner("a"));
        let new = routes.connected(inner("a"));
        routes.disconnected(inner("a"), old.generation);
        routes.tokens(inner("a"), old.generation, far(&routes), vec![token(1)]);
        assert!(routes.status()[0].up);
        assert_eq!(routes.status()[0].tokens, 0, "tokens of the old connection count");
        routes.tokens(inner("a"), new.generation, far(&routes), vec![token(1)]);
        assert_eq!(routes.take(1, routes.clock.unix()).await.unwrap()[0].len(), 1);
        routes.disconnected(inner("a"), new.generation);
        assert!(!routes.status()[0].up);
    }

    #[tokio::test(start_paused = true)]
    async fn used_tokens_are_reported_to_whom_they_belong() {
        let routes = routes();
        let mut link = routes.connected(inner("a"));
        link.control.try_recv().unwrap();
        routes.report_used(&[(RouteNonce([1; 16]), inner("a")), (RouteNonce([2; 16]), inner("b"))]);
        assert_eq!(link.control.try_recv().unwrap(), OfficeToInner::Used(vec![RouteNonce([1; 16])]));
        assert!(link.control.try_recv().is_err());
    }
}
