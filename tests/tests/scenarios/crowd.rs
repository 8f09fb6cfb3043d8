//! Many at a time.

use std::collections::HashSet;

use schleuse_client::SendError;
use schleuse_protocol::wire::reply::Reason;
use schleuse_tests::network::Network;
use schleuse_tests::wait::SOON;

#[test]
fn a_hundred_submissions_at_once_over_all_ways() {
    let network = Network::of(2, 2, 2, 4).start();
    let sendings: Vec<_> = (0..100)
        .map(|number: usize| {
            let ticket = network.office(number % 2).mint(&[]);
            let content = format!("list {number}").into_bytes();
            let sending = network.client(number % 4).send(&ticket, content.clone()).kind("guest-list").patience(SOON);
            (number % 2, ticket, content, network.background().begin(async move { sending.await }))
        })
        .collect();
    for (office, ticket, content, sending) in sendings {
        sending.wait().unwrap();
        assert_eq!(network.office(office).read(&ticket).unwrap(), content);
    }
    for office in 0..2 {
        let inbox = network.office(office).inbox();
        let ids: HashSet<_> = inbox.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((inbox.len(), ids.len()), (50, 50));
    }
}

/// Two processes have the same ticket and send different contents at the same moment: one of them gets the receipt, and
/// its content is what is in the inbox.
#[test]
fn a_ticket_that_two_use_at_the_same_moment_works_once() {
    let network = Network::of(2, 1, 1, 2).start();
    let office = network.office(0);
    for round in 0..20 {
        let ticket = office.mint(&[]);
        let sendings = [0, 1].map(|vendor| {
            let content = format!("round {round}, vendor {vendor}").repeat(10_000);
            let sending = network.client(vendor).send(&ticket, content).kind("guest-list").patience(SOON);
            network.background().begin(async move { sending.await })
        });
        let ended = sendings.map(|sending| sending.wait());
        let won: Vec<usize> = (0..2).filter(|vendor| ended[*vendor].is_ok()).collect();
        assert_eq!(won.len(), 1, "round {round}: {ended:?}");
        let content = format!("round {round}, vendor {}", won[0]).repeat(10_000);
        assert_eq!(office.read(&ticket).unwrap(), content.as_bytes(), "round {round}");
        let error = ended.into_iter().find_map(Result::err).unwrap();
        let SendError::Office(refusal) = &error else { panic!("round {round}: {error}") };
        assert!(matches!(refusal.reason, Reason::AlreadyUsed | Reason::Superseded(_)), "round {round}: {error}");
    }
    assert_eq!(office.inbox().len(), 20);
}
