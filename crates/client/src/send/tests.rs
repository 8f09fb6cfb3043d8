use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};

use super::*;

fn route(inner: &str) -> Route {
    let token = RouteToken { epoch: Epoch(1), nonce: RouteNonce([0; 16]), sealed: [0; 40], admit: [0; 16] };
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
    ways.after(Interruption::OfficeAway, member("outer-1"));
    assert_eq!((ways.route().inner, ways.avoid), (member("inner-2"), None));
    ways.after(Interruption::OfficeAway, member("outer-1"));
    assert_eq!((ways.route().inner, ways.avoid), (member("inner-1"), Some(member("outer-1"))));
}

#[test]
fn a_silent_proxy_is_avoided_and_the_route_kept() {
    let mut ways = ways(&["inner-1", "inner-2"]);
    ways.after(Interruption::ProxySilent, member("outer-2"));
    assert_eq!((ways.route().inner, ways.avoid), (member("inner-1"), Some(member("outer-2"))));
}

#[test]
fn a_refused_route_is_never_used_again() {
    let mut ways = ways(&["inner-1", "inner-2", "inner-3"]);
    ways.after(Interruption::OfficeAway, member("outer-1"));
    assert!(ways.strike());
    assert_eq!(ways.route().inner, member("inner-1"));
    ways.after(Interruption::OfficeAway, member("outer-1"));
    assert_eq!(ways.route().inner, member("inner-3"));
    assert!(ways.strike());
    assert!(!ways.strike());
}

#[test]
fn every_route_is_tried_once_before_anybody_waits() {
    let mut ways = ways(&["inner-1", "inner-2"]);
    assert_eq!([ways.take_untried(), ways.take_untried(), ways.take_untried()], [true, true, false]);
}
