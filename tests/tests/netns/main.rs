//! What must hold on networks as they are: the real daemons on hosts of their own, with a router between them that is told to
//! misbehave. Needs root and what `.ci/install` installs; elsewhere the scenarios are left out, which CI does not allow.

#![allow(clippy::unwrap_used, reason = "every function here is part of a test")]

mod addresses;
mod frozen;
mod long;
mod nat;
mod path;
mod upload;

use schleuse_tests::netns;
use schleuse_tests::network::{Builder, Network};
use schleuse_tests::skip::skip;

use upload::Upload;

/// Bytes of an upload at a time: more than a segment, so that some of them are on their way at once.
const PIECE: usize = 100_000;

/// Whether this machine can have hosts of their own. If not, the test is left out.
fn possible() -> bool {
    netns::missing().inspect(|missing| skip(missing)).is_none()
}

/// The network on hosts of its own, not started; none where that is not possible.
fn build(plan: Builder) -> Option<Network> {
    possible().then(|| plan.apart().build())
}

/// The same, started.
fn start(plan: Builder) -> Option<Network> {
    let network = build(plan)?;
    network.start();
    Some(network)
}

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
