//! The route tokens that an office has in stock: what to ask for, and which to put into a ticket.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::limits::{EPOCH, MAX_ROUTES, MAX_TOKEN_BATCH};
use crate::time::UnixSeconds;
use crate::wire::hop::OfficeToInner;
use crate::wire::name::MemberId;
use crate::wire::ticket::Route;
use crate::wire::token::RouteToken;

/// Tokens of every connected inner proxy. Soft state: an office that restarts asks for new ones.
#[derive(Debug)]
pub struct TokenPool {
    /// How many to have of each inner proxy.
    target: usize,
    /// How many are wanted beyond that, because many tickets are to be minted at once.
    demand: usize,
    inners: BTreeMap<MemberId, Stock>,
    /// How many tickets got routes.
    tickets: usize,
}

#[derive(Debug, Default)]
struct Stock {
    connected: bool,
    /// Tokens asked for and not there yet.
    outstanding: bool,
    /// Oldest first.
    tokens: VecDeque<(UnixSeconds, RouteToken)>,
}

/// No inner proxy has a token that lives long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no route to this office is available just now: is it connected to an inner proxy?")]
pub struct NoRoute;

impl TokenPool {
    /// A pool that keeps about `target` tokens of each inner proxy.
    pub fn new(target: usize) -> Self {
        Self { target: target.max(1), demand: 0, inners: BTreeMap::new(), tickets: 0 }
    }

    /// The control stream to this inner proxy is there.
    pub fn handle_connected(&mut self, inner: MemberId) {
        let stock = self.inners.entry(inner).or_default();
        stock.connected = true;
        stock.outstanding = false;
    }

    /// The connection to this inner proxy is gone, or it drains. Its tokens stay valid, but no new ticket shall depend on
    /// it.
    pub fn handle_disconnected(&mut self, inner: &MemberId) {
        if let Some(stock) = self.inners.get_mut(inner) {
            stock.connected = false;
            stock.outstanding = false;
        }
    }

    /// An inner proxy sent tokens.
    pub fn handle_tokens(&mut self, inner: &MemberId, not_after: UnixSeconds, tokens: Vec<RouteToken>) {
        let Some(stock) = self.inners.get_mut(inner) else { return };
        // What was not asked for is not kept: an inner proxy cannot fill the office's memory.
        if core::mem::take(&mut stock.outstanding) {
            stock.tokens.extend(tokens.into_iter().take(MAX_TOKEN_BATCH).map(|token| (not_after, token)));
        }
    }

    /// So many tickets wait for their routes: until this is taken back, as many tokens are fetched beyond the usual stock.
    pub fn set_demand(&mut self, tickets: usize) {
        self.demand = tickets;
    }

    /// The next request to send, if a stock is less than half full. Tokens of which a third of their life is over are
    /// replaced: tickets are to live long.
    pub fn poll_request(&mut self, now: UnixSeconds) -> Option<(MemberId, OfficeToInner)> {
        let (low, target) = (self.target / 2 + self.demand, self.target + self.demand);
        let stale = now.after(EPOCH - EPOCH / 3);
        self.inners.iter_mut().find_map(|(inner, stock)| {
            stock.tokens.retain(|(not_after, _)| *not_after >= stale);
            if !stock.connected || stock.outstanding || stock.tokens.len() > low {
                return None;
            }
            stock.outstanding = true;
            let count = (target - stock.tokens.len()).min(MAX_TOKEN_BATCH);
            let count = u16::try_from(count).expect("a batch is small");
            Some((*inner, OfficeToInner::TokensWanted { count, not_after: now.after(EPOCH) }))
        })
    }

    /// One route over each connected inner proxy, valid at least until `not_after`; at most [`MAX_ROUTES`]. Senders try
    /// them in their order, so each ticket begins with another one.
    pub fn take_routes(&mut self, not_after: UnixSeconds) -> Result<Vec<Route>, NoRoute> {
        let mut routes = Vec::new();
        for (inner, stock) in self.inners.iter_mut().filter(|(_, stock)| stock.connected) {
            if routes.len() == MAX_ROUTES {
                break;
            }
            let Some(index) = stock.tokens.iter().position(|(until, _)| *until >= not_after) else { continue };
            routes.extend(stock.tokens.remove(index).map(|(_, token)| Route { inner: *inner, token }));
        }
        if routes.is_empty() {
            return Err(NoRoute);
        }
        let first = self.tickets % routes.len();
        routes.rotate_left(first);
        self.tickets = self.tickets.wrapping_add(1);
        Ok(routes)
    }

    /// Routes for so many tickets, or for none of them: then it says for how many there are tokens.
    pub fn take_for_each(&mut self, tickets: usize, not_after: UnixSeconds) -> Result<Vec<Vec<Route>>, usize> {
        let usable = |stock: &Stock| stock.tokens.iter().filter(|(until, _)| *until >= not_after).count();
        let most = self.inners.values().filter(|stock| stock.connected).map(usable).max().unwrap_or(0);
        if most < tickets {
            return Err(most);
        }
        (0..tickets).map(|_| self.take_routes(not_after).map_err(|NoRoute| most)).collect()
    }

    /// How many tokens of this inner proxy are in stock.
    pub fn len(&self, inner: &MemberId) -> usize {
        self.inners.get(inner).map_or(0, |stock| stock.tokens.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::token::{Epoch, RouteNonce};

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    fn token(number: u8) -> RouteToken {
        RouteToken { epoch: Epoch(1), nonce: RouteNonce([number; 16]), sealed: [0; 40], mac: [0; 16] }
    }

    fn inner(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    #[test]
    fn asks_once_until_the_answer_has_come() {
        let mut pool = TokenPool::new(4);
        assert_eq!(pool.poll_request(NOW), None);
        pool.handle_connected(inner("a"));
        let wanted = OfficeToInner::TokensWanted { count: 4, not_after: NOW.after(EPOCH) };
        assert_eq!(pool.poll_request(NOW), Some((inner("a"), wanted.clone())));
        assert_eq!(pool.poll_request(NOW), None);

        pool.handle_disconnected(&inner("a"));
        pool.handle_connected(inner("a"));
        assert_eq!(pool.poll_request(NOW), Some((inner("a"), wanted)), "a lost request is repeated");
        pool.handle_tokens(&inner("a"), NOW.after(EPOCH), (0..4).map(token).collect());
        assert_eq!(pool.poll_request(NOW), None);
        pool.handle_tokens(&inner("a"), NOW.after(EPOCH), (4..8).map(token).collect());
        assert_eq!(pool.len(&inner("a")), 4, "nobody asked for these");
    }

    #[test]
    fn a_ticket_gets_one_route_over_each_connected_inner_proxy() {
        let mut pool = TokenPool::new(2);
        for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
            pool.handle_connected(inner(name));
            while pool.poll_request(NOW).is_some() {}
            pool.handle_tokens(&inner(name), NOW.after(EPOCH), alloc::vec![token(number)]);
        }
        pool.handle_disconnected(&inner("c"));
        let routes = pool.take_routes(NOW).unwrap();
        assert_eq!(routes.iter().map(|route| route.inner).collect::<Vec<_>>(), [inner("a"), inner("b")]);
        assert_eq!(pool.take_routes(NOW), Err(NoRoute));
    }

    #[test]
    fn a_demand_raises_the_stock_until_it_is_taken_back() {
        let mut pool = TokenPool::new(4);
        pool.handle_connected(inner("a"));
        pool.set_demand(100);
        let mut asked = 0;
        while let Some((_, OfficeToInner::TokensWanted { count, .. })) = pool.poll_request(NOW) {
            asked += usize::from(count);
            pool.handle_tokens(&inner("a"), NOW.after(EPOCH), (0..count).map(|_| token(1)).collect());
        }
        assert_eq!((asked, pool.len(&inner("a"))), (104, 104));
        assert_eq!(pool.take_for_each(100, NOW).unwrap().len(), 100);
        pool.set_demand(0);
        assert_eq!(pool.poll_request(NOW), None, "the usual stock is there");
    }

    #[test]
    fn many_tickets_get_routes_or_none_of_them() {
        let mut pool = TokenPool::new(4);
        for (name, count) in [("a", 2), ("b", 4)] {
            pool.handle_connected(inner(name));
            while pool.poll_request(NOW).is_some() {}
            pool.handle_tokens(&inner(name), NOW.after(EPOCH), (0..count).map(token).collect());
        }
        assert_eq!(pool.take_for_each(5, NOW), Err(4));
        assert_eq!((pool.len(&inner("a")), pool.len(&inner("b"))), (2, 4), "a failure takes nothing");
        let routes = pool.take_for_each(4, NOW).unwrap();
        assert_eq!(routes.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 1]);
        assert_eq!(pool.take_for_each(1, NOW), Err(0));
        assert_eq!(pool.take_for_each(0, NOW), Ok(alloc::vec![]));
    }

    #[test]
    fn tickets_begin_with_each_inner_proxy_in_turn() {
        let mut pool = TokenPool::new(4);
        for name in ["a", "b"] {
            pool.handle_connected(inner(name));
            while pool.poll_request(NOW).is_some() {}
            pool.handle_tokens(&inner(name), NOW.after(EPOCH), (0..4).map(token).collect());
        }
        let firsts: Vec<_> = (0..4).map(|_| pool.take_routes(NOW).unwrap()[0].inner).collect();
        assert_eq!(firsts, ["a", "b", "a", "b"].map(inner));
    }

    #[test]
    fn a_route_lives_as_long_as_its_ticket() {
        let mut pool = TokenPool::new(1);
        pool.handle_connected(inner("a"));
        assert!(pool.poll_request(NOW).is_some());
        pool.handle_tokens(&inner("a"), NOW.after(EPOCH / 2), alloc::vec![token(1)]);
        assert_eq!(pool.take_routes(NOW.after(EPOCH)), Err(NoRoute));
        assert!(pool.take_routes(NOW.after(EPOCH / 2)).is_ok());
    }
}
