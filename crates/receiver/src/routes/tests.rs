use std::collections::HashSet;

use schleuse_protocol::wire::token::Epoch;

use super::*;

fn inner(name: &str) -> MemberId {
    name.parse().unwrap()
}

fn routes() -> Routes {
    Routes::new(Clock::start(), ["a", "b"].map(|name| (inner(name), format!("{name}:1"))))
}

fn token(number: u8) -> RouteToken {
    let epoch = Epoch::of(far(&routes()));
    RouteToken { epoch, nonce: RouteNonce([number; 16]), sealed: [0; 48], mac: [0; 16] }
}

/// Connects, and says with which key tokens are minted.
fn connect(routes: &Routes, name: &str) -> Connected {
    let connected = routes.connected(inner(name));
    routes.key(inner(name), connected.generation, TokenKeyId([1; 8]));
    connected
}

fn give(
    routes: &Routes,
    name: &str,
    link: &Connected,
    numbers: impl IntoIterator<Item = u8>,
) -> Result<(), TokenFault> {
    let tokens = numbers.into_iter().map(token).collect();
    routes.tokens(inner(name), link.generation, far(routes), tokens, &HashSet::new())
}

fn far(routes: &Routes) -> UnixSeconds {
    routes.clock.unix().after(schleuse_protocol::limits::EPOCH)
}

#[tokio::test(start_paused = true)]
async fn a_mint_waits_for_tokens_on_their_way_and_gets_every_connected_route() {
    let routes = routes();
    let (mut first, mut second) = (connect(&routes, "a"), connect(&routes, "b"));
    assert!(matches!(first.control.try_recv(), Ok(OfficeToInner::TokensWanted { count: 48, .. })));
    assert!(second.control.try_recv().is_ok());
    assert_eq!(give(&routes, "a", &first, 0..48), Ok(()));
    let answer = async { give(&routes, "b", &second, 100..148) };
    let before = Instant::now();
    let (taken, answered) = tokio::join!(routes.take(1, routes.clock.unix()), answer);
    assert_eq!((taken.unwrap()[0].len(), answered), (2, Ok(())));
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody else is waited for");
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
    let mut number = 0_u32;
    while let Some(OfficeToInner::TokensWanted { count, not_after }) = link.control.recv().await {
        let tokens = (0..count).map(|_| {
            number += 1;
            let mut token = token(0);
            token.nonce.0[..4].copy_from_slice(&number.to_le_bytes());
            token
        });
        routes.tokens(inner(name), link.generation, not_after, tokens.collect(), &HashSet::new()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn many_tickets_wait_until_there_are_tokens_for_all() {
    let routes = routes();
    let mut link = connect(&routes, "a");
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
    let link = connect(&routes, "a");
    assert_eq!(give(&routes, "a", &link, 0..48), Ok(()));
    assert_eq!(routes.take(100, routes.clock.unix()).await, Err(Shortage { wanted: 100, there: 48 }));
    assert_eq!((routes.status()[0].tokens, routes.lock().awaited), (48, 0));
    assert_eq!(routes.take(48, routes.clock.unix()).await.unwrap().len(), 48);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_many_keeps_nobody_from_one() {
    let routes = routes();
    let link = connect(&routes, "a");
    let one = async {
        assert_eq!(routes.lock().awaited, 100, "the other waits");
        assert_eq!(give(&routes, "a", &link, 0..48), Ok(()));
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
    let mut link = connect(&routes, "a");
    let before = Instant::now();
    let slow = async {
        let mut number = 0;
        loop {
            tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
            routes.refill();
            while link.control.try_recv().is_ok() {}
            let _ = give(&routes, "a", &link, [number]);
            number += 1;
        }
    };
    let taken = tokio::select! {
        taken = routes.take(100, routes.clock.unix()) => taken,
        () = slow => unreachable!("it goes on for ever"),
    };
    // It is asked after 0, 4, 8, 12, 16 and 24 seconds: one token is too few, so it is left alone each time longer.
    assert_eq!(taken, Err(Shortage { wanted: 100, there: 5 }));
    assert_eq!(before.elapsed(), LONGEST);
}

#[tokio::test(start_paused = true)]
async fn an_older_connection_cannot_disconnect_a_newer_one() {
    let routes = routes();
    let old = connect(&routes, "a");
    let new = connect(&routes, "a");
    routes.disconnected(inner("a"), old.generation);
    assert_eq!(give(&routes, "a", &old, 0..48), Ok(()));
    assert!(routes.status()[0].up);
    assert_eq!(routes.status()[0].tokens, 0, "tokens of the old connection count");
    assert_eq!(give(&routes, "a", &new, 0..48), Ok(()));
    assert_eq!(routes.take(1, routes.clock.unix()).await.unwrap()[0].len(), 1);
    routes.disconnected(inner("a"), new.generation);
    assert!(!routes.status()[0].up);
}

#[tokio::test(start_paused = true)]
async fn used_tokens_are_reported_to_whom_they_belong() {
    let routes = routes();
    let mut link = connect(&routes, "a");
    link.control.try_recv().unwrap();
    routes.report_used(&[(RouteNonce([1; 16]), inner("a")), (RouteNonce([2; 16]), inner("b"))]);
    assert_eq!(link.control.try_recv().unwrap(), OfficeToInner::Used(vec![RouteNonce([1; 16])]));
    assert!(link.control.try_recv().is_err());
}

/// An inner proxy that answers a request with nothing, each time that it is asked.
async fn empty_handed(routes: &Routes, name: &str, link: &mut Connected, asked: &mut u32) {
    loop {
        while let Ok(OfficeToInner::TokensWanted { .. }) = link.control.try_recv() {
            *asked += 1;
            assert!(give(routes, name, link, []).is_err());
        }
        routes.clock.sleep_until_some(routes.refill_due(&inner(name))).await;
        routes.refill();
    }
}

#[tokio::test(start_paused = true)]
async fn an_inner_proxy_that_gives_nothing_holds_up_no_mint_and_is_asked_seldom() {
    let routes = routes();
    let honest = connect(&routes, "a");
    let mut hostile = connect(&routes, "b");
    assert_eq!(give(&routes, "a", &honest, 0..48), Ok(()));
    let before = Instant::now();
    let first = routes.take(1, routes.clock.unix()).await.unwrap();
    assert_eq!((first[0].len(), before.elapsed()), (1, GRACE), "it may still answer");

    let mut asked = 0;
    let hour = Duration::from_secs(3600);
    let hours = tokio::time::timeout(hour, empty_handed(&routes, "b", &mut hostile, &mut asked)).await;
    assert!(hours.is_err() && (2..100).contains(&asked), "asked {asked} times in an hour");
    let before = Instant::now();
    assert_eq!(routes.take(1, routes.clock.unix()).await.unwrap()[0].len(), 1);
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody waits for it any more");
    let status = routes.status();
    assert!(status[0].complaints.is_empty(), "{:?}", status[0]);
    assert!(status[1].complaints[0].contains("fewer route tokens"), "{:?}", status[1]);
}

#[tokio::test(start_paused = true)]
async fn an_inner_proxy_that_does_not_answer_is_named_and_not_waited_for() {
    let routes = routes();
    let (honest, silent) = (connect(&routes, "a"), connect(&routes, "b"));
    assert_eq!(give(&routes, "a", &honest, 0..48), Ok(()));
    routes.overdue(inner("b"), silent.generation);
    let before = Instant::now();
    assert_eq!(routes.take(1, routes.clock.unix()).await.unwrap()[0].len(), 1);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(routes.status()[1].complaints[0].contains("does not answer"));
}

#[tokio::test(start_paused = true)]
async fn one_that_trickles_holds_up_a_mint_for_two_seconds_at_most() {
    let routes = routes();
    let honest = connect(&routes, "a");
    assert_eq!(give(&routes, "a", &honest, 0..48), Ok(()));
    let _slow = connect(&routes, "b");
    let trickling = async {
        loop {
            tokio::time::sleep(GRACE / 2).await;
            routes.changed.send_replace(());
        }
    };
    let before = Instant::now();
    let taken = tokio::select! {
        taken = routes.take(1, routes.clock.unix()) => taken,
        () = trickling => unreachable!("it goes on for ever"),
    };
    assert_eq!((taken.unwrap()[0].len(), before.elapsed()), (1, LONGEST_GRACE));
}

#[tokio::test(start_paused = true)]
async fn the_status_counts_tokens_that_lead_here() {
    let routes = routes();
    let link = connect(&routes, "a");
    assert_eq!(give(&routes, "a", &link, 0..48), Ok(()));
    assert_eq!(routes.status()[0].tokens, 48);
    routes.disconnected(inner("a"), link.generation);
    assert_eq!(routes.status()[0].tokens, 0, "not connected");
    let again = connect(&routes, "a");
    assert_eq!(routes.status()[0].tokens, 48, "the same key");
    routes.disconnected(inner("a"), again.generation);
    let other = routes.connected(inner("a"));
    routes.key(inner("a"), other.generation, TokenKeyId([2; 8]));
    assert_eq!(routes.status()[0].tokens, 0, "they were minted with another secret");
}

#[tokio::test(start_paused = true)]
async fn many_strangers_are_named_and_a_few_are_not() {
    let routes = routes();
    (0..600).for_each(|_| routes.stranger(inner("a")));
    assert!(routes.status()[0].complaints.is_empty());
    routes.stranger(inner("a"));
    assert!(routes.status()[0].complaints[0].contains("does not know"));
}
