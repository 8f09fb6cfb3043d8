//! Names with several addresses, addresses that swallow or reject packets, and addresses that move.

use std::fs;
use std::time::{Duration, Instant};

use schleuse_tests::network::{Network, SENDER};
use schleuse_tests::wait::{SOON, until_true};

use crate::{PIECE, Upload, build, start};

/// Far below what giving up an address by QUIC's own timeouts takes (30 to 63 s).
const PROMPT: Duration = Duration::from_secs(20);

/// Every name has an IPv6 address and an IPv4 address, and the router treats packets to the former like this.
fn gets_through_where_ipv6(verdict: &str) {
    let Some(network) = build(Network::of(1, 1, 1, 1)) else { return };
    network.lab().rules(&format!(
        "table inet filter {{
            chain way {{ type filter hook forward priority 0; policy accept; ip6 version 6 udp dport 4400 counter {verdict}; }}
         }}"
    ));
    let since = Instant::now();
    network.start();
    let office = network.office(0);
    network.send(0, &office.mint(&[]), "from the library").unwrap();
    fs::write(network.root().join("list.json"), "{\"guests\":[]}").unwrap();
    let ticket = office.mint(&[("kind", "guest-list".into())]);
    fs::write(network.root().join("ticket"), ticket.to_uri()).unwrap();
    let output = network.send_command().args(["list.json", "--ticket", "ticket"]).output().unwrap();
    let took = since.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(office.inbox().len(), 2);
    println!("IPv6 {verdict}: two sent after {took:?}");
    let counters = network.lab().counters();
    assert!(!counters.contains("packets 0"), "nobody tried IPv6: {counters}");
    assert!(took < PROMPT, "{took:?}");
}

#[test]
fn an_ipv6_that_swallows_packets_stops_nobody() {
    gets_through_where_ipv6("drop");
}

#[test]
fn an_ipv6_that_is_rejected_stops_nobody() {
    gets_through_where_ipv6("reject with icmpx type port-unreachable");
}

/// Nothing listens at a proxy's port, and its host says so. Whoever dials it knows at once, and comes back soon.
#[test]
fn a_rejected_port_counts_at_once() {
    let Some(network) = build(Network::of(1, 1, 1, 1)) else { return };
    network.lab().rules(
        "table inet filter {
            chain way { type filter hook forward priority 0; policy accept;
                udp dport 4400 counter reject with icmpx type port-unreachable; }
         }",
    );
    network.start_daemons();
    let office = network.office(0);
    until_true("the office and the outer proxy know that nobody listens", PROMPT, || {
        [office.daemon(), &network.outer(0).daemon].iter().all(|daemon| daemon.log().contains("nobody listens"))
    });
    network.lab().rules("");
    let since = Instant::now();
    network.wait_ready();
    println!("ready {:?} after the port was open", since.elapsed());
    assert!(since.elapsed() < PROMPT, "{:?}", since.elapsed());
}

/// A proxy moves to another address, and its name with it. Nobody is told.
#[test]
fn a_name_that_moves_is_looked_up_again() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let (lab, office) = (network.lab(), network.office(0));
    network.send(0, &office.mint(&[]), "before").unwrap();
    for (number, proxy) in [network.inner(0), network.outer(0)].into_iter().enumerate() {
        let since = Instant::now();
        lab.move_host(proxy.member.id.as_str());
        let ticket = office.mint(&[]);
        network.send(0, &ticket, "after").unwrap();
        println!("{} moved: sent after {:?}", proxy.member.id, since.elapsed());
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        assert_eq!(office.inbox().len(), number + 2);
    }
    network.wait_ready();
}

/// The sender's own address changes in the middle, as a laptop's does that leaves its desk.
#[test]
fn a_sender_that_moves_goes_on() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let mut upload = Upload::begin(&network);
    upload.flow(PIECE);
    for _ in 0..3 {
        network.lab().move_host(SENDER);
        let took = upload.flow(PIECE);
        println!("goes on {took:?} after the sender moved");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    upload.finish();
}
