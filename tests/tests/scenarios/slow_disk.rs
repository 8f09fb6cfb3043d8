//! A disk that is slow just then.
//!
//! The receiver waits at a named step until the test lets it go on (debug builds only: `SCHLEUSE_HOLD_AT`).

#![cfg(debug_assertions)]

use std::os::unix::net::UnixListener;

use schleuse_protocol::wire::reply::Reason;
use schleuse_tests::network::Network;
use schleuse_tests::sealed::{Declared, Sealed, open};
use schleuse_tests::wait::{SOON, until, until_true};
use schleuse_tests::wire::{Outcome, dial_as_sender, encode_all};
use schleuse_transport::clock::Clock;

/// A newer transmission comes while the last commit of an older one is under way on a slow disk. The older one's library asks
/// until that is decided, and has its receipt; the newer one is told that the ticket is used.
#[test]
fn who_gives_way_during_its_last_commit_gets_its_receipt() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let disk = make_slow(&network, "before-commit-finish");
    let ticket = office.mint(&[]);
    let say = |attempt: u64, frames: usize| {
        let declared = Declared { attempt, ..Declared::guest_list() };
        let sealed = Sealed::new(&ticket, &office.member().signing_key().public(), declared, b"another content");
        let bytes = [open(&ticket.body().routes[0]), encode_all(&sealed.frames[..frames])].concat();
        let (address, roots) = (network.outer(0).address, network.roots());
        let outcome = async move { dial_as_sender(address, "outer-1", &roots).await.say(&bytes).await };
        (network.background().begin(outcome), sealed)
    };
    // The library begins anew once if it is superseded: it shall have done so before it matters.
    let earlier = Clock::start().unix_micros() + 3_600_000_000;
    assert_eq!(say(earlier, 2).0.wait(), Outcome::Reset(0x5302));
    let older = network.client(0).send(&ticket, "the older content").kind("guest-list").patience(SOON);
    let older = network.background().begin(async move { older.await });
    let (commit, _) = until("its last commit is under way", SOON, || disk.accept().ok());

    let (newer, sealed) = say(earlier + 3_600_000_000, 3);
    // The unfinished one, the library's first and second attempt, and the second one again.
    let ended = || network.inner(0).daemon.log().matches("a stream has ended").count();
    until_true("the older one has asked again", SOON, || ended() >= 4);
    drop(commit);
    let newer = newer.wait();
    assert_eq!(sealed.refusal(&newer), Reason::AlreadyUsed);
    older.wait().unwrap();
    assert_eq!(office.read(&ticket).unwrap(), b"the older content");
}

/// Restarts the office on a disk that is slow at this step: the first time it waits until the connection that it makes is dropped.
fn make_slow(network: &Network, step: &str) -> UnixListener {
    let socket = network.root().join("slow.sock");
    let disk = UnixListener::bind(&socket).expect("a socket");
    disk.set_nonblocking(true).expect("a socket can be non-blocking");
    let office = network.office(0);
    office.daemon().kill();
    office.daemon().set_env("SCHLEUSE_HOLD_AT", &format!("{step}:{}", socket.display()));
    office.daemon().start();
    office.wait_ready(1);
    disk
}
