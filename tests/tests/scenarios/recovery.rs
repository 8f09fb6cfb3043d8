//! `kill -9` of any single process with 1,000 submissions in flight: none is lost, none is stored twice, and every call ends in
//! a receipt without the caller doing anything. How long that takes is printed, and compared with the same without a kill.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use schleuse_client::{Client, Receipt, SendError, Ticket, verify_receipt};
use schleuse_tests::background::Running;
use schleuse_tests::daemon::Daemon;
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until_true};
use serde_json::json;

const SUBMISSIONS: usize = 1_000;
const VENDORS: usize = 4;
/// So many have their receipt when the process is killed; the others are in flight.
const BEFORE: usize = 100;

/// What is killed, and whether it is the only one of its kind, which then is started again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Nobody,
    Outer,
    Inner,
    Receiver,
}

struct Sent {
    ticket: Ticket,
    content: Vec<u8>,
    running: Running<(Result<Receipt, SendError>, Instant)>,
}

#[test]
fn one_of_two_outer_proxies() {
    survives(Victim::Outer, 2);
}

#[test]
fn one_of_two_inner_proxies() {
    survives(Victim::Inner, 2);
}

#[test]
fn the_only_outer_proxy_which_is_started_again() {
    survives(Victim::Outer, 1);
}

#[test]
fn the_only_inner_proxy_which_is_started_again() {
    survives(Victim::Inner, 1);
}

#[test]
fn the_office_which_is_started_again() {
    survives(Victim::Receiver, 2);
}

#[test]
fn nobody_for_comparison() {
    survives(Victim::Nobody, 2);
}

fn survives(victim: Victim, of_each: usize) {
    let network = Network::of(of_each, of_each, 1, VENDORS).start();
    let sent = send_all(&network);
    let killed = Instant::now();
    if let Some(daemon) = process(&network, victim) {
        daemon.kill();
        if of_each == 1 || victim == Victim::Receiver {
            daemon.start();
        }
    }
    let mut after = Vec::new();
    let mut stored = Vec::new();
    for Sent { ticket, content, running } in sent {
        let (result, ended) = running.wait();
        let receipt = result.unwrap_or_else(|error| panic!("{victim:?} of {of_each}: {error}"));
        verify_receipt(&receipt, &ticket, &network.directory()).unwrap();
        assert_eq!(receipt.length(), content.len() as u64);
        after.extend(ended.checked_duration_since(killed));
        stored.push((ticket, content));
    }
    print(victim, of_each, after);
    assert_stored_once(&network, &stored);
}

/// Begins all of them at once, and returns when some have their receipt.
fn send_all(network: &Network) -> Vec<Sent> {
    let tickets = mint(network);
    let done = Arc::new(AtomicUsize::new(0));
    let clients: Vec<Client> = (0..VENDORS).map(|vendor| network.client(vendor)).collect();
    let begin = |(number, ticket): (usize, Ticket)| {
        let content = format!("list {number}: {}", "guest ".repeat(500)).into_bytes();
        let sending = clients[number % VENDORS].send(&ticket, content.clone()).kind("guest-list").patience(SOON);
        let done = done.clone();
        let running = network.background().begin(async move {
            let result = sending.await;
            done.fetch_add(1, Ordering::Relaxed);
            (result, Instant::now())
        });
        Sent { ticket, content, running }
    };
    let sent = tickets.into_iter().enumerate().map(begin).collect();
    until_true("the first have their receipts", SOON, || done.load(Ordering::Relaxed) >= BEFORE);
    sent
}

fn mint(network: &Network) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    while tickets.len() < SUBMISSIONS {
        let answer = network.office(0).ask("POST", "/v1/tickets", &json!({ "count": 250 }).to_string());
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        let minted = answer.json()["tickets"].as_array().unwrap().clone();
        tickets.extend(minted.iter().map(|ticket| ticket["ticket"].as_str().unwrap().parse::<Ticket>().unwrap()));
    }
    tickets
}

fn process(network: &Network, victim: Victim) -> Option<&Daemon> {
    match victim {
        Victim::Nobody => None,
        Victim::Outer => Some(&network.outer(0).daemon),
        Victim::Inner => Some(&network.inner(0).daemon),
        Victim::Receiver => Some(network.office(0).daemon()),
    }
}

fn print(victim: Victim, of_each: usize, mut after: Vec<Duration>) {
    after.sort_unstable();
    let at = |share: f64| after[((after.len() - 1) as f64 * share) as usize];
    println!(
        "recovery: {victim:?} of {of_each}: {} in flight; from the kill to the receipt: p50 {:?}, p99 {:?}, last {:?}",
        after.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert!(after.len() > SUBMISSIONS / 4, "too few were in flight to say anything: {}", after.len());
}

fn assert_stored_once(network: &Network, stored: &[(Ticket, Vec<u8>)]) {
    let office = network.office(0);
    until_true("the office is there", SOON, || office.status().is_some());
    let inbox = office.inbox();
    let ids: HashSet<_> = inbox.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((inbox.len(), ids.len()), (SUBMISSIONS, SUBMISSIONS), "lost, or stored twice");
    for (ticket, content) in stored {
        assert!(office.read(ticket).unwrap() == *content);
    }
}
