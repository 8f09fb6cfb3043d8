//! The route tokens that an office has in stock: what to ask for, what to take, and which to put into a ticket.
//!
//! One inner proxy that hands out nothing, too little, garbage or the tokens of others costs its own routes only: it is
//! asked again ever more seldom, and no other proxy's tokens wait for it.

mod stock;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use stock::Stock;
pub use stock::TokenFault;

use crate::limits::{MAX_ROUTES, MAX_TOKEN_BATCH};
use crate::time::{Millis, Now, UnixSeconds};
use crate::wire::hop::OfficeToInner;
use crate::wire::name::MemberId;
use crate::wire::ticket::Route;
use crate::wire::token::{RouteNonce, RouteToken, TokenKeyId};

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

/// No inner proxy has a token that lives long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no route to this office is available just now: is it connected to an inner proxy?")]
pub struct NoRoute;

/// For how many tickets there are tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Every inner proxy that is to be waited for has enough.
    All,
    /// At least one has enough.
    Some,
    /// None has.
    Short,
}

impl TokenPool {
    /// A pool that keeps about `target` tokens of each inner proxy.
    pub fn new(target: usize) -> Self {
        Self { target: target.max(1), demand: 0, inners: BTreeMap::new(), tickets: 0 }
    }

    /// The control stream to this inner proxy is there. Its tokens count once it has said their key.
    pub fn handle_connected(&mut self, inner: MemberId) {
        self.inners.entry(inner).or_default().handle_connected();
    }

    /// The connection to this inner proxy is gone, or it drains. Its tokens stay valid, but no new ticket shall depend on
    /// it.
    pub fn handle_disconnected(&mut self, inner: &MemberId) {
        if let Some(stock) = self.inners.get_mut(inner) {
            stock.handle_disconnected();
        }
    }

    /// The inner proxy has said with which key it mints. Tokens of another one are thrown away; returns how many.
    pub fn handle_key(&mut self, inner: &MemberId, key: TokenKeyId) -> usize {
        self.inners.get_mut(inner).map_or(0, |stock| stock.handle_key(key))
    }

    /// An inner proxy sent tokens; those with a nonce that `is_used` in a ticket are not taken.
    ///
    /// # Errors
    /// What was wrong with them. What was good is taken all the same; of [`TokenFault::Unasked`], nothing.
    pub fn handle_tokens(
        &mut self,
        inner: &MemberId,
        not_after: UnixSeconds,
        tokens: Vec<RouteToken>,
        is_used: impl Fn(&RouteNonce) -> bool,
        now: Now,
    ) -> Result<(), TokenFault> {
        let Some(mut stock) = self.inners.remove(inner) else { return Err(TokenFault::Unasked) };
        let is_known = |nonce: &RouteNonce| is_used(nonce) || self.inners.values().any(|other| other.has(nonce));
        let delivered = stock.handle_tokens(not_after, tokens, is_known, now);
        self.inners.insert(*inner, stock);
        delivered
    }

    /// An inner proxy has not answered a request for a long time: nobody waits for it until it does.
    pub fn handle_overdue(&mut self, inner: &MemberId) {
        if let Some(stock) = self.inners.get_mut(inner) {
            stock.handle_overdue();
        }
    }

    /// So many tickets wait for their routes: until this is taken back, as many tokens are fetched beyond the usual stock.
    pub fn set_demand(&mut self, tickets: usize) {
        self.demand = tickets;
    }

    /// The next request to send, if a stock is less than half full. Tokens of which a third of their life is over do not
    /// count, whatever their life is. After an answer with a fault a proxy is left alone, each time longer.
    pub fn poll_request(&mut self, now: Now) -> Option<(MemberId, OfficeToInner)> {
        let (low, target) = (self.target / 2 + self.demand, self.target + self.demand);
        self.inners
            .iter_mut()
            .find_map(|(inner, stock)| Some((*inner, stock.poll_request(low, target, MAX_TOKEN_BATCH, now)?)))
    }

    /// When [`poll_request`](Self::poll_request) is to be called for this inner proxy, which was left alone.
    pub fn poll_timeout(&self, inner: &MemberId) -> Option<Millis> {
        self.inners.get(inner).and_then(Stock::poll_timeout)
    }

    /// Whether there are tokens for so many tickets that are valid until `not_after`. Nobody waits for a proxy whose last
    /// answer had a fault.
    pub fn supply(&self, tickets: usize, not_after: UnixSeconds) -> Supply {
        let has_enough = |stock: &Stock| stock.usable(not_after) >= tickets;
        let mut connected = self.inners.values().filter(|stock| stock.connected);
        if !connected.clone().any(|stock| has_enough(stock) && stock.is_usable()) {
            return Supply::Short;
        }
        match connected.all(|stock| has_enough(stock) || stock.is_faulty()) {
            true => Supply::All,
            false => Supply::Some,
        }
    }

    /// One route over each connected inner proxy, valid at least until `not_after`; at most [`MAX_ROUTES`]. Senders try
    /// them in their order, so each ticket begins with another one.
    pub fn take_routes(&mut self, not_after: UnixSeconds) -> Result<Vec<Route>, NoRoute> {
        let taken = self.inners.iter_mut().filter_map(|(inner, stock)| {
            let token = stock.take(not_after)?;
            Some(Route { inner: *inner, token })
        });
        let mut routes: Vec<_> = taken.take(MAX_ROUTES).collect();
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
        let most = self.inners.values().map(|stock| stock.usable(not_after)).max().unwrap_or(0);
        if most < tickets {
            return Err(most);
        }
        (0..tickets).map(|_| self.take_routes(not_after).map_err(|NoRoute| most)).collect()
    }

    /// How many tokens of this inner proxy may go into tickets now: they are of the key that it mints with, and do not end
    /// before `not_after`.
    pub fn usable(&self, inner: &MemberId, not_after: UnixSeconds) -> usize {
        self.inners.get(inner).map_or(0, |stock| stock.usable(not_after))
    }
}

#[cfg(test)]
mod tests;
