//! Start and stop: what an operator sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use schleuse_inner_proxy::{Ending, start};
use schleuse_protocol::wire::hop::{InnerToOffice, InnerToOuter};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::exit;
use schleuse_transport::net::ConnectionError;

use crate::peers::{deliver, refusal, soon};
use crate::process::{complaint, run, version_with_help};
use crate::support::{Members, Network, Office, Outer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_schleuse-inner");

#[tokio::test]
async fn a_drain_is_told_to_all_peers_and_lets_running_streams_finish() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let (mut send, recv) = network.outer.stream(&open, b"before ").await;
    let (_, reply, carried) = network.office.stream().await;

    network.inner.drain();
    assert_eq!(network.outer.0.hear::<InnerToOuter>().await, InnerToOuter::Drain);
    assert_eq!(network.office.0.hear::<InnerToOffice>().await, InnerToOffice::Drain);
    assert_eq!(network.outer.refused(&open).await, StreamRefusal::Unavailable);
    assert_eq!(network.record().await.ending, Ending::Unavailable);
    let full = crate::support::connect(&network.members.pki, "ga-bonn", network.address()).await.err().unwrap();
    assert_eq!(full, ConnectionError::Refused);

    send.write_all(b"after").await.unwrap();
    deliver((send, recv), (reply, carried), b"before after").await;
    assert_eq!(network.record().await.ending, Ending::Finished);
    soon(network.inner.finished()).await.unwrap();
    assert_eq!(network.office.0.turned_away().await, StreamRefusal::Unavailable);
}

#[tokio::test]
async fn a_stop_breaks_what_runs() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let (_send, mut recv) = network.outer.stream(&open, b"").await;
    let (_, _reply, mut carried) = network.office.stream().await;
    network.inner.stop();
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Unavailable);
    assert_eq!(refusal(&mut carried).await, StreamRefusal::Unavailable);
    assert_eq!(network.record().await.ending, Ending::Broken);
    soon(network.inner.finished()).await.unwrap();
}

#[tokio::test]
async fn streams_cross_threads() {
    let members = Members::new();
    members.replace("threads = 1", "threads = 4");
    let (inner, _records) = members.start();
    let address = inner.addresses()[0];
    let mut office = Office::link(&members.pki, "ga-koeln", address).await;
    // Each connection comes from another port, so they meet several threads.
    for open in office.headers(8).await {
        let outer = Outer::link(&members.pki, "outer-1", address).await;
        let sent = outer.stream(&open, b"content").await;
        let (_, reply, carried) = office.stream().await;
        deliver(sent, (reply, carried), b"content").await;
    }
    inner.drain();
    soon(inner.finished()).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_one_line_and_exit_code_69() {
    let members = Members::new();
    let taken = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    members.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    let config = schleuse_inner_proxy::Config::load(&members.config).unwrap();
    assert_eq!(start(config, None).err().unwrap().code(), exit::UNAVAILABLE);
    let (code, text) = complaint(&run(PROGRAM, &[], &members.config));
    assert_eq!(code, Some(69));
    assert!(text.contains(&port.to_string()) && text.contains("in use"), "{text}");
}

#[test]
fn check_says_ok_without_listening() {
    let members = Members::new();
    let output = run(PROGRAM, &["--check"], &members.config);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}: ok\n", members.config.display()));
}

#[test]
fn a_mistake_is_one_line_with_its_place_and_what_to_do() {
    let cases: [(&str, &str, &str); 4] = [
        ("threads = 1", "threds = 1", "inner.toml:9:1: unknown field `threds`"),
        ("directory.json", "absent.json", "absent.json"),
        ("\"directory.json\"", "\"root-keys.toml\"", "root-keys.toml: line 1"),
        ("id = \"inner-1\"", "id = \"inner-2\"", "does not list the key"),
    ];
    for (from, to, expected) in cases {
        let members = Members::new();
        members.replace(from, to);
        let (code, text) = complaint(&run(PROGRAM, &["--check"], &members.config));
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for secret in ["inner-1.key", "inner-1.cluster"] {
        let members = Members::new();
        fs::set_permissions(members.pki.path(secret), fs::Permissions::from_mode(0o640)).unwrap();
        let (code, text) = complaint(&run(PROGRAM, &["--check"], &members.config));
        assert_eq!(code, Some(77));
        assert!(text.contains(secret) && text.contains("chmod 600"), "{text}");
    }
}

#[test]
fn a_directory_that_was_changed_after_signing_is_refused() {
    let members = Members::new();
    let path = members.pki.path("directory.json");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    fs::write(&path, bytes).unwrap();
    let (code, text) = complaint(&run(PROGRAM, &["--check"], &members.config));
    assert_eq!(code, Some(78));
    assert!(text.contains("directory.json"), "{text}");
}

#[test]
fn version_and_help_are_there() {
    let version = version_with_help(PROGRAM, &["--check", "--config", "SIGHUP", "69", "78"]);
    assert_eq!(version, format!("schleuse-inner {}\n", env!("CARGO_PKG_VERSION")));
}
