//! A guest list goes through: over all ways, from all vendors, to all offices.

use std::fs;
use std::process::{Command, Output};

use schleuse_client::{Receipt, Ticket, verify_receipt};
use schleuse_payload::generate::guest_list_json;
use schleuse_tests::binaries::binaries;
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until};
use serde_json::json;

#[test]
fn a_guest_list_arrives_once_unchanged_with_a_receipt_that_anybody_can_check() {
    let network = Network::of(2, 2, 2, 2).start();
    for office in 0..2 {
        for vendor in 0..2 {
            let list = guest_list_json(30, 7 + office as u64);
            let office = network.office(office);
            let before = office.inbox().len();
            let ticket = office.mint(&[("kind", json!("guest-list")), ("reference", json!("case 17"))]);
            assert_eq!(ticket.body().routes.len(), 2, "one route for each inner proxy");

            let receipt = network.send(vendor, &ticket, list.clone()).unwrap();

            assert_eq!(office.inbox().len(), before + 1);
            let received = office.submission(&ticket).unwrap();
            assert_eq!(received["sender"], network.vendor(vendor).id.as_str());
            assert_eq!(received["kind"], "guest-list");
            assert_eq!(received["bytes"], list.len());
            assert_eq!(received["reference"], "case 17");
            assert_eq!(office.read(&ticket).unwrap(), list);
            verify_receipt(&receipt, &ticket, &network.directory()).unwrap();
            assert_eq!(received["content_hash"], receipt.wire().body().content_hash.to_string());
        }
    }
}

#[test]
fn the_office_is_told_what_is_implausible_and_keeps_it_as_it_came() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let list = r#"{"startDate":"2021-11-19T18:00:00Z","endDate":"2021-11-19T23:00:00Z","guests":[
        {"firstName":"=HYPERLINK(\"http://example.org\")","lastName":"O'Brien","phone":"12/3","unheardOf":[1,2],
         "attendanceInformation":{"attendFrom":"2021-11-19T19:00:00Z","attendTo":"2021-11-19T18:00:00Z"}}]}"#;

    network.send(0, &ticket, list).unwrap();

    let findings = until("the office has looked at it", SOON, || {
        let findings = office.inbox()[0]["findings"].clone();
        (!findings.is_null()).then_some(findings)
    });
    assert_eq!(findings["readable"], true, "{findings}");
    assert_eq!(findings["people"], 1);
    assert!(findings["flags"].as_u64().unwrap() > 0, "{findings}");
    assert_eq!(office.read(&ticket).unwrap(), list.as_bytes());
}

#[test]
fn tickets_of_both_suites_carry_contents_of_every_size() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    for suite in [1, 2] {
        for size in [0, 1, 1023, 1024, 1025, 65_531, 65_532, 65_533, 300_000] {
            let content: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
            let ticket = office.mint(&[("suite", json!(suite))]);
            let receipt = network.send(0, &ticket, content.clone()).unwrap();
            assert_eq!(receipt.wire().body().length, u64::from(size));
            assert!(office.read(&ticket).unwrap() == content, "{size} bytes with suite {suite}");
        }
    }
}

#[test]
fn an_anonymous_sender_is_admitted_where_the_ticket_says_so_and_nowhere_else() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let send = |ticket: &Ticket| {
        let sending = network.anonymous_client().send(ticket, "{}").kind("guest-list").patience(SOON);
        network.background().run(async move { sending.await })
    };
    send(&office.mint(&[])).unwrap();
    assert!(office.inbox()[0]["sender"].is_null());
    let error = send(&office.mint(&[("sender", json!("any-member"))])).unwrap_err();
    assert!(!error.may_retry(), "{error}");
    assert_eq!(office.inbox().len(), 1);
}

#[test]
fn everything_can_be_done_from_the_command_line() {
    let network = Network::of(1, 1, 1, 1).start();
    let (office, root) = (network.office(0), network.root());
    let config = office.config();
    let receiver = |arguments: &[&str]| {
        let mut command = Command::new(&binaries().receiver);
        run(command.args(arguments).arg("--config").arg(&config))
    };
    let schleuse = |arguments: &[&str]| run(Command::new(&binaries().schleuse).args(arguments).current_dir(root));

    let ticket = text(&receiver(&["mint", "--kind", "guest-list"]).stdout);
    fs::write(root.join("ticket"), &ticket).unwrap();
    let list = guest_list_json(5, 3);
    fs::write(root.join("guests.json"), &list).unwrap();
    schleuse(&[
        "send",
        "guests.json",
        "--ticket",
        "ticket",
        "--directory",
        "directory.json",
        "--root-keys",
        "root-keys.toml",
        "--ca",
        "ca.pem",
        "--identity",
        "vendor-1",
        "--receipt",
        "receipt.json",
    ]);
    schleuse(&[
        "receipt",
        "verify",
        "receipt.json",
        "--ticket",
        "ticket",
        "--directory",
        "directory.json",
        "--root-keys",
        "root-keys.toml",
    ]);

    let receipt = Receipt::from_json(&fs::read_to_string(root.join("receipt.json")).unwrap()).unwrap();
    let id = receipt.wire().body().ticket.to_string();
    assert!(text(&receiver(&["inbox"]).stdout).contains(&id));
    assert_eq!(receiver(&["read", &id]).stdout, list);
    let proof = root.join("proof");
    receiver(&["prove", &id, "--output", proof.to_str().unwrap()]);
    receiver(&["delete", &id]);
    // With the submission and all keys gone, anybody can still see who sent it.
    let proved = schleuse(&[
        "receipt",
        "prove",
        "proof",
        "--ticket",
        "ticket",
        "--content",
        "guests.json",
        "--directory",
        "directory.json",
        "--root-keys",
        "root-keys.toml",
    ]);
    assert!(text(&proved.stdout).contains("signed by vendor-1"), "{proved:?}");
    assert!(!text(&receiver(&["inbox"]).stdout).contains(&id));
    assert!(office.inbox().is_empty());
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
