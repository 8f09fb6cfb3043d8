//! `kill -9` between any two steps: what has a receipt is in the inbox exactly once, and what has none can be sent again
//! with the same ticket.
//!
//! The receiver ends itself at named steps, as `kill -9` would (debug builds only: `SCHLEUSE_CRASH_AT`).

#![cfg(debug_assertions)]

use std::time::{Duration, Instant};

use schleuse_client::{Client, Content, Receipt, SendError, Ticket, verify_receipt};
use schleuse_tests::background::Running;
use schleuse_tests::network::Network;
use schleuse_tests::office::Office;
use schleuse_tests::wait::{SOON, quickly, until_true};
use schleuse_transport::clock::Clock;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

const CRASH: &str = "SCHLEUSE_CRASH_AT";
/// The one step behind which the sender has its receipt.
const AFTER_RECEIPT: &str = "after-receipt-sent";

/// Three segments, so that there is a middle.
fn content() -> Vec<u8> {
    (0..150_000u32).map(|at| (at % 251) as u8).collect()
}

fn begin(
    network: &Network,
    client: &Client,
    ticket: &Ticket,
    content: impl Into<Content>,
) -> Running<Result<Receipt, SendError>> {
    let sending = client.send(ticket, content).kind("guest-list").patience(SOON);
    network.background().begin(async move { sending.await })
}

/// Restarts an office so that it ends at this step.
fn arm(office: &Office, step: &str) {
    start_armed(office, step);
    office.wait_ready(1);
}

/// The same if the step may be one of the start.
fn start_armed(office: &Office, step: &str) {
    office.daemon().kill();
    office.daemon().set_env(CRASH, step);
    office.daemon().start();
}

fn wait_for_crash(office: &Office, step: &str) {
    until_true(&format!("the receiver reaches {step}"), SOON, || !office.daemon().is_running());
}

fn recover(office: &Office) {
    office.daemon().kill();
    office.daemon().set_env(CRASH, "");
    office.daemon().start();
    office.wait_ready(1);
}

fn assert_there_once(network: &Network, office: &Office, ticket: &Ticket, receipt: &Receipt) {
    assert!(office.submission(ticket).is_some(), "a receipt without a submission");
    assert!(office.read(ticket).unwrap() == content());
    verify_receipt(receipt, ticket, &network.directory()).unwrap();
}

/// The sender's process lives on and sends identical bytes, and in another case a new process knows nothing but the
/// ticket and the content. Each case has an office of its own, so that all of them run beside each other.
fn sending_survives(steps: &[&str]) {
    let network = Network::of(1, 1, 2 * steps.len(), 1).start();
    std::thread::scope(|scope| {
        for (number, step) in steps.iter().enumerate() {
            for (which, same_process) in [true, false].into_iter().enumerate() {
                let (network, office) = (&network, network.office(2 * number + which));
                scope.spawn(move || survives(network, office, step, same_process));
            }
        }
    });
}

fn survives(network: &Network, office: &Office, step: &str, same_process: bool) {
    arm(office, step);
    let ticket = office.mint(&[]);
    let sending = begin(network, &network.new_client(Some(network.vendor(0))), &ticket, content());
    wait_for_crash(office, step);
    let receipt = if same_process {
        recover(office);
        sending.wait()
    } else {
        if step == AFTER_RECEIPT {
            // The sender has it, whatever happened behind it.
            let receipt = sending.wait().unwrap();
            recover(office);
            assert_there_once(network, office, &ticket, &receipt);
        } else {
            assert!(!sending.is_finished(), "{step}: an end without a receipt");
            sending.abort();
            recover(office);
        }
        begin(network, &network.new_client(Some(network.vendor(0))), &ticket, content()).wait()
    };
    let receipt = receipt.unwrap_or_else(|error| panic!("{step}, same process: {same_process}: {error}"));
    assert_there_once(network, office, &ticket, &receipt);
    assert_eq!(office.inbox().len(), 1, "{step}");
}

#[test]
fn before_anything_is_stored() {
    sending_survives(&["after-lookup", "after-claim", "before-commit-begin", "after-commit-begin"]);
}

#[test]
fn while_segments_are_stored() {
    sending_survives(&["before-commit-store", "after-commit-store", "before-commit-store#2"]);
}

#[test]
fn around_the_receipt() {
    sending_survives(&["before-commit-finish", "after-commit-finish", "before-receipt", AFTER_RECEIPT]);
}

#[test]
fn while_the_content_is_looked_at() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    for step in ["before-commit-summarise", "after-commit-summarise"] {
        arm(office, step);
        let ticket = office.mint(&[]);
        let sending = begin(&network, &network.client(0), &ticket, content());
        wait_for_crash(office, step);
        recover(office);
        assert_there_once(&network, office, &ticket, &sending.wait().unwrap());
        let looked = || !office.submission(&ticket).unwrap()["findings"].is_null();
        until_true("it is looked at after the restart", SOON, looked);
    }
}

/// A ticket that was not handed out is no loss; one that was handed out is there.
#[test]
fn while_tickets_are_minted() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let earlier = office.mint(&[]);
    for step in ["before-commit-mint", "after-commit-mint", "after-mint-commit"] {
        arm(office, step);
        assert!(office.try_ask("POST", "/v1/tickets", "{}").is_err(), "{step}: an answer without a daemon");
        wait_for_crash(office, step);
        recover(office);
        network.send(0, &office.mint(&[]), content()).unwrap();
    }
    network.send(0, &earlier, content()).unwrap();
    assert_eq!(office.inbox().len(), 4);
}

/// Either it is there whole or it is gone whole.
#[test]
fn while_a_submission_is_deleted() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    for (step, remains) in [("before-commit-delete", true), ("after-commit-delete", false)] {
        let ticket = office.mint(&[]);
        network.send(0, &ticket, content()).unwrap();
        arm(office, step);
        let path = format!("/v1/submissions/{}", ticket.body().id);
        assert!(office.try_ask("DELETE", &path, "").is_err(), "{step}: an answer without a daemon");
        wait_for_crash(office, step);
        recover(office);
        assert_eq!(office.submission(&ticket).is_some(), remains, "{step}");
        assert_eq!(office.read(&ticket).is_some_and(|read| read == content()), remains, "{step}");
        if remains {
            assert_eq!(office.delete(&ticket), 200);
        }
        assert!(office.inbox().is_empty());
    }
}

/// What was deleted is cleared away in pieces, among them the first and the last; nothing else is.
#[test]
fn while_a_deleted_content_is_cleared_away() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let kept = office.mint(&[]);
    network.send(0, &kept, content()).unwrap();
    // Every start looks once whether there is something to clear away.
    for step in ["before-commit-sweep#2", "after-commit-sweep#2", "after-commit-sweep#3", "after-commit-sweep#4"] {
        let deleted = office.mint(&[]);
        network.send(0, &deleted, vec![7; 2_500_000]).unwrap();
        arm(office, step);
        // It is cleared away, and so the daemon ends, as soon as it is deleted: the answer may not get through.
        let _ = office.try_ask("DELETE", &format!("/v1/submissions/{}", deleted.body().id), "");
        wait_for_crash(office, step);
        recover(office);
        assert!(office.submission(&deleted).is_none(), "{step}");
        let cleared = || office.status().is_some_and(|status| status["store"]["garbage"] == 0);
        until_true("it is cleared away after the restart", SOON, cleared);
        let next = office.mint(&[]);
        let receipt = network.send(0, &next, content()).unwrap();
        assert_there_once(&network, office, &next, &receipt);
        assert!(office.read(&kept).unwrap() == content(), "{step}");
    }
}

/// Ended tickets lose their keys, and neither their submissions nor other tickets are lost.
#[test]
fn while_tickets_end() {
    let steps = ["before-commit-end", "after-commit-end"];
    let network = Network::of(1, 1, steps.len(), 1).tickets("grace_hours = 0").start();
    // Longer than it takes to use one of them.
    let short = [("valid_seconds", json!(10))];
    let tickets = [0, 1].map(|at| {
        let office = network.office(at);
        let (used, unused, lasting) = (office.mint(&short), office.mint(&short), office.mint(&[]));
        let receipt = network.send(0, &used, content()).unwrap();
        (office, used, unused, lasting, receipt)
    });
    for ((office, used, unused, lasting, receipt), step) in tickets.into_iter().zip(steps) {
        let end = unused.body().not_after;
        until_true("the tickets have run out", SOON, || Clock::start().unix() > end);
        // The first thing that it does is to end tickets.
        start_armed(office, step);
        wait_for_crash(office, step);
        recover(office);
        let open = || office.status().map(|status| status["store"]["open_tickets"].clone());
        until_true("the tickets end after the restart", SOON, || open() == Some(json!(1)));
        assert_there_once(&network, office, &used, &receipt);
        network.send(0, &lasting, content()).unwrap();
        assert_eq!(office.inbox().len(), 2, "{step}");
    }
}

/// The first start of an office remembers its key, then the directory's version; an older one is not accepted once the
/// newer one is remembered.
#[test]
fn while_the_first_start_remembers_key_and_directory() {
    let steps = [
        ("before-commit-meta", false),
        ("after-commit-meta", false),
        ("before-commit-meta#2", false),
        ("after-commit-meta#2", true),
    ];
    let network = Network::of(1, 1, steps.len(), 1).build();
    network.publish(|directory| directory.version = 2);
    network.inner(0).daemon.start();
    network.outer(0).daemon.start();
    for (at, (step, _)) in steps.iter().enumerate() {
        start_armed(network.office(at), step);
        wait_for_crash(network.office(at), step);
    }
    network.publish(|directory| directory.version = 1);
    for (at, (step, remembers)) in steps.iter().enumerate() {
        let office = network.office(at);
        if *remembers {
            office.daemon().kill();
            office.daemon().set_env(CRASH, "");
            office.daemon().start();
            assert_eq!(office.daemon().wait(SOON).code(), Some(78), "{step}: {}", office.daemon().log_of_this_life());
            assert!(office.daemon().log_of_this_life().contains("directory.json"));
            network.publish(|directory| directory.version = 2);
        }
        recover(office);
        let ticket = office.mint(&[]);
        let receipt = network.send(0, &ticket, content()).unwrap();
        assert_there_once(&network, office, &ticket, &receipt);
    }
}

/// A content that comes in parts, each when the test lets it: so an upload is under way as long as the test likes.
struct Parts {
    whole: Vec<u8>,
    next: tokio::sync::mpsc::UnboundedSender<()>,
    sending: Running<Result<Receipt, SendError>>,
}

impl Parts {
    /// Begins to send; the first part is on its way.
    fn begin(network: &Network, ticket: &Ticket, length: u32, parts: usize) -> Self {
        let whole: Vec<u8> = (0..length).map(|at| (at % 253) as u8).collect();
        let (mut writer, reader) = tokio::io::duplex(1 << 16);
        let (next, mut wanted) = tokio::sync::mpsc::unbounded_channel();
        let content = whole.clone();
        let writing = network.background().begin(async move {
            for part in content.chunks(content.len().div_ceil(parts)) {
                writer.write_all(part).await.unwrap();
                wanted.recv().await;
            }
        });
        drop(writing);
        let sending = begin(network, &network.client(0), ticket, Content::reader(reader));
        Self { whole, next, sending }
    }

    /// Waits until the upload is under way, which no answer has ended.
    fn wait_under_way(&self, office: &Office) {
        until_true("segments are being stored", SOON, || {
            office.status().is_some_and(|status| status["store"]["incoming"] == 1 && status["running"] == 1)
        });
        assert!(!self.sending.is_finished(), "it ended before its content was whole");
    }

    fn go_on(&self) {
        self.next.send(()).unwrap();
    }

    /// Nothing is lost and nothing is twice.
    fn end(self, network: &Network, office: &Office, ticket: &Ticket) {
        drop(self.next);
        let receipt = self.sending.wait().unwrap();
        assert_eq!(office.inbox().len(), 1);
        assert!(office.read(ticket).unwrap() == self.whole);
        verify_receipt(&receipt, ticket, &network.directory()).unwrap();
    }
}

/// At no named step, but whenever it happens, again and again during one upload.
#[test]
fn at_any_time_during_a_larger_upload() {
    const KILLS: usize = 5;
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let upload = Parts::begin(&network, &ticket, 20_000_000, KILLS + 1);
    for _ in 0..KILLS {
        upload.wait_under_way(office);
        office.daemon().kill();
        office.daemon().start();
        office.wait_ready(1);
        upload.go_on();
    }
    upload.end(&network, office, &ticket);
}

/// Every proxy is killed once during one upload, and comes back.
#[test]
fn proxies_that_are_killed_while_they_carry() {
    let network = Network::of(2, 2, 1, 1).start();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let proxies = [network.inner(0), network.outer(0), network.inner(1), network.outer(1)];
    let upload = Parts::begin(&network, &ticket, 40_000_000, proxies.len() + 1);
    for proxy in proxies {
        upload.wait_under_way(office);
        proxy.daemon.kill();
        std::thread::yield_now();
        proxy.daemon.start();
        // The others go on meanwhile; the next is killed when the upload has found another way.
        network.wait_ready();
        upload.go_on();
    }
    upload.end(&network, office, &ticket);
    network.send(0, &office.mint(&[]), "after all that").unwrap();
}

/// A dead outer proxy is told from a busy one in a fraction of a second. The link to a dead inner proxy is given up
/// after its idle timeout of 15 s at the latest.
#[test]
fn one_outer_and_one_inner_proxy_are_enough() {
    // The links notice a death after 15 s; a sender must not wait for that.
    quickly("sent", Duration::from_secs(10), || {
        let network = Network::of(2, 2, 1, 1).start();
        let office = network.office(0);
        let ticket = office.mint(&[]);
        network.inner(0).daemon.kill();
        network.outer(1).daemon.kill();
        let since = Instant::now();
        network.send(0, &ticket, content()).unwrap();
        let took = since.elapsed();
        assert_eq!(office.inbox().len(), 1);
        took
    });
}
