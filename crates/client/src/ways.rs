//! Which route through which outer proxy is tried next.

use std::collections::{HashMap, HashSet};

use schleuse_directory::VerifiedDirectory;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::Route;
use tokio::time::Instant;

use crate::dial::Candidate;
use crate::health::{Health, Part};
use crate::pool::Pool;

/// The routes of a ticket and how they did, for one sending.
pub(crate) struct Ways {
    office: MemberId,
    routes: Vec<Route>,
    /// Which outer proxy refused which route.
    refusals: HashSet<(MemberId, usize)>,
    /// How often each pair was tried since the last progress.
    tries: HashMap<(MemberId, usize), u32>,
    /// Further tries that need no waiting, since the last progress.
    at_once: usize,
}

/// An outer proxy and a route, by its place in the ticket.
pub(crate) type Way = (MemberId, usize);

impl Ways {
    pub(crate) fn new(office: MemberId, routes: Vec<Route>) -> Self {
        let at_once = routes.len();
        Self { office, routes, refusals: HashSet::new(), tries: HashMap::new(), at_once }
    }

    pub(crate) fn route(&self, index: usize) -> &Route {
        &self.routes[index]
    }

    /// What can be at fault on a way.
    pub(crate) fn parts(&self, way: Way) -> [Part; 2] {
        [Part::Outer(way.0), self.route_part(way.1)]
    }

    fn route_part(&self, route: usize) -> Part {
        Part::Route { inner: self.routes[route].inner, office: self.office }
    }

    /// The outer proxies of the directory, the best first: without known failures, not in use by this sending, least tried,
    /// connected. Without those that have refused every route.
    pub(crate) fn candidates(
        &self,
        (directory, unix): (&VerifiedDirectory, UnixSeconds),
        pool: &Pool,
        health: &Health,
        busy: Option<Way>,
    ) -> Vec<Candidate> {
        let now = Instant::now();
        let mut outers: Vec<_> =
            directory.outers().filter(|outer| outer.is_valid_at(unix)).map(Candidate::of).collect();
        let first = pool.first_of(outers.len());
        outers.rotate_left(first);
        outers.retain(|candidate| self.best_route(candidate.outer, busy, health).is_some());
        outers.sort_by_cached_key(|candidate| {
            let outer = candidate.outer;
            let is_busy = busy.is_some_and(|(busy, _)| busy == outer);
            let tries = (0..self.routes.len()).map(|route| self.tries_of((outer, route))).min();
            (health.penalty(Part::Outer(outer), now), is_busy, tries, !pool.has_link(candidate))
        });
        outers
    }

    /// The route to try over this outer proxy; `None` if it has refused all of them.
    pub(crate) fn best_route(&self, outer: MemberId, busy: Option<Way>, health: &Health) -> Option<usize> {
        let now = Instant::now();
        let open = (0..self.routes.len()).filter(|route| !self.refusals.contains(&(outer, *route)));
        open.min_by_key(|route| {
            let is_busy = busy.is_some_and(|(_, busy)| busy == *route);
            (health.penalty(self.route_part(*route), now), is_busy, self.tries_of((outer, *route)))
        })
    }

    /// Whether there is any way but this one.
    pub(crate) fn has_another(&self, (outer, route): Way, outers: usize) -> bool {
        outers > 1 || (0..self.routes.len()).any(|other| other != route && !self.refusals.contains(&(outer, other)))
    }

    pub(crate) fn tried(&mut self, way: Way) {
        *self.tries.entry(way).or_default() += 1;
    }

    fn tries_of(&self, way: Way) -> u32 {
        self.tries.get(&way).copied().unwrap_or_default()
    }

    /// This way was refused without a reason, which anybody on it can do.
    pub(crate) fn refused(&mut self, way: Way) {
        self.refusals.insert(way);
    }

    /// Whether that is final: every route was refused over two outer proxies, or the only one (protocol.md 9.1).
    pub(crate) fn are_all_refused(&self, outers: usize) -> bool {
        let mut by_outer: HashMap<MemberId, usize> = HashMap::new();
        self.refusals.iter().for_each(|(outer, _)| *by_outer.entry(*outer).or_default() += 1);
        by_outer.values().filter(|refused| **refused == self.routes.len()).count() >= outers.clamp(1, 2)
    }

    /// Whether the next try need not wait. There are as many of these as routes, until there is progress again.
    pub(crate) fn may_try_at_once(&mut self) -> bool {
        let may = self.at_once > 0;
        self.at_once = self.at_once.saturating_sub(1);
        may
    }

    /// Something was stored: all ways are as good as new.
    pub(crate) fn progressed(&mut self) {
        self.at_once = self.routes.len();
        self.tries.clear();
    }
}

#[cfg(test)]
mod tests {
    use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};

    use super::*;

    fn member(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    fn ways(inners: &[&str]) -> Ways {
        let token = RouteToken { epoch: Epoch(1), nonce: RouteNonce([0; 16]), sealed: [0; 48], mac: [0; 16] };
        let route = |inner: &&str| Route { inner: member(inner), token };
        Ways::new(member("office"), inners.iter().map(route).collect())
    }

    #[test]
    fn every_route_is_tried_once_before_one_is_tried_again() {
        let (mut ways, health, outer) =
            (ways(&["inner-1", "inner-2", "inner-3"]), Health::default(), member("outer-1"));
        let order: Vec<_> = (0..6)
            .map(|_| {
                let route = ways.best_route(outer, None, &health).unwrap();
                ways.tried((outer, route));
                route
            })
            .collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
        ways.progressed();
        assert_eq!(ways.best_route(outer, None, &health), Some(0));
    }

    #[test]
    fn a_route_that_failed_for_others_or_is_in_use_is_not_the_first_choice() {
        let (ways, mut health, outer) = (ways(&["inner-1", "inner-2"]), Health::default(), member("outer-1"));
        assert_eq!(ways.best_route(outer, Some((outer, 0)), &health), Some(1));
        let now = Instant::now();
        health.failed(ways.parts((outer, 0))[1], 1.0, None, now);
        assert_eq!(ways.best_route(outer, None, &health), Some(1));
        // Known to fail is worse than in use.
        assert_eq!(ways.best_route(outer, Some((outer, 1)), &health), Some(1));
        // Another office behind the same proxy is another matter.
        let part = Part::Route { inner: member("inner-1"), office: member("another") };
        assert_eq!(health.penalty(part, now), 0);
    }

    #[test]
    fn a_proxy_is_not_asked_again_for_a_route_that_it_refused() {
        let (mut ways, health, outer) = (ways(&["inner-1", "inner-2"]), Health::default(), member("outer-1"));
        ways.refused((outer, 0));
        assert_eq!(ways.best_route(outer, None, &health), Some(1));
        assert!(!ways.has_another((outer, 1), 1));
        ways.refused((outer, 1));
        assert_eq!(ways.best_route(outer, None, &health), None);
        assert_eq!(ways.best_route(member("outer-2"), None, &health), Some(0));
    }

    #[test]
    fn one_outer_proxy_alone_cannot_make_a_refusal_final() {
        let mut ways = ways(&["inner-1", "inner-2"]);
        ways.refused((member("outer-1"), 0));
        assert!(!ways.are_all_refused(1));
        ways.refused((member("outer-1"), 1));
        assert!(!ways.are_all_refused(2) && !ways.are_all_refused(3));
        assert!(ways.are_all_refused(1), "the only one is believed");
        ways.refused((member("outer-2"), 1));
        assert!(!ways.are_all_refused(2));
        ways.refused((member("outer-2"), 0));
        assert!(ways.are_all_refused(2) && ways.are_all_refused(3));
    }

    #[test]
    fn as_many_tries_as_routes_need_no_waiting() {
        let mut ways = ways(&["inner-1", "inner-2"]);
        assert_eq!([(); 3].map(|()| ways.may_try_at_once()), [true, true, false]);
        ways.progressed();
        assert!(ways.may_try_at_once());
    }
}
