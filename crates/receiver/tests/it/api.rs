//! The local API over a real Unix socket and a real port.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use futures::FutureExt as _;
use schleuse_protocol::wire::proof::Proof;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_receiver::config::{Loopback, UnixSocket};
use schleuse_receiver::{Config, Handle, MAX_COUNT, MintRequest};
use schleuse_seal::verify_attestation;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::network::{Network, soon, until, write_secret};
use crate::sender::{Attempt, VENDOR};

/// Status and body of one request, as bytes on the wire: the other side of hyper.
async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
    body: &str,
    extra: &str,
) -> (u16, Vec<u8>) {
    let text = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: \
         {}\r\n{extra}\r\n{body}",
        body.len()
    );
    soon(stream.write_all(text.as_bytes())).await.expect("a request");
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.expect("an answer");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let status = std::str::from_utf8(&answer[9..12]).expect("digits").parse().expect("a status");
    (status, answer.split_off(end))
}

async fn on_socket(network: &Network, request: &str, body: &str) -> (u16, Vec<u8>) {
    ask(UnixStream::connect(network.path("api.sock")).await.expect("the socket"), request, body, "").await
}

async fn json_on_socket(network: &Network, request: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = on_socket(network, request, &body).await;
    (status, serde_json::from_slice(&answer).expect("JSON"))
}

fn config(network: &Network) -> Config {
    let mut config = network.config();
    config.api.socket = Some(UnixSocket { path: network.path("api.sock").into(), mode: 0o660 });
    config
}

async fn office(network: &Network) -> Handle {
    network.office_with(config(network)).await
}

#[tokio::test]
async fn a_submission_is_asked_for_listed_read_and_deleted() {
    let network = Network::new().await;
    let office = office(&network).await;
    let mode = std::fs::metadata(network.path("api.sock")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o660);
    let body = json!({ "sender": "any-member", "kind": "guest-list", "reference": "Az. 1", "valid_seconds": 3600 });
    let (status, minted) = json_on_socket(&network, "POST /v1/tickets", &body).await;
    assert_eq!((status, minted["tickets"].as_array().map(Vec::len)), (201, Some(1)), "{minted}");
    let minted = &minted["tickets"][0];
    assert_eq!(minted["routes"], json!(1));
    let ticket: Ticket = minted["ticket"].as_str().unwrap().parse().unwrap();
    assert_eq!(minted["id"], json!(ticket.body().id.to_string()));
    let content = schleuse_payload::generate::guest_list_json(30, 7);
    Attempt::new(&network, &ticket, &VENDOR, content.clone()).receipt().await;
    let path = format!("/v1/submissions/{}", ticket.body().id);
    let submission = until(|| async {
        let (status, view) = json_on_socket(&network, &format!("GET {path}"), &Value::Null).await;
        assert_eq!(status, 200, "{view}");
        (!view["findings"].is_null()).then_some(view)
    })
    .await;
    assert_eq!(submission["findings"]["people"], json!(30));
    assert_eq!((&submission["sender"], &submission["reference"]), (&json!("vendor-1"), &json!("Az. 1")));
    let (status, page) = json_on_socket(&network, "GET /v1/inbox?limit=1", &Value::Null).await;
    assert_eq!((status, &page["submissions"][0]), (200, &submission));
    let next = format!("GET /v1/inbox?limit=1&after={}", page["next"].as_str().unwrap());
    let (_, page) = json_on_socket(&network, &next, &Value::Null).await;
    assert_eq!(page, json!({ "submissions": [], "next": null }));
    let (status, bytes) = on_socket(&network, &format!("GET {path}/content"), "").await;
    assert_eq!((status, bytes), (200, content));
    let (status, bytes) = on_socket(&network, &format!("GET {path}/proof"), "").await;
    assert_eq!(status, 200);
    let Proof { receipt, attestation } = Proof::from_bytes(&bytes).unwrap();
    assert_eq!(submission["receipt"], json!(data_encoding::BASE64.encode(receipt.as_bytes())));
    assert!(verify_attestation(receipt.body(), &attestation, &network.vendor.public()), "the vendor could deny it");
    let (status, deleted) = json_on_socket(&network, &format!("DELETE {path}"), &Value::Null).await;
    assert_eq!((status, deleted), (200, json!({ "deleted": ticket.body().id.to_string() })));
    for request in
        [format!("DELETE {path}"), format!("GET {path}"), format!("GET {path}/content"), format!("GET {path}/proof")]
    {
        let (status, error) = json_on_socket(&network, &request, &Value::Null).await;
        assert_eq!((status, &error["error"]), (404, &json!("not-found")), "{request}");
    }
    let (status, view) = json_on_socket(&network, "GET /v1/status", &Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!((&view["office"], &view["links"][0]["up"]), (&json!("ga-koeln"), &json!(true)));
    soon(office.shutdown()).await;
    assert!(!network.path("api.sock").exists(), "the socket stays behind");
}

/// Whoever asks for a deletion may go away before it is answered, and a program that reads the database may keep the
/// answer back: the inner proxy is told all the same.
#[tokio::test]
async fn tokens_of_the_deleted_are_reported_whoever_waits() {
    let network = Network::new().await;
    let office = office(&network).await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    assert!(office.delete(ticket.body().id).now_or_never().is_none(), "nobody goes away: the test shows nothing");
    let nonce = ticket.body().routes[0].token.nonce;
    until(|| async { network.inner.used().contains(&nonce).then_some(()) }).await;
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn a_deletion_that_waits_for_a_backup_does_not_hold_up_the_stop() {
    let network = Network::new().await;
    let mut config = config(&network);
    config.limits.drain = Duration::from_secs(3600);
    let office = network.office_with(config).await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    let backup = rusqlite::Connection::open(network.path("office.sqlite")).unwrap();
    backup.execute_batch("BEGIN; SELECT count(*) FROM ticket").unwrap();
    let request = format!("DELETE /v1/submissions/{}", ticket.body().id);
    let deletion = async { json_on_socket(&network, &request, &Value::Null).await };
    let stop = async {
        let nonce = ticket.body().routes[0].token.nonce;
        until(|| async { network.inner.used().contains(&nonce).then_some(()) }).await;
        soon(office.shutdown()).await;
    };
    let ((status, error), ()) = tokio::join!(deletion, stop);
    assert_eq!((status, &error["error"]), (503, &json!("store-unavailable")), "{error}");
    backup.execute_batch("COMMIT").unwrap();
}

#[tokio::test]
async fn many_tickets_are_minted_with_one_request_and_one_commit() {
    let network = Network::new().await;
    let office = office(&network).await;
    let commits = office.status().await.unwrap().commits;
    let body = json!({ "count": MAX_COUNT, "suite": 2, "reference": "Az. 2" });
    let (status, minted) = json_on_socket(&network, "POST /v1/tickets", &body).await;
    assert_eq!(status, 201, "{minted}");
    let texts = minted["tickets"].as_array().unwrap().iter().map(|view| view["ticket"].as_str().unwrap());
    let tickets: Vec<Ticket> = texts.map(|text| text.parse().unwrap()).collect();
    let different = |of: fn(&Ticket) -> Vec<u8>| tickets.iter().map(of).collect::<std::collections::HashSet<_>>().len();
    assert_eq!(tickets.len(), MAX_COUNT);
    assert_eq!(different(|ticket| ticket.body().id.0.to_vec()), MAX_COUNT);
    assert_eq!(different(|ticket| ticket.body().secret.0.to_vec()), MAX_COUNT);
    assert_eq!(different(|ticket| ticket.body().routes[0].token.nonce.0.to_vec()), MAX_COUNT);
    let after = office.status().await.unwrap();
    assert_eq!(after.store.open_tickets, MAX_COUNT as u64);
    // The daemon's own upkeep may have written, too.
    assert!(after.commits - commits < 5, "{} commits", after.commits - commits);
    for ticket in [&tickets[0], &tickets[MAX_COUNT - 1]] {
        Attempt::new(&network, ticket, &VENDOR, b"one of many".to_vec()).receipt().await;
    }
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn when_route_tokens_run_short_no_ticket_is_minted() {
    let network = Network::new().await;
    let office = office(&network).await;
    network.inner.give_no_more();
    let (status, error) = json_on_socket(&network, "POST /v1/tickets", &json!({ "count": 100 })).await;
    assert_eq!((status, &error["error"]), (503, &json!("few-tokens")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("48 of 100"), "{error}");
    let view = office.status().await.unwrap();
    assert_eq!((view.store.open_tickets, view.links[0].tokens), (0, 48), "nothing is used up");
    let (status, minted) = json_on_socket(&network, "POST /v1/tickets", &json!({ "count": 48 })).await;
    assert_eq!((status, minted["tickets"].as_array().map(Vec::len)), (201, Some(48)));
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn a_bad_request_is_told_what_is_wrong() {
    let network = Network::new().await;
    let office = office(&network).await;
    for (request, body, status, part) in [
        ("POST /v1/tickets", "{", 400, "JSON"),
        ("POST /v1/tickets", "{\"sendr\":\"x\"}", 400, "sendr"),
        ("POST /v1/tickets", "{\"suite\":3}", 400, "suite 3"),
        ("POST /v1/tickets", "{\"count\":0}", 400, "1 to 500"),
        ("POST /v1/tickets", "{\"count\":501}", 400, "1 to 500"),
        ("POST /v1/tickets", "{\"count\":-1}", 400, "count"),
        ("POST /v1/tickets", "{\"valid_seconds\":99999999}", 400, "480 hours"),
        ("GET /v1/inbox?after=x", "", 400, "after"),
        ("GET /v1/inbox?limit=x", "", 400, "limit"),
        ("GET /v1/submissions/..%2f", "", 400, "32"),
        ("GET /v1/nothing", "", 404, "nothing"),
    ] {
        let (found, answer) = on_socket(&network, request, body).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(found == status && answer.contains(part), "{request} {body}: {found} {answer}");
        assert!(answer.contains("\"message\""), "{answer}");
    }
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn loopback_opens_only_to_the_token() {
    let network = Network::new().await;
    let token = "0123456789abcdef0123456789abcdef";
    write_secret(&network.path("token"), &format!("{token}\n"));
    let mut config = config(&network);
    let listen = "127.0.0.1:0".parse().unwrap();
    config.api.loopback = Some(Loopback { listen, token_file: network.path("token").into() });
    let office = network.office_with(config).await;
    let address = office.api_address().unwrap();
    for (extra, expected) in [
        (format!("authorization: Bearer {token}\r\n"), 200),
        (String::new(), 401),
        (format!("authorization: Bearer {token}0\r\n"), 401),
        (format!("authorization: Bearer 1{}\r\n", &token[1..]), 401),
        (format!("authorization: Basic {token}\r\n"), 401),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        let (status, _) = ask(stream, "GET /v1/status", "", &extra).await;
        assert_eq!(status, expected, "{extra}");
    }
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let network = Network::new().await;
    drop(std::os::unix::net::UnixListener::bind(network.path("api.sock")).unwrap());
    let running = office(&network).await;
    let other = Network::new().await;
    let mut config = other.config();
    config.api.socket = Some(UnixSocket { path: network.path("api.sock").into(), mode: 0o600 });
    let error = schleuse_receiver::Receiver::start(config).await.err().unwrap();
    assert!(error.to_string().contains("in use"), "{error}");
    let (status, _) = on_socket(&network, "GET /v1/status", "").await;
    assert_eq!(status, 200);
    soon(running.shutdown()).await;
}
