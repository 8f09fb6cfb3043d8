use alloc::vec;
use core::time::Duration;

use super::*;
use crate::limits::EPOCH;
use crate::wire::token::Epoch;

const START: UnixSeconds = UnixSeconds(1_800_000_000);
const KEY: TokenKeyId = TokenKeyId([1; 8]);

fn now() -> Now {
    at(Duration::ZERO)
}

fn at(passed: Duration) -> Now {
    Now { millis: Millis(0).after(passed), unix: START.after(passed) }
}

fn far() -> UnixSeconds {
    START.after(EPOCH)
}

fn token(number: u8) -> RouteToken {
    token_until(number, far())
}

fn token_until(number: u8, not_after: UnixSeconds) -> RouteToken {
    RouteToken { epoch: Epoch::of(not_after), nonce: RouteNonce([number; 16]), sealed: [0; 48], mac: [0; 16] }
}

fn inner(name: &str) -> MemberId {
    name.parse().unwrap()
}

/// Linked with these inner proxies, and every first request is sent.
fn linked(target: usize, names: &[&str]) -> TokenPool {
    let mut pool = TokenPool::new(target);
    for name in names {
        pool.handle_connected(inner(name));
        pool.handle_key(&inner(name), KEY);
    }
    while pool.poll_request(now()).is_some() {}
    pool
}

fn give(pool: &mut TokenPool, name: &str, numbers: impl IntoIterator<Item = u8>) -> Result<(), TokenFault> {
    pool.handle_tokens(&inner(name), far(), numbers.into_iter().map(token).collect(), |_| false, now())
}

fn asked(pool: &mut TokenPool, now: Now) -> Option<u16> {
    match pool.poll_request(now)? {
        (_, OfficeToInner::TokensWanted { count, .. }) => Some(count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn asks_once_until_the_answer_is_there() {
    let mut pool = TokenPool::new(4);
    assert_eq!(pool.poll_request(now()), None);
    pool.handle_connected(inner("a"));
    assert_eq!(pool.poll_request(now()), None, "its key is not known yet");
    pool.handle_key(&inner("a"), KEY);
    let wanted = OfficeToInner::TokensWanted { count: 4, not_after: far() };
    assert_eq!(pool.poll_request(now()), Some((inner("a"), wanted.clone())));
    assert_eq!(pool.poll_request(now()), None);

    pool.handle_disconnected(&inner("a"));
    pool.handle_connected(inner("a"));
    pool.handle_key(&inner("a"), KEY);
    assert_eq!(pool.poll_request(now()), Some((inner("a"), wanted)), "a lost request is repeated");
    assert_eq!(give(&mut pool, "a", 0..4), Ok(()));
    assert_eq!(pool.poll_request(now()), None);
    assert_eq!(give(&mut pool, "a", 4..8), Err(TokenFault::Unasked));
    assert_eq!(pool.usable(&inner("a"), START), 4);
}

#[test]
fn a_ticket_gets_one_route_over_each_connected_inner_proxy() {
    let mut pool = linked(2, &["a", "b", "c"]);
    for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
        let _ = give(&mut pool, name, [number]);
    }
    pool.handle_disconnected(&inner("c"));
    let routes = pool.take_routes(START).unwrap();
    assert_eq!(routes.iter().map(|route| route.inner).collect::<Vec<_>>(), [inner("a"), inner("b")]);
    assert_eq!(pool.take_routes(START), Err(NoRoute));
}

#[test]
fn a_demand_raises_the_stock_until_it_is_taken_back() {
    let mut pool = TokenPool::new(4);
    pool.handle_connected(inner("a"));
    pool.handle_key(&inner("a"), KEY);
    pool.set_demand(100);
    let mut wanted = 0;
    while let Some(count) = asked(&mut pool, now()) {
        assert_eq!(give(&mut pool, "a", wanted..wanted + u8::try_from(count).unwrap()), Ok(()));
        wanted += u8::try_from(count).unwrap();
    }
    assert_eq!((wanted, pool.usable(&inner("a"), START)), (104, 104));
    assert_eq!(pool.take_for_each(100, START).unwrap().len(), 100);
    pool.set_demand(0);
    assert_eq!(pool.poll_request(now()), None, "the usual stock is there");
}

#[test]
fn many_tickets_get_routes_or_none_of_them() {
    let mut pool = linked(4, &["a", "b"]);
    let _ = give(&mut pool, "a", 0..2);
    let _ = give(&mut pool, "b", 10..14);
    assert_eq!(pool.take_for_each(5, START), Err(4));
    assert_eq!((pool.usable(&inner("a"), START), pool.usable(&inner("b"), START)), (2, 4), "a failure takes nothing");
    let routes = pool.take_for_each(4, START).unwrap();
    assert_eq!(routes.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 1]);
    assert_eq!(pool.take_for_each(1, START), Err(0));
    assert_eq!(pool.take_for_each(0, START), Ok(vec![]));
}

#[test]
fn tickets_begin_with_each_inner_proxy_in_turn() {
    let mut pool = linked(4, &["a", "b"]);
    let _ = give(&mut pool, "a", 0..4);
    let _ = give(&mut pool, "b", 10..14);
    let firsts: Vec<_> = (0..4).map(|_| pool.take_routes(START).unwrap()[0].inner).collect();
    assert_eq!(firsts, ["a", "b", "a", "b"].map(inner));
}

#[test]
fn a_route_lives_as_long_as_its_ticket() {
    let mut pool = linked(1, &["a"]);
    let half = START.after(EPOCH / 2);
    let tokens = vec![token_until(1, half)];
    assert_eq!(pool.handle_tokens(&inner("a"), half, tokens, |_| false, now()), Ok(()));
    assert_eq!(pool.take_routes(far()), Err(NoRoute));
    assert!(pool.take_routes(half).is_ok());
}

#[test]
fn tokens_that_live_a_day_are_replaced_after_a_third_of_it_and_not_before() {
    let mut pool = linked(4, &["a"]);
    let day = Duration::from_secs(24 * 3600);
    let give = |pool: &mut TokenPool, numbers: core::ops::Range<u8>, passed| {
        let until = START.after(passed).after(day);
        let tokens = numbers.map(|number| token_until(number, until)).collect();
        pool.handle_tokens(&inner("a"), until, tokens, |_| false, at(passed))
    };
    assert_eq!(give(&mut pool, 0..4, Duration::ZERO), Ok(()));
    let third = day / 3;
    assert_eq!(asked(&mut pool, at(third - Duration::from_secs(1))), None);
    assert_eq!(asked(&mut pool, at(third)), Some(4));
    assert_eq!(pool.usable(&inner("a"), START), 4, "they serve until others are there");
    assert_eq!(give(&mut pool, 4..8, third), Ok(()));
    assert_eq!((pool.usable(&inner("a"), START), asked(&mut pool, at(third))), (4, None));
}

#[test]
fn whoever_answers_badly_is_asked_ever_more_seldom() {
    for answer in [vec![], vec![token(1), token(1), token(1), token(1)], vec![token_until(1, START); 4]] {
        let mut pool = linked(4, &["a"]);
        let mut requests = 0;
        let mut passed = Duration::ZERO;
        while passed < Duration::from_secs(3600) {
            let not_after =
                answer.first().map_or(far(), |first| if first.epoch == token(1).epoch { far() } else { START });
            let delivered = pool.handle_tokens(&inner("a"), not_after, answer.clone(), |_| false, at(passed));
            assert!(delivered.is_err());
            requests += 1;
            assert_eq!(asked(&mut pool, at(passed)), None, "at once");
            let due = pool.poll_timeout(&inner("a")).expect("it will be asked again");
            passed = due.since(Millis(0));
            assert!(asked(&mut pool, at(passed)).is_some());
        }
        assert!(requests <= 6 + 3600 / 60, "{requests} requests in an hour");
    }
}

#[test]
fn a_good_answer_ends_the_waiting() {
    let mut pool = linked(4, &["a"]);
    assert_eq!(give(&mut pool, "a", []), Err(TokenFault::Few));
    let later = at(Duration::from_secs(1));
    assert_eq!(asked(&mut pool, later), Some(4));
    assert_eq!(give(&mut pool, "a", 0..4), Ok(()));
    assert_eq!(pool.poll_timeout(&inner("a")), None);
    assert!(pool.take_for_each(4, START).is_ok());
    assert_eq!(asked(&mut pool, later), Some(4));
}

#[test]
fn a_nonce_is_taken_once() {
    let mut pool = linked(4, &["a", "b"]);
    assert_eq!(give(&mut pool, "a", [1, 2, 1, 3]), Err(TokenFault::Repeated));
    assert_eq!(give(&mut pool, "b", [10, 2, 11, 12]), Err(TokenFault::Repeated), "it is the other's");
    let tokens = (20..24).map(token).collect();
    asked(&mut pool, at(Duration::from_secs(1)));
    let used = |nonce: &RouteNonce| nonce.0[0] == 21;
    assert_eq!(pool.handle_tokens(&inner("b"), far(), tokens, used, now()), Err(TokenFault::Unasked));
    let mut nonces = Vec::new();
    while let Ok(routes) = pool.take_routes(START) {
        nonces.extend(routes.iter().map(|route| route.token.nonce.0[0]));
    }
    nonces.sort_unstable();
    assert_eq!(nonces, [1, 2, 3, 10, 11, 12]);
}

#[test]
fn a_nonce_that_is_in_a_ticket_is_not_taken() {
    let mut pool = linked(4, &["a"]);
    let used = |nonce: &RouteNonce| nonce.0[0] == 2;
    let delivered = pool.handle_tokens(&inner("a"), far(), (0..4).map(token).collect(), used, now());
    assert_eq!((delivered, pool.usable(&inner("a"), START)), (Err(TokenFault::Repeated), 3));
}

#[test]
fn a_token_that_contradicts_what_is_said_of_it_is_not_taken() {
    let mut pool = linked(1, &["a"]);
    let tokens = vec![token_until(1, START)];
    assert_eq!(pool.handle_tokens(&inner("a"), far(), tokens, |_| false, now()), Err(TokenFault::Odd));
    assert_eq!(pool.usable(&inner("a"), START), 0);
}

#[test]
fn nothing_is_taken_beyond_what_was_asked_for() {
    let mut pool = linked(4, &["a"]);
    assert_eq!(give(&mut pool, "a", 0..48), Ok(()));
    assert_eq!(pool.usable(&inner("a"), START), 4);

    let mut pool = linked(1, &["a"]);
    let late = far().after(EPOCH);
    assert_eq!(pool.handle_tokens(&inner("a"), late, vec![token_until(1, late)], |_| false, now()), Ok(()));
    assert_eq!((pool.usable(&inner("a"), far()), pool.usable(&inner("a"), late)), (1, 0));
}

#[test]
fn tokens_of_another_key_are_thrown_away() {
    let mut pool = linked(4, &["a"]);
    let _ = give(&mut pool, "a", 0..4);
    pool.handle_disconnected(&inner("a"));
    pool.handle_connected(inner("a"));
    assert_eq!(pool.take_routes(START), Err(NoRoute), "the key may have changed");
    assert_eq!(pool.handle_key(&inner("a"), KEY), 0);
    assert_eq!(pool.usable(&inner("a"), START), 4, "the same key, on whatever instance");

    pool.handle_disconnected(&inner("a"));
    pool.handle_connected(inner("a"));
    assert_eq!(pool.handle_key(&inner("a"), TokenKeyId([2; 8])), 4);
    assert_eq!((pool.usable(&inner("a"), START), pool.take_routes(START)), (0, Err(NoRoute)));
    assert_eq!(asked(&mut pool, now()), Some(4));
}

#[test]
fn nobody_waits_for_a_proxy_with_a_fault() {
    let mut pool = linked(4, &["a", "b"]);
    assert_eq!(pool.supply(1, START), Supply::Short);
    let _ = give(&mut pool, "a", 0..4);
    assert_eq!(pool.supply(1, START), Supply::Some, "the other may be about to answer");
    let _ = give(&mut pool, "b", []);
    assert_eq!(pool.supply(1, START), Supply::All);
    assert_eq!(pool.supply(5, START), Supply::Short);

    let mut pool = linked(4, &["a", "b"]);
    let _ = give(&mut pool, "a", 0..4);
    pool.handle_overdue(&inner("b"));
    assert_eq!(pool.supply(1, START), Supply::All);
    assert_eq!(give(&mut pool, "b", 10..11), Err(TokenFault::Few));
}

#[test]
fn a_wait_that_is_over_leaves_no_timer_behind() {
    let mut pool = linked(4, &["a"]);
    assert_eq!(give(&mut pool, "a", 0..3), Err(TokenFault::Few));
    let due = at(Duration::from_secs(1));
    assert_eq!(pool.poll_timeout(&inner("a")), Some(due.millis));
    assert_eq!(asked(&mut pool, due), None, "three are enough");
    assert_eq!(pool.poll_timeout(&inner("a")), None);
}
