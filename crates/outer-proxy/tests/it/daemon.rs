//! Start and stop: what an operator sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use schleuse_outer_proxy::{Config, Ending, start};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::exit;
use schleuse_transport::net::{Code, Connection, ConnectionError};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::tls::EXAMPLE_MARKER_FILE;

use crate::peers::{deliver, refusal, soon, stream};
use crate::pki::Pki;
use crate::process::{complaint, run, version_with_help};
use crate::support::{FakeInner, Network, configure, connect, try_connect};

const PROGRAM: &str = env!("CARGO_BIN_EXE_schleuse-outer");

/// Writes a configuration that is good.
fn configured() -> (Pki, std::path::PathBuf) {
    let pki = Pki::new();
    pki.issue("inner-1");
    let config = configure(&pki, &[("inner-1", ([127, 0, 0, 1], 9).into())]);
    (pki, config)
}

#[tokio::test]
async fn a_drain_lets_running_streams_finish_and_takes_no_new_ones() {
    let mut network = Network::new().await;
    let open = network.open();
    let (mut send, recv) = stream(&network.sender, &open, b"before ").await;
    let (_, reply, carried) = network.link.stream().await;

    network.outer.drain();
    let (_send, mut late) = stream(&network.sender, &open, b"").await;
    assert_eq!(refusal(&mut late).await, StreamRefusal::Unavailable);
    assert_eq!(network.record().await.ending, Ending::Unavailable);
    let full = soon(try_connect(&network.pki, network.outer.addresses()[0])).await.err().unwrap();
    assert_eq!(full, ConnectionError::Refused);

    send.write_all(b"after").await.unwrap();
    deliver((send, recv), (reply, carried), b"before after").await;
    soon(network.outer.finished()).await.unwrap();
    match soon(network.sender.closed()).await {
        ConnectionError::ApplicationClosed(code) => {
            assert_eq!(code, refusal_code(StreamRefusal::Unavailable));
        }
        other => panic!("expected a close, got {other}"),
    }
}

/// Senders hear of a drain as soon as they can go elsewhere: at once without a stream, else with their last one.
#[tokio::test]
async fn a_drain_closes_each_connection_with_its_last_stream() {
    let network = Network::new().await;
    let (address, open) = (network.outer.addresses()[0], network.open());
    let (idle, other) = (soon(connect(&network.pki, address)).await, soon(connect(&network.pki, address)).await);
    let (send, recv) = stream(&network.sender, &open, b"one").await;
    let (_, reply, carried) = network.link.stream().await;
    let (_send, _recv) = stream(&other, &open, b"two").await;
    let _held = network.link.stream().await;

    network.outer.drain();
    assert_eq!(close_code(&idle).await, refusal_code(StreamRefusal::Unavailable));
    assert!(network.sender.close_reason().is_none());
    deliver((send, recv), (reply, carried), b"one").await;
    assert_eq!(close_code(&network.sender).await, refusal_code(StreamRefusal::Unavailable));
    assert!(other.close_reason().is_none(), "its stream runs on");
}

async fn close_code(connection: &Connection) -> Code {
    match soon(connection.closed()).await {
        ConnectionError::ApplicationClosed(code) => code,
        other => panic!("expected a close, got {other}"),
    }
}

#[tokio::test]
async fn a_stop_breaks_what_runs() {
    let mut network = Network::new().await;
    let (_send, mut recv) = stream(&network.sender, &network.open(), b"").await;
    let (_, _reply, mut carried) = network.link.stream().await;
    network.outer.stop();
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Unavailable);
    assert_eq!(refusal(&mut carried).await, StreamRefusal::Unavailable);
    assert_eq!(network.record().await.ending, Ending::Broken);
    soon(network.outer.finished()).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_one_line_and_exit_code_69() {
    let pki = Pki::new();
    let inner = FakeInner::listen(&pki, "inner-1");
    let config = configure(&pki, &[("inner-1", inner.address)]);
    let taken = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    fs::write(&config, text).unwrap();
    let error = start(Config::load(&config).unwrap(), None).err().unwrap();
    assert_eq!(error.code(), exit::UNAVAILABLE);

    let output = run(PROGRAM, &[], &config);
    let (code, text) = complaint(&output);
    assert_eq!(code, Some(69));
    assert!(text.contains(&port.to_string()) && text.contains("in use"), "{text}");
}

#[test]
fn check_says_ok_without_listening() {
    let (pki, config) = configured();
    let output = run(PROGRAM, &["--check"], &config);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}: ok\n", pki.path("outer.toml").display()));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for secret in ["outer-1.key", "outer-1.cluster"] {
        let (pki, config) = configured();
        fs::set_permissions(pki.path(secret), fs::Permissions::from_mode(0o644)).unwrap();
        let (code, text) = complaint(&run(PROGRAM, &["--check"], &config));
        assert_eq!(code, Some(77));
        assert!(text.contains(secret) && text.contains("chmod 600"), "{text}");
    }
}

#[test]
fn a_mistake_is_one_line_with_its_place_and_exit_code_78() {
    let (pki, config) = configured();
    let good = fs::read_to_string(&config).unwrap();
    let cases = [
        ("threads = 1", "threds = 1", "outer.toml:7:1: unknown field `threds`"),
        ("outer-1.pem", "absent.pem", "outer.toml:3:15: cannot read the certificate file "),
        ("\"outer-1.cluster\"", "\"ca.pem\"", "outer.toml:6:18: the key file "),
        ("ca = \"ca.pem\"", "ca = \"outer-1.cluster\"", "outer.toml:5:6: no usable certificate in "),
    ];
    fs::set_permissions(pki.path("ca.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    for (from, to, expected) in cases {
        fs::write(&config, good.replace(from, to)).unwrap();
        let (code, text) = complaint(&run(PROGRAM, &[], &config));
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let (code, text) = complaint(&run(PROGRAM, &[], &pki.path("absent.toml")));
    assert_eq!(code, Some(78));
    assert!(text.contains("absent.toml"), "{text}");
}

#[test]
fn published_example_keys_are_refused_unless_this_is_a_demo() {
    let (pki, config) = configured();
    pki.file(EXAMPLE_MARKER_FILE, "");
    let (code, text) = complaint(&run(PROGRAM, &["--check"], &config));
    assert_eq!(code, Some(78));
    assert!(text.contains("outer.toml:3:15: ") && text.contains("published examples"), "{text}");
    let demo = format!("demo = true\n{}", fs::read_to_string(&config).unwrap());
    fs::write(&config, demo).unwrap();
    assert_eq!(run(PROGRAM, &["--check"], &config).status.code(), Some(0));
}

#[test]
fn version_and_help_are_there() {
    let version = version_with_help(PROGRAM, &["--check", "--config", "SIGTERM", "69", "78"]);
    assert_eq!(version, format!("schleuse-outer {}\n", env!("CARGO_PKG_VERSION")));
}
