//! Several receivers of one office, copies of one, and an inner proxy whose secret changes.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use schleuse_client::{SendError, Ticket};
use schleuse_operator::pki::MemberKeys;
use schleuse_tests::network::Network;
use schleuse_tests::office::Office;
use schleuse_tests::wait::{SOON, until_true};

/// Tokens that were minted with a secret that is no more lead nowhere. No ticket is minted with one.
#[test]
fn after_a_change_of_the_cluster_secret_every_new_ticket_works() {
    let network = Network::of(1, 1, 1, 1).start();
    let (office, inner) = (network.office(0), network.inner(0));
    network.send(0, &office.mint(&[]), "before").unwrap();
    let _stranded = [office.mint(&[]), office.mint(&[])];
    inner.daemon.kill();
    let secret = inner.member.file(MemberKeys::CLUSTER_SECRET_FILE);
    fs::write(&secret, data_encoding::HEXLOWER.encode(&rand::random::<[u8; 32]>())).unwrap();
    inner.daemon.start();
    // Until then an outer proxy refuses what was minted with a secret that it does not know.
    until_true("everybody has linked again", SOON, || {
        let log = inner.daemon.log_of_this_life();
        log.contains("an office has linked") && log.matches("an outer proxy has linked").count() >= 2
    });
    office.wait_ready(1);
    for _ in 0..14 {
        network.send(0, &office.mint(&[]), "after").unwrap();
    }
    let log = office.daemon().log();
    assert!(log.contains("another secret than before"), "{log}");
    let stranded = log.lines().find(|line| line.contains("have no way any more, because")).unwrap_or_default();
    assert!(stranded.contains("tickets=2"), "{stranded}");
    assert!(office.complaints("inner-1").contains("another secret than before"));
    assert_eq!(office.inbox().len(), 15);
}

fn send_in_vain(network: &Network, ticket: &Ticket) -> SendError {
    let sending = network.client(0).send(ticket, "in vain").kind("guest-list").patience(Duration::from_secs(2));
    network.background().run(async move { sending.await }).unwrap_err()
}

#[test]
fn a_second_receiver_with_its_own_database_takes_no_streams_of_the_first() {
    let network = Network::of(1, 2, 1, 1).start();
    let (first, second) = (network.office(0), network.office(0).another_receiver("standby"));
    let earlier = first.mint(&[]);
    second.daemon().start();
    second.wait_ready(2);
    for _ in 0..3 {
        network.send(0, &first.mint(&[]), "to the first").unwrap();
        network.send(0, &second.mint(&[]), "to the second").unwrap();
    }
    network.send(0, &earlier, "with a ticket from before").unwrap();
    assert_eq!((first.inbox().len(), second.inbox().len()), (4, 3));
    for receiver in [first, &second] {
        let complaints = ["inner-1", "inner-2"].map(|inner| receiver.complaints(inner));
        assert_eq!(complaints, ["[] null", "[] null"].map(String::from));
    }

    let waiting = second.mint(&[]);
    second.daemon().kill();
    let error = send_in_vain(&network, &waiting);
    assert!(!matches!(error, SendError::Refused { .. }), "it is not refused for good: {error}");
    second.daemon().start();
    network.send(0, &waiting, "when it is back").unwrap();
    assert_eq!((first.inbox().len(), second.inbox().len()), (4, 4));
}

/// Both have the same database, as after the copy of a virtual machine.
fn clone_of(office: &Office) -> Office {
    office.daemon().signal(Signal::TERM);
    office.daemon().wait(SOON);
    let clone = office.another_receiver("clone");
    fs::copy(office.file("office.sqlite"), clone.file("office.sqlite")).unwrap();
    clone
}

#[test]
fn a_copy_of_a_receiver_takes_no_streams_and_everybody_says_so() {
    let network = Network::of(1, 1, 1, 1).start();
    let (office, inner) = (network.office(0), network.inner(0));
    let earlier = office.mint(&[]);
    let clone = clone_of(office);
    office.daemon().start();
    office.wait_ready(1);
    clone.daemon().start();
    for receiver in [office, &clone] {
        until_true("both are told", SOON, || receiver.complaints("inner-1").contains("copy of this database"));
        assert!(receiver.daemon().log().contains("copy of this database"));
    }
    assert!(inner.daemon.log_of_this_life().contains("claim the same store"));
    network.send(0, &earlier, "a ticket that both have").unwrap();
    for _ in 0..5 {
        network.send(0, &office.mint(&[]), "a ticket that the copy does not have").unwrap();
    }
    assert_eq!((office.inbox().len(), clone.inbox().len(), clone.ready_inners()), (6, 0, 0));

    // The original is gone for good: whoever is left may serve.
    office.daemon().kill();
    clone.wait_ready(1);
}

#[test]
fn a_receiver_that_was_killed_takes_its_streams_again() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    for _ in 0..3 {
        let earlier = office.mint(&[]);
        office.daemon().kill();
        office.daemon().start();
        network.send(0, &earlier, "after its return").unwrap();
    }
    assert_eq!(office.complaints("inner-1"), "[] null");
    assert!(!network.inner(0).daemon.log().contains("claim the same store"));
}
