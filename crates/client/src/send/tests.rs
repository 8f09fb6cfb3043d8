use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};

use super::*;

fn route(inner: &str) -> Route {
    let token = RouteToken { epoch: Epoch(1), nonce: RouteNonce([0; 16]), sealed: [0; 40], mac: [0; 16] };
    Route { inner: inner.parse().unwrap(), token }
}

fn ways(inners: &[&str]) -> Ways {
    Ways::new(inners.iter().copied().map(route).collect())
}

fn member(name: &str) -> MemberId {
    name.parse().unwrap()
}

#[test]
fn an_absent_office_is_looked_for_on_all_routes_and_then_through_another_proxy() {
    let mut ways = ways(&["inner-1", "inner-2"]);
    assert_eq!(ways.route().inner, member("inner-1"));
    ways.interrupted(Interruption::OfficeAway, member("outer-1"));
    assert_eq!((ways.route().inner, ways.avoid), (member("inner-2"), None));
    ways.interrupted(Interruption::OfficeAway, member("outer-1"));
    assert_eq!((ways.route().inner, ways.avoid), (member("inner-1"), Some(member("outer-1"))));
}

#[test]
fn a_silent_proxy_is_avoided_and_the_route_kept() {
    let mut ways = ways(&["inner-1", "inner-2"]);
    ways.interrupted(Interruption::ProxySilent, member("outer-2"));
    assert_eq!((ways.route().inner, ways.avoid), (member("inner-1"), Some(member("outer-2"))));
}

#[test]
fn a_proxy_is_not_asked_again_for_a_route_that_it_refused() {
    let mut ways = ways(&["inner-1", "inner-2", "inner-3"]);
    ways.interrupted(Interruption::OfficeAway, member("outer-1"));
    assert!(ways.refused(member("outer-1"), || true));
    assert_eq!(ways.route().inner, member("inner-3"));
    ways.interrupted(Interruption::OfficeAway, member("outer-1"));
    assert_eq!(ways.route().inner, member("inner-1"));
    ways.interrupted(Interruption::OfficeAway, member("outer-1"));
    assert_eq!(ways.route().inner, member("inner-3"));
}

#[test]
fn one_outer_proxy_alone_cannot_make_a_refusal_final() {
    let mut ways = ways(&["inner-1", "inner-2"]);
    assert!(ways.refused(member("outer-1"), || true));
    assert!(ways.refused(member("outer-1"), || true));
    assert_eq!((ways.route().inner, ways.avoid), (member("inner-1"), Some(member("outer-1"))));
    assert!(ways.refused(member("outer-2"), || true));
    assert_eq!(ways.route().inner, member("inner-2"));
    assert!(!ways.refused(member("outer-2"), || true));
}

#[test]
fn the_only_outer_proxy_is_believed() {
    assert!(!ways(&["inner-1"]).refused(member("outer-1"), || false));
}

#[test]
fn every_route_is_tried_once_before_anybody_waits() {
    let mut ways = ways(&["inner-1", "inner-2"]);
    assert_eq!([ways.take_untried(), ways.take_untried(), ways.take_untried()], [true, true, false]);
}
