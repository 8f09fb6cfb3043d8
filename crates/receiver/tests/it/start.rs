//! What keeps the daemon from starting, and what it tells then; what the directory decides while it runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use schleuse_directory::limits::EXPIRY_GRACE;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::reply::Reason;
use schleuse_receiver::config::{InnerAddress, Loopback, UnixSocket};
use schleuse_receiver::{Config, Handle, MintError, MintRequest, Receiver, create_key_file};
use schleuse_transport::config::NamedFile;
use schleuse_transport::endpoint::Limits;
use schleuse_transport::exit;
use schleuse_transport::net::{Code, ConnectionError};

use crate::network::{Network, id, soon, until, write_secret};
use crate::sender::{Attempt, VENDOR};
use crate::submit::content;

/// Starts, must fail, and must name all of `parts`.
async fn fails(config: Config, code: u8, parts: &[&str]) {
    let error = match Receiver::start(config).await {
        Ok(_) => panic!("it started; expected {parts:?}"),
        Err(error) => error,
    };
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    assert!(parts.iter().all(|part| text.contains(part)) && !text.contains('\n'), "{text}");
}

#[tokio::test]
async fn every_obstacle_is_named_with_place_and_remedy() {
    let network = Network::new().await;
    let changed = |change: &dyn Fn(&mut Config)| {
        let mut config = network.config();
        change(&mut config);
        config
    };
    let missing = NamedFile::from(PathBuf::from("/nonexistent/x"));
    let config = changed(&|config| config.identity.certificate = missing.clone());
    fails(config, exit::CONFIG, &["/nonexistent/x"]).await;
    let config = changed(&|config| config.key_encryption_key = Some(missing.clone()));
    fails(config, exit::CONFIG, &["/nonexistent/x"]).await;
    let config = changed(&|config| config.directory.file = missing.clone());
    fails(config, exit::CONFIG, &["directory", "/nonexistent/x"]).await;
    let config = changed(&|config| config.directory.roots = missing.clone());
    fails(config, exit::CONFIG, &["root keys", "/nonexistent/x"]).await;
    let config = changed(&|config| config.database = missing.clone());
    fails(config, exit::CONFIG, &["/nonexistent/x", "folder"]).await;
    let config = changed(&|config| config.office = id("ga-bonn"));
    fails(config, exit::CONFIG, &["ga-bonn", "directory.json"]).await;
    let config = changed(&|config| config.identity.certificate = network.path("inner.pem").into());
    fails(config, exit::CONFIG, &["key"]).await;
    let config = changed(&|config| config.inners[0].id = id("vendor-1"));
    fails(config, exit::CONFIG, &["vendor-1", "[[inner]]"]).await;
    write_secret(&network.path("other.key"), &"11".repeat(32));
    let config = changed(&|config| config.identity.signing_key = network.path("other.key").into());
    fails(config, exit::CONFIG, &["signing key", "other.key"]).await;
    write_secret(&network.path("short"), "0123");
    let config = changed(&|config| config.key_encryption_key = Some(network.path("short").into()));
    fails(config, exit::CONFIG, &["short", "schleuse-receiver init"]).await;
    let config = changed(&|config| {
        let listen = "127.0.0.1:0".parse().expect("an address");
        config.api.loopback = Some(Loopback { listen, token_file: network.path("short").into() });
    });
    fails(config, exit::CONFIG, &["short", "32 characters"]).await;
    let config = changed(&|config| {
        config.api.socket = Some(UnixSocket { path: network.path("ca.pem").into(), mode: 0o600 });
    });
    fails(config, exit::CONFIG, &["ca.pem", "in the way"]).await;
    assert!(network.path("ca.pem").exists(), "a file that is no socket was removed");
    let garbage = "this is no database, however long one looks at it. ".repeat(100);
    std::fs::write(network.path("garbage.sqlite"), garbage).unwrap();
    let config = changed(&|config| config.database = network.path("garbage.sqlite").into());
    fails(config, exit::IO, &["garbage.sqlite", "not a database"]).await;
    std::fs::set_permissions(network.path("kek"), std::fs::Permissions::from_mode(0o644)).unwrap();
    fails(network.config(), exit::NO_PERMISSION, &["kek", "chmod 600"]).await;
    std::fs::set_permissions(network.path("kek"), std::fs::Permissions::from_mode(0o600)).unwrap();
    soon(network.office().await.shutdown()).await;
}

#[tokio::test]
async fn two_daemons_never_share_a_database_and_a_wrong_key_is_named() {
    let network = Network::new().await;
    let office = network.office().await;
    fails(network.config(), exit::UNAVAILABLE, &["office.sqlite", "in use"]).await;
    soon(office.shutdown()).await;
    create_key_file(&network.path("kek-2")).unwrap();
    let mut config = network.config();
    config.key_encryption_key = Some(network.path("kek-2").into());
    fails(config, exit::CONFIG, &["office.sqlite", "not the one"]).await;
    soon(network.office().await.shutdown()).await;
}

#[tokio::test]
async fn an_older_directory_is_refused_and_a_newer_one_decides_at_once() {
    let network = Network::new().await;
    network.publish(|directory| directory.version = 8);
    let office = network.office().await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    network.publish(|directory| {
        directory.version = 9;
        directory.permissions.clear();
    });
    let before = Attempt::new(&network, &office.mint(&MintRequest::default()).await.unwrap(), &VENDOR, content(9));
    { before }.receipt().await;
    assert_eq!(office.reload_directory().await.unwrap(), 9);
    let mut attempt = Attempt::new(&network, &ticket, &VENDOR, content(10));
    assert_eq!(attempt.refusal().await, Reason::NotPermitted);
    network.publish(|directory| directory.version = 8);
    assert!(office.reload_directory().await.unwrap_err().to_string().contains("directory.json"));
    assert_eq!(office.status().await.unwrap().directory_version, 9, "the old one stays in use");
    soon(office.shutdown()).await;
    fails(network.config(), exit::CONFIG, &["directory.json"]).await;
    network.publish(|directory| {
        directory.version = 10;
        directory.issued = UnixSeconds(directory.issued.0 - EXPIRY_GRACE - 100);
        directory.expires = UnixSeconds(directory.issued.0 + 1);
    });
    fails(network.config(), exit::CONFIG, &["directory.json", "expired"]).await;
}

#[tokio::test]
async fn an_inner_proxy_with_another_key_is_not_used() {
    let network = Network::new().await;
    network.publish(|directory| {
        directory.version = 8;
        directory.members[1].fingerprints[0].0[0] ^= 1;
    });
    let office = Receiver::start(network.config()).await.unwrap();
    let trouble = until(|| async { office.status().await.unwrap().links[0].trouble.clone() }).await;
    assert!(trouble.contains("not the one that the directory pins"), "{trouble}");
    let error = soon(office.mint(&MintRequest::default())).await.unwrap_err();
    assert!(matches!(error, MintError::NoRoute), "{error}");
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn an_inner_proxy_that_is_away_does_not_keep_the_office_from_working() {
    let network = Network::new().await;
    network.publish(|directory| {
        directory.version = 8;
        let mut away = directory.members[1].clone();
        away.id = id("inner-2");
        away.fingerprints[0].0[0] ^= 1;
        directory.members.push(away);
    });
    let mut config = network.config();
    config.inners.push(InnerAddress { id: id("inner-2"), address: "nowhere.invalid:1".into() });
    let office = Receiver::start(config).await.unwrap();
    let ticket = soon(office.mint(&MintRequest::default())).await.unwrap();
    assert_eq!(ticket.body().routes.len(), 1);
    Attempt::new(&network, &ticket, &VENDOR, content(10)).receipt().await;
    let status = until(|| async {
        let status = office.status().await.unwrap();
        status.links[1].trouble.is_some().then_some(status)
    })
    .await;
    assert!(status.links[0].up && !status.links[1].up);
    soon(office.shutdown()).await;
}

/// The office waits until it can answer, and all the same it sees that the directory has this key no longer.
#[tokio::test]
async fn an_inner_proxy_that_reads_nothing_loses_its_link_with_its_key() {
    let (network, office) = with_a_deaf_inner_proxy().await;
    let connection = network.inner.connection().await;
    network.publish(|directory| {
        directory.version = 8;
        directory.members[1].fingerprints[0].0[0] ^= 1;
    });
    office.reload_directory().await.unwrap();
    assert_eq!(soon(connection.closed()).await, ConnectionError::ApplicationClosed(Code::NONE));
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn an_inner_proxy_that_reads_nothing_holds_no_stop_up() {
    let (_network, office) = with_a_deaf_inner_proxy().await;
    soon(office.shutdown()).await;
}

/// What the office says fills the window of the control stream.
async fn with_a_deaf_inner_proxy() -> (Network, Handle) {
    let network = Network::with(&Limits { stream_window: 64, ..Limits::LINK }).await;
    network.inner.listen_no_more();
    let mut config = network.config();
    // Longer than is waited here.
    config.limits.drain = Duration::from_secs(60);
    let office = Receiver::start(config).await.expect("a running office");
    until(|| async { (!office.status().await.expect("a status").links[0].complaints.is_empty()).then_some(()) }).await;
    (network, office)
}
