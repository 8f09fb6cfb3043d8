//! Peers that stand still for a minute and a half, and then go on as if nothing had happened (SIGSTOP).
//!
//! Each has a network of its own, and all freeze at the same time: most of it is waiting.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use schleuse_tests::binaries::workspace;
use schleuse_tests::netns::Conditions;
use schleuse_tests::network::{Network, Proxy, SENDER};
use schleuse_tests::wait::{SOON, until_true};

use crate::{PIECE, Upload, possible};

/// Longer than every timeout of a connection.
const FROZEN: Duration = Duration::from_secs(90);
/// An upload finds its other way long before that.
const ELSEWHERE: Duration = Duration::from_secs(45);
/// After the thaw nothing but new connections is needed.
const AWAKE: Duration = Duration::from_secs(20);

#[test]
fn a_peer_freezes() {
    if !possible() {
        return;
    }
    let peers: [(&'static str, fn()); 4] = [
        ("an outer proxy", || the_one_in_use_freezes(|network, at| network.outer(at))),
        ("an inner proxy", || the_one_in_use_freezes(|network, at| network.inner(at))),
        ("an office", an_office_freezes),
        ("a sender", a_sender_freezes),
    ];
    let freeze = |(name, freeze): (&'static str, fn())| (name, std::thread::spawn(freeze));
    let failed: Vec<_> =
        peers.map(freeze).into_iter().filter_map(|(name, run)| run.join().err().map(|_| name)).collect();
    assert_eq!(failed, <[&str; 0]>::default(), "they say above what went wrong");
}

/// The one of these two proxies that carries an upload freezes: the upload ends over the other. Thawed, it carries again.
fn the_one_in_use_freezes(of: impl Fn(&Network, usize) -> &Proxy) {
    let network = Network::of(2, 2, 1, 1).apart().start();
    let mut upload = Upload::begin(&network);
    let carried = |at| network.lab().bytes_to(of(&network, at).member.id.as_str());
    let before = [0, 1].map(carried);
    upload.flow(500_000);
    let used = [0, 1].into_iter().max_by_key(|at| carried(*at) - before[*at]).unwrap();
    let daemon = &of(&network, used).daemon;
    let since = Instant::now();
    daemon.signal(Signal::STOP);
    upload.flow(500_000);
    upload.finish();
    let took = since.elapsed();
    println!("{} is frozen: ended elsewhere after {took:?}", daemon.name());
    assert!(took < ELSEWHERE, "{took:?}");
    std::thread::sleep(FROZEN.saturating_sub(took));
    daemon.signal(Signal::CONT);
    network.wait_ready();
    let office = network.office(0);
    of(&network, 1 - used).daemon.kill();
    network.send(0, &office.mint(&[]), "over the one that is back").unwrap();
    assert_eq!(office.inbox().len(), 2);
}

/// There is no other office: the upload waits for it, and goes on when it is back.
fn an_office_freezes() {
    let network = Network::of(1, 1, 1, 1).apart().start();
    let office = network.office(0);
    let mut upload = Upload::begin(&network);
    upload.flow(PIECE);
    office.daemon().signal(Signal::STOP);
    std::thread::sleep(FROZEN);
    office.daemon().signal(Signal::CONT);
    let took = upload.flow(PIECE);
    println!("goes on {took:?} after the thaw");
    assert!(took < AWAKE, "{took:?}");
    upload.finish();
}

/// The sender's program freezes in the middle of an upload, a lid that is closed.
fn a_sender_freezes() {
    let network = Network::of(1, 1, 1, 1).apart().start();
    let office = network.office(0);
    // Slow enough that the upload lasts for some seconds.
    let slow = Conditions { rate: 1_000_000, buffer: Duration::from_millis(100), ..Conditions::default() };
    let _path = network.lab().path(SENDER, slow);
    let list = workspace().join("tests/samples/guest-list-1000.json");
    let ticket = office.mint(&[("kind", "guest-list".into())]);
    fs::write(network.root().join("ticket"), ticket.to_uri()).unwrap();
    let mut command = network.send_command();
    command.arg(&list).args(["--ticket", "ticket"]).stdout(Stdio::null());
    let mut sender = command.spawn().unwrap();
    let pid = Pid::from_child(&sender);
    until_true("the upload is under way", SOON, || {
        assert!(sender.try_wait().unwrap().is_none(), "the sender has ended early");
        office.status().is_some_and(|status| status["store"]["incoming"] == 1)
    });
    kill_process(pid, Signal::STOP).unwrap();
    std::thread::sleep(FROZEN);
    assert!(office.submission(&ticket).is_none(), "the upload ended before the sender was frozen");
    kill_process(pid, Signal::CONT).unwrap();
    let since = Instant::now();
    let status = sender.wait().unwrap();
    println!("ended {:?} after the thaw", since.elapsed());
    assert!(status.success());
    assert!(since.elapsed() < AWAKE, "{:?}", since.elapsed());
    assert!(office.read(&ticket).unwrap() == fs::read(&list).unwrap());
}
