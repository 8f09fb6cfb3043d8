//! What must hold on networks as they are: the real daemons on hosts of their own, with a router between them that is told to
//! misbehave. Needs root and what `.ci/install` installs; elsewhere the scenarios are left out, which CI does not allow.

#![allow(clippy::unwrap_used, reason = "every function here is part of a test")]

mod path;

use schleuse_tests::netns;
use schleuse_tests::network::{Builder, Network};
use schleuse_tests::skip::skip;

/// The network on hosts of its own, started; none where that is not possible.
fn start(plan: Builder) -> Option<Network> {
    if let Some(missing) = netns::missing() {
        skip(missing);
        return None;
    }
    Some(plan.apart().start())
}
