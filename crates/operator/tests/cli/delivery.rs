//! `schleuse send` through real daemons: delivered, proved, asked for again, refused, and told when it is worth a retry.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use schleuse_operator::pki::inspect;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_receiver::{Handle, MintRequest, Receiver, create_key_file};

use crate::network::Network;
use crate::{Run, run, schleuse};

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A loopback address of this process alone, so that fixed ports are free.
fn own_address(port: u16) -> String {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.83.{high}.{}:{port}", low.max(1))
}

/// One proxy of each kind and the office.
struct Daemons {
    network: Network,
    outer: schleuse_outer_proxy::Handle,
    inner: schleuse_inner_proxy::Handle,
    office: Handle,
}

impl Daemons {
    async fn start() -> Self {
        let (outer_address, inner_address) = (own_address(4430), own_address(4431));
        let network = Network::new(&outer_address);
        let proxy = |id: &str, address: &str, more: &str| {
            format!(
                "id = \"{id}\"\nlisten = [\"{address}\"]\nthreads = 1\ncertificate = \"{id}/cert.pem\"\nkey = \
                 \"{id}/tls.key\"\nca = \"ca.pem\"\ncluster_secret = \"{id}/cluster.secret\"\n{more}\n"
            )
        };
        let write = |name: &str, text: String| {
            let path = network.path(name);
            fs::write(&path, text).expect("writes");
            path
        };
        let files = "directory = \"directory.json\"\nroot_keys = \"root-keys.toml\"";
        let inner = write("inner.toml", proxy("inner-a", &inner_address, files));
        let inner = schleuse_inner_proxy::start(schleuse_inner_proxy::Config::load(&inner).expect("valid"), None);
        let facts = inspect(&network.path("inner-a/cert.pem")).expect("a certificate");
        let fingerprint: String = facts.fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        let link =
            format!("[[inner]]\nid = \"inner-a\"\naddress = \"{inner_address}\"\nfingerprint = \"{fingerprint}\"");
        let outer = write("outer.toml", proxy("outer-a", &outer_address, &link));
        let outer = schleuse_outer_proxy::start(schleuse_outer_proxy::Config::load(&outer).expect("valid"), None);
        let office = write("receiver.toml", receiver(&inner_address));
        create_key_file(&network.path("kek")).expect("writes");
        let office = Receiver::start(schleuse_receiver::Config::load(&office).expect("valid")).await.expect("starts");
        let (inner, outer) = (inner.expect("starts"), outer.expect("starts"));
        let linked = async { tokio::join!(office.ready(), outer.until_linked()) };
        tokio::time::timeout(PATIENCE, linked).await.expect("the daemons find each other");
        Self { network, outer, inner, office }
    }

    async fn mint(&self) -> Ticket {
        let request = MintRequest { kind: Some("guest-list".parse().expect("a kind")), ..MintRequest::default() };
        self.office.mint(&request).await.expect("mints")
    }

    /// Runs the program while the daemons run.
    async fn send(&self, content: &Path, ticket: &Ticket, more: &[OsString]) -> Run {
        let path = |name| self.network.path(name).into_os_string();
        let mut arguments: Vec<OsString> = vec!["send".into(), content.into(), "--json".into()];
        arguments.extend(["--ticket".into(), ticket.to_uri().into(), "--directory".into(), path("directory.json")]);
        arguments.extend(["--root-keys".into(), path("root-keys.toml"), "--ca".into(), path("ca.pem")]);
        arguments.extend(["--identity".into(), path("vendor-a"), "--language".into(), "en".into()]);
        arguments.extend_from_slice(more);
        tokio::task::spawn_blocking(|| schleuse(arguments)).await.expect("runs")
    }

    async fn stop(self) {
        self.outer.stop();
        self.inner.stop();
        self.office.shutdown().await;
    }
}

fn receiver(inner_address: &str) -> String {
    format!(
        r#"
office = "ga-a"
database = "office.sqlite"
key_encryption_key = "kek"
[identity]
certificate = "ga-a/cert.pem"
key = "ga-a/tls.key"
ca = "ca.pem"
signing_key = "ga-a/signing.key"
[directory]
file = "directory.json"
roots = "root-keys.toml"
[[inner]]
id = "inner-a"
address = "{inner_address}"
"#
    )
}

#[tokio::test]
async fn a_list_is_delivered_once_and_proved() {
    let daemons = Daemons::start().await;
    let network = &daemons.network;
    let (list, other, receipt) = (network.path("list.json"), network.path("other.json"), network.path("receipt.json"));
    fs::write(&list, "{\"guests\":[]}  ").unwrap();
    fs::write(&other, "{\"guests\":[] }").unwrap();
    let ticket = daemons.mint().await;

    let sent = daemons.send(&list, &ticket, &["--receipt".into(), receipt.clone().into()]).await.json();
    assert_eq!((&sent["office"], &sent["sender"]), (&"ga-a".into(), &"vendor-a".into()));
    assert_eq!(sent["length"], 15);
    let (directory, roots) = (network.path("directory.json"), network.path("root-keys.toml"));
    let proved = run!(
        "receipt",
        "verify",
        receipt,
        "--ticket",
        ticket.to_uri(),
        "--directory",
        directory,
        "--root-keys",
        roots,
        "--content",
        list,
        "--json"
    );
    assert_eq!(proved.json()["verified"], true);

    let again = daemons.send(&list, &ticket, &[]).await.json();
    assert_eq!(again["stored_at"], sent["stored_at"], "the same receipt");
    let not_kept = daemons.send(&list, &ticket, &["--receipt".into(), "/proc/nowhere/receipt.json".into()]).await;
    assert!(not_kept.error(74).starts_with("the office has the content"), "{not_kept:?}");
    let refused = daemons.send(&other, &ticket, &[]).await;
    assert_eq!(refused.error(1).lines().count(), 1, "final: {refused:?}");
    assert_eq!(daemons.office.all_submissions().await.unwrap().len(), 1);
    daemons.stop().await;
}
