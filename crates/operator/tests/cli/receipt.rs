//! `schleuse receipt …`

use std::fs;
use std::path::Path;

use schleuse_protocol::wire::proof::Proof;
use schleuse_protocol::wire::ticket::Ticket;
use serde_json::json;

use crate::network::Network;
use crate::run;

const CONTENT: &[u8] = b"a guest list";

fn verify(network: &Network, receipt: &Path, content: &Path) -> crate::Run {
    let (directory, roots) = (network.path("directory.json"), network.path("root-keys.toml"));
    let ticket = network.ticket_file();
    run!(
        "receipt",
        "verify",
        receipt,
        "--ticket",
        ticket,
        "--directory",
        directory,
        "--root-keys",
        roots,
        "--content",
        content,
        "--json"
    )
}

fn files(network: &Network) -> (std::path::PathBuf, std::path::PathBuf) {
    let (receipt, content) = (network.path("receipt.json"), network.path("list.json"));
    fs::write(&receipt, network.receipt(CONTENT).to_json()).expect("the test is set up");
    fs::write(&content, CONTENT).expect("the test is set up");
    (receipt, content)
}

#[test]
fn a_receipt_is_proved_without_a_network() {
    let network = Network::new("127.0.0.1:9");
    let (receipt, content) = files(&network);
    let verified = verify(&network, &receipt, &content).json();
    assert_eq!(verified["verified"], true);
    assert_eq!(verified["content_compared"], true);
    assert_eq!(verified["office"], "ga-a");

    let shown = run!("receipt", "show", receipt);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stdout.contains("12 bytes") && shown.stdout.contains("verified  no"), "{}", shown.stdout);
    assert_eq!(run!("receipt", "show", receipt, "--json").json()["verified"], false);
}

#[test]
fn another_content_is_not_proved() {
    let network = Network::new("127.0.0.1:9");
    let (receipt, content) = files(&network);
    fs::write(&content, b"another list").unwrap();
    let refused = verify(&network, &receipt, &content);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("is not the content of the receipt"), "{refused:?}");
}

#[test]
fn an_altered_or_foreign_receipt_proves_nothing() {
    let network = Network::new("127.0.0.1:9");
    let (receipt, content) = files(&network);
    let text = fs::read_to_string(&receipt).unwrap();
    fs::write(&receipt, text.replace("\"length\": 12", "\"length\": 13")).unwrap();
    let altered = verify(&network, &receipt, &content);
    assert!(altered.stderr.contains("altered"), "{altered:?}");
    assert_eq!(altered.code, 1);

    let other_office = Network::new("127.0.0.1:9");
    fs::write(&receipt, other_office.receipt(CONTENT).to_json()).unwrap();
    let forged = verify(&network, &receipt, &content);
    assert!(forged.stderr.contains("signature is not that of 'ga-a'"), "{forged:?}");
    assert_eq!(forged.code, 1);

    fs::write(&receipt, "no receipt").unwrap();
    assert_eq!(verify(&network, &receipt, &content).code, 1);
    assert_eq!(run!("receipt", "show", network.path("absent")).code, 74);
}

fn prove(network: &Network, proof: &[u8], content: &[u8]) -> crate::Run {
    let (file, content_file) = (network.path("proof"), network.path("list.json"));
    fs::write(&file, proof).expect("the test is set up");
    fs::write(&content_file, content).expect("the test is set up");
    let (directory, roots) = (network.path("directory.json"), network.path("root-keys.toml"));
    let ticket = network.path("ticket.txt");
    run!(
        "receipt",
        "prove",
        file,
        "--ticket",
        ticket,
        "--content",
        content_file,
        "--directory",
        directory,
        "--root-keys",
        roots,
        "--json"
    )
}

#[test]
fn a_sender_cannot_deny_what_it_signed() {
    let network = Network::new("127.0.0.1:9");
    let ticket: Ticket = fs::read_to_string(network.ticket_file()).unwrap().parse().unwrap();
    let proof = network.proof(&ticket, CONTENT);
    let proved = prove(&network, &proof.to_bytes(), CONTENT).json();
    for (field, value) in [
        ("proved", json!(true)),
        ("sender", json!("vendor-a")),
        ("office", json!("ga-a")),
        ("kind", json!("guest-list")),
        ("ticket_compared", json!(true)),
        ("content_compared", json!(true)),
    ] {
        assert_eq!(proved[field], value, "{field}");
    }
}

#[test]
fn nothing_else_is_proved() {
    let network = Network::new("127.0.0.1:9");
    let ticket: Ticket = fs::read_to_string(network.ticket_file()).unwrap().parse().unwrap();
    let proof = network.proof(&ticket, CONTENT);
    let refused = |proof: &Proof, content: &[u8], why: &str| {
        let run = prove(&network, &proof.to_bytes(), content);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains(why), "{why}: {run:?}");
    };
    refused(&proof, b"another list", "is not the content of the receipt");
    let other = network.proof(&ticket, b"another list");
    let exchanged = Proof { attestation: other.attestation, ..proof.clone() };
    refused(&exchanged, CONTENT, "not signed by 'vendor-a'");
    let foreign = Network::new("127.0.0.1:9").proof(&ticket, CONTENT);
    refused(&foreign, CONTENT, "not signed by 'ga-a'");
    let other_ticket = network.proof(&network.ticket(1, (-5, 3600), None), CONTENT);
    refused(&other_ticket, CONTENT, "another ticket");
    let damaged = prove(&network, &proof.to_bytes()[1..], CONTENT);
    assert!(damaged.code == 1 && damaged.stderr.contains("this is no proof"), "{damaged:?}");
}
