//! Daemons that stop and come back, and that read the directory again.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use schleuse_client::{Content, Receipt, SendError, Ticket};
use schleuse_protocol::wire::reply::Reason;
use schleuse_tests::background::Running;
use schleuse_tests::network::{BARRED, Network, SENDERS};
use schleuse_tests::wait::{SOON, quickly, until_true};
use tokio::io::AsyncWriteExt;

/// Peers recognise a restarted proxy by its keys, at the latest when they say something after 4 s; without them they would
/// wait for the idle timeout of 15 to 30 s.
const RECOGNISED: Duration = Duration::from_secs(6);

fn begin(network: &Network, ticket: &Ticket, content: impl Into<Content>) -> Running<Result<Receipt, SendError>> {
    let sending = network.client(0).send(ticket, content).kind("guest-list").patience(SOON);
    network.background().begin(async move { sending.await })
}

#[test]
fn a_restarted_inner_proxy_is_recognised_and_honours_earlier_tokens() {
    let network = Network::of(1, 1, 1, 1).start();
    let (office, inner) = (network.office(0), network.inner(0));
    let earlier = office.mint(&[]);
    quickly("linked again", RECOGNISED, || {
        let since = Instant::now();
        inner.daemon.kill();
        inner.daemon.start();
        // Both its peers notice by themselves: it is an old link that dies, then a new one that comes.
        until_true("everybody has linked again", SOON, || {
            let log = inner.daemon.log_of_this_life();
            log.contains("an outer proxy has linked") && log.contains("an office has linked")
        });
        since.elapsed()
    });
    network.send(0, &earlier, "with a token from before").unwrap();
    network.send(0, &office.mint(&[]), "with a new one").unwrap();
    assert_eq!(office.inbox().len(), 2);
}

#[test]
fn a_restarted_outer_proxy_is_recognised_by_senders() {
    let network = Network::of(1, 1, 1, 1).start();
    let (office, outer) = (network.office(0), network.outer(0));
    let mut sent = 0;
    quickly("sent", RECOGNISED, || {
        // The client keeps its connection, which will be a dead one.
        network.send(0, &office.mint(&[]), "before").unwrap();
        let earlier = office.mint(&[]);
        outer.daemon.kill();
        outer.daemon.start();
        let since = Instant::now();
        network.send(0, &earlier, "after").unwrap();
        sent += 2;
        since.elapsed()
    });
    assert_eq!(office.inbox().len(), sent);
}

#[test]
fn a_restarted_office_has_its_tickets_and_its_inbox() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let (used, unused) = (office.mint(&[]), office.mint(&[]));
    network.send(0, &used, "before").unwrap();
    office.daemon().terminate();
    assert!(office.daemon().wait(SOON).success(), "{}", office.daemon().log());
    office.daemon().start();
    office.wait_ready(1);
    assert_eq!(office.read(&used).unwrap(), b"before");
    network.send(0, &unused, "after").unwrap();
    assert_eq!(office.inbox().len(), 2);
}

/// SIGTERM in the middle of an upload: it goes on to its end, nothing new begins, and then the process ends with 0.
#[test]
fn a_proxy_that_stops_lets_a_running_upload_finish() {
    for which in ["outer", "inner"] {
        let network = Network::of(1, 1, 1, 1).grace(600).start();
        let office = network.office(0);
        let daemon = if which == "outer" { &network.outer(0).daemon } else { &network.inner(0).daemon };
        let ticket = office.mint(&[]);
        let large: Vec<u8> = (0..4_000_000u32).map(|at| (at % 253) as u8).collect();
        // The second half comes when the proxy is about to stop.
        let (mut writer, reader) = tokio::io::duplex(1 << 16);
        let (stops, stopping) = tokio::sync::oneshot::channel();
        let content = large.clone();
        let writing = network.background().begin(async move {
            let (first, second) = content.split_at(content.len() / 2);
            writer.write_all(first).await.unwrap();
            stopping.await.unwrap();
            writer.write_all(second).await.unwrap();
        });
        let sending = begin(&network, &ticket, Content::reader(reader));
        until_true("the upload is under way", SOON, || {
            office.status().is_some_and(|status| status["store"]["incoming"] == 1)
        });
        daemon.terminate();
        until_true("the proxy drains", SOON, || daemon.log().contains("draining"));
        stops.send(()).unwrap();
        writing.wait();
        sending.wait().unwrap_or_else(|error| panic!("{which}: {error}"));
        assert!(office.read(&ticket).unwrap() == large, "{which}");
        assert!(daemon.wait(SOON).success(), "{}", daemon.log());
        let whole = carried(&daemon.log()).into_iter().filter(|bytes| *bytes >= large.len()).count();
        assert_eq!(whole, 1, "the {which} proxy cut the upload off, and it was resumed: {}", daemon.log());
    }
}

/// How many bytes each stream has brought, from a proxy's log.
fn carried(log: &str) -> Vec<usize> {
    let streams = log.lines().filter(|line| line.contains("a stream has ended"));
    let bytes = |line: &str| line.split_once("bytes_up: ")?.1.split(',').next()?.parse().ok();
    streams.filter_map(bytes).collect()
}

#[test]
fn a_proxy_that_drains_takes_nothing_new_and_the_other_carries_on() {
    let network = Network::of(2, 2, 1, 1).start();
    let office = network.office(0);
    for daemon in [&network.inner(0).daemon, &network.outer(0).daemon] {
        daemon.terminate();
        assert!(daemon.wait(SOON).success(), "{}", daemon.log());
        network.send(0, &office.mint(&[]), "over the other").unwrap();
    }
    assert_eq!(office.inbox().len(), 2);
}

/// A new directory is taken without a restart.
#[test]
fn an_inner_proxy_reads_the_directory_again_on_sighup() {
    let network = Network::of(1, 1, 1, 1).start();
    let inner = &network.inner(0).daemon;
    inner.signal(Signal::HUP);
    until_true("it says so", SOON, || inner.log().contains("directory of version 1"));
    network.send(0, &network.office(0).mint(&[]), "still there").unwrap();
}

/// The real signal: a member that the new directory permits is admitted, and a file that is wrong changes nothing.
#[test]
fn a_receiver_reads_the_directory_again_on_sighup() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let send = |ticket: &Ticket, content: &'static str| {
        let sending = network.barred_client().send(ticket, content).kind("guest-list").patience(SOON);
        network.background().run(async move { sending.await })
    };
    let hang_up = |expected: &str, times: usize| {
        office.daemon().signal(Signal::HUP);
        until_true(&format!("it says '{expected}'"), SOON, || office.daemon().log().matches(expected).count() == times);
    };
    let refused = send(&ticket, "before").unwrap_err();
    assert!(matches!(&refused, SendError::Office(refusal) if refusal.reason == Reason::NotPermitted), "{refused}");

    network.publish(|directory| {
        directory.version = 2;
        let barred = directory.members.iter_mut().find(|member| member.id.as_str() == BARRED).unwrap();
        barred.groups = vec![SENDERS.parse().unwrap()];
    });
    hang_up("directory of version 2", 1);
    send(&ticket, "after").unwrap();

    fs::write(network.root().join("directory.json"), "{}").unwrap();
    hang_up("what held before holds on", 1);
    network.publish(|_| {});
    hang_up("what held before holds on", 2);
    send(&office.mint(&[]), "still permitted").unwrap();
    assert_eq!(office.status().unwrap()["directory_version"], 2);
    assert_eq!(office.inbox().len(), 2);
}
