//! One hostile inner proxy beside an honest one: it costs the office the routes over itself, and nothing else.

use std::time::{Duration, Instant};

use schleuse_client::Ticket;
use schleuse_tests::hostile::{Conduct, HostileInner, Minting};
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until_true};

/// `inner-1` is ours, `inner-2` is honest; the office has tokens at least of that one.
fn beside_an_honest_one(minting: Minting) -> (Network, HostileInner) {
    let network = Network::of(1, 2, 1, 1).played_inner().build();
    let proxy = network.play_inner();
    proxy.minting(minting);
    proxy.conduct(Conduct::Swallow);
    network.start_daemons();
    until_true("the office has tokens", SOON, || network.office(0).ready_inners() >= 1);
    until_true("it is linked with the hostile one too", SOON, || !proxy.offices().is_empty());
    network.wait_linked(network.outer(0));
    (network, proxy)
}

fn mint_and_send(network: &Network, how_many: usize) -> Vec<Ticket> {
    let office = network.office(0);
    let tickets: Vec<_> = (0..how_many).map(|_| office.mint(&[])).collect();
    for ticket in &tickets {
        assert!(ticket.body().routes.iter().any(|route| route.inner.as_str() == "inner-2"), "{ticket:?}");
        network.send(0, ticket, "through the honest one").unwrap();
    }
    tickets
}

fn is_named(network: &Network, what: &str) {
    let office = network.office(0);
    until_true(&format!("inner-1 is named: {what}"), SOON, || office.complaints("inner-1").contains(what));
    assert!(office.daemon().log().contains(what), "the log does not say it");
    let honest = office.complaints("inner-2");
    assert_eq!(honest, "[] null", "the honest one is not suspected");
}

/// Senders need no room that silent streams of another inner proxy can take.
#[test]
fn silent_streams_keep_nobody_out_who_comes_over_another_proxy() {
    let (network, proxy) = beside_an_honest_one(Minting::Honest);
    let (player, office) = (proxy.clone(), network.office(0).member().id);
    let held = network.background().run(async move { player.keep_silent(office, 1500).await });
    assert!(held.len() >= 1000, "only {} streams were granted", held.len());
    mint_and_send(&network, 20);
    is_named(&network, "streams without a hello");
    drop(held);
}

#[test]
fn repeated_tokens_cost_their_own_routes_and_no_ticket() {
    let (network, _proxy) = beside_an_honest_one(Minting::Repeated);
    let tickets = mint_and_send(&network, 100);
    let mut nonces: Vec<_> = tickets.iter().flat_map(|ticket| &ticket.body().routes).map(|r| r.token.nonce).collect();
    let all = nonces.len();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), all, "no two tickets share a token");
    is_named(&network, "repeats route tokens");
}

/// Not once a round trip, as long as the office runs.
fn is_asked_seldom(proxy: &HostileInner) {
    let (before, since) = (proxy.asked(), Instant::now());
    until_true("three seconds pass", SOON, || since.elapsed() > Duration::from_secs(3));
    let asked = proxy.asked() - before;
    assert!(asked < 10, "it was asked {asked} times in three seconds");
}

#[test]
fn a_proxy_that_answers_with_nothing_holds_up_no_mint_and_is_asked_seldom() {
    let (network, proxy) = beside_an_honest_one(Minting::Nothing);
    let since = Instant::now();
    mint_and_send(&network, 10);
    // Before, each took 30 s.
    assert!(since.elapsed() < SOON, "ten mints took {:?}", since.elapsed());
    is_named(&network, "fewer route tokens");
    is_asked_seldom(&proxy);
}

#[test]
fn a_proxy_that_answers_nothing_is_named() {
    let (network, proxy) = beside_an_honest_one(Minting::Silence);
    mint_and_send(&network, 3);
    is_named(&network, "does not answer");
    assert!(proxy.asked() <= 1);
}

#[test]
fn tokens_that_end_soon_are_not_asked_for_without_end() {
    let (network, proxy) = beside_an_honest_one(Minting::AnHour);
    mint_and_send(&network, 3);
    is_asked_seldom(&proxy);
}

#[test]
fn a_flood_on_the_control_stream_ends_the_link() {
    let (network, _proxy) = beside_an_honest_one(Minting::Flood);
    is_named(&network, "broke the protocol");
    mint_and_send(&network, 3);
}

#[test]
fn a_proxy_that_drains_and_keeps_its_connections_has_three_at_most() {
    let (network, proxy) = beside_an_honest_one(Minting::Honest);
    for round in 0..6 {
        let links = proxy.links();
        proxy.drain();
        until_true(&format!("it links anew, round {round}"), SOON, || proxy.links() > links);
        until_true("older connections go", SOON, || proxy.connections() <= 3);
    }
    is_named(&network, "says that it drains");
    mint_and_send(&network, 3);
}
