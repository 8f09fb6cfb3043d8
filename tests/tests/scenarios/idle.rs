//! What proxies take when everybody is connected and nothing happens.

use schleuse_tests::network::Network;
use schleuse_tests::wire::{dial_as_office, dial_as_sender, link_config};

/// For the test build; the README has the figure of the release build.
const BOUND_KIB: u64 = 24 * 1024;

#[test]
fn proxies_with_110_offices_and_50_vendors_stay_small() {
    let network = Network::of(1, 1, 0, 1).played_offices(110).start();
    let (outer, inner, roots) = (network.outer(0), network.inner(0), network.roots());
    let mut offices = Vec::new();
    for office in network.played() {
        let config = link_config(&roots, &office.identity());
        let address = inner.address;
        offices.push(network.background().begin(async move { dial_as_office(address, "inner-1", config, 48).await }));
    }
    let offices: Vec<_> = offices.into_iter().map(|office| office.wait()).collect();
    let address = outer.address;
    let vendors: Vec<_> = (0..50)
        .map(|_| {
            let roots = roots.clone();
            network.background().begin(async move { dial_as_sender(address, "outer-1", &roots).await })
        })
        .collect();
    let vendors: Vec<_> = vendors.into_iter().map(|vendor| vendor.wait()).collect();

    for proxy in [&outer.daemon, &inner.daemon] {
        let resident = proxy.resident();
        println!("{} with 110 offices and 50 vendors: {resident} KiB", proxy.name());
        assert!(resident < BOUND_KIB, "{} takes {resident} KiB", proxy.name());
    }
    let alive = |connection: &schleuse_transport::net::Connection| connection.close_reason().is_none();
    assert!(offices.iter().all(|(office, tokens)| alive(&office.connection) && tokens.len() == 48));
    assert!(vendors.iter().all(|vendor| alive(&vendor.connection)));
}
