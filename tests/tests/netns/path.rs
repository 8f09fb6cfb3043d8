//! Paths that are long, lossy, narrow, or change in the middle.

use std::time::{Duration, Instant};

use schleuse_tests::netns::Conditions;
use schleuse_tests::network::{Network, SENDER};

use crate::start;

/// No fault at all, in the library and on the command line: what the other scenarios begin with.
#[test]
fn hosts_of_their_own_reach_each_other() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let office = network.office(0);
    network.send(0, &office.mint(&[]), "from the library").unwrap();
    std::fs::write(network.root().join("list.json"), "{\"guests\":[]}").unwrap();
    let ticket = office.mint(&[("kind", "guest-list".into())]);
    std::fs::write(network.root().join("ticket"), ticket.to_uri()).unwrap();
    let output = network.send_command().args(["list.json", "--ticket", "ticket"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(office.inbox().len(), 2);
}

/// The way is as long as it claims: a cold sender needs two round trips and an answer.
#[test]
fn a_long_path_takes_its_time() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let delay = Duration::from_millis(100);
    let _path = network.lab().path(SENDER, Conditions { delay, ..Conditions::default() });
    let ticket = network.office(0).mint(&[]);
    let since = Instant::now();
    network.send(0, &ticket, "from far away").unwrap();
    let took = since.elapsed();
    assert!(took >= 4 * delay, "{took:?}");
}
