//! What must hold, against the real daemons: each is a process with files on disk and sockets on loopback.
//!
//! One binary, so that the suite links once; each file is one topic.

#![allow(clippy::unwrap_used, reason = "every function here is part of a test")]

mod attacks;
mod bits;
mod crash;
mod crowd;
mod garbage;
mod happy_path;
mod hostile_inner;
mod idle;
mod large;
mod misconfiguration;
mod narrow;
mod privacy;
mod receivers;
mod recovery;
mod reload;
mod restart;
mod resume;
mod rolling;
mod samples;
mod slow_disk;
mod thieves;
mod tickets;

use schleuse_tests::office::Office;
use schleuse_tests::wire::Outcome;

/// The one refusal that everybody gets who has not shown an authentic hello.
const REFUSED: Outcome = Outcome::Reset(0x5301);

/// No complete submission: neither in the inbox nor among what the daemon counts.
fn assert_nothing_stored(office: &Office) {
    assert_eq!(office.inbox(), Vec::<serde_json::Value>::new());
    let status = office.status().expect("the office answers");
    assert_eq!(status["store"]["submissions"], 0, "{status}");
}
