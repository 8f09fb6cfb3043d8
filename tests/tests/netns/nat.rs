//! NATs that forget.

use std::time::Duration;

use schleuse_tests::network::Network;

use crate::{PIECE, Upload, build};

/// A stall that only a timeout ends takes 15 s or more; an answer to the next packet takes milliseconds, and a second or two on
/// a machine that is busy with other things.
const BOUND: Duration = Duration::from_secs(5);
/// What comes to an office is lost until the office says something, at the latest with its keep-alive after 4 s.
const OFFICE_BOUND: Duration = Duration::from_secs(10);

/// The senders' NAT, or that of a link, gives new ports in the middle of an upload, again and again. The proxies have two
/// threads: whichever socket a packet from a new port comes to, it reaches its connection.
fn goes_on_behind_a_nat_towards(host: &str, bound: Duration) {
    let Some(network) = build(Network::of(1, 1, 1, 1)) else { return };
    network.lab().names_without_ipv6();
    network.lab().masquerade_towards(host);
    network.start();
    let mut upload = Upload::begin(&network);
    upload.flow(PIECE);
    for round in 0..8 {
        network.lab().forget_connections();
        let took = upload.flow(PIECE);
        println!("round {round}: goes on after {took:?}");
        assert!(took < bound, "round {round}: {took:?}");
    }
    upload.finish();
}

#[test]
fn a_senders_port_changes_in_the_middle() {
    goes_on_behind_a_nat_towards("outer-1", BOUND);
}

/// The office's link and the outer proxy's.
#[test]
fn the_ports_of_links_change_in_the_middle() {
    goes_on_behind_a_nat_towards("inner-1", OFFICE_BOUND);
}
