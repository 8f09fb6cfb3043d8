//! `schleuse send`: what goes wrong before the network and on the way into it. For deliveries see `delivery.rs`.

use std::ffi::OsString;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

use schleuse_operator::directory_tool::new_root_key;
use schleuse_protocol::wire::ticket::Ticket;

use crate::network::Network;
use crate::{Run, schleuse};

/// With further arguments.
fn send(network: &Network, ticket: &Ticket, more: &[OsString]) -> Run {
    let content = network.path("list.json");
    fs::write(&content, "{\"guests\":[]}").expect("the test is set up");
    let mut arguments: Vec<OsString> = vec!["send".into(), content.into()];
    let files = [("--directory", "directory.json"), ("--root-keys", "root-keys.toml"), ("--ca", "ca.pem")];
    for (flag, file) in files {
        arguments.extend([flag.into(), network.path(file).into()]);
    }
    arguments.extend(["--ticket".into(), ticket.to_uri().into(), "--patience".into(), "1".into()]);
    arguments.extend_from_slice(more);
    schleuse(arguments)
}

fn kind() -> [OsString; 2] {
    ["--kind".into(), "guest-list".into()]
}

#[test]
fn an_expired_ticket_is_final_and_an_early_one_is_not() {
    let network = Network::new("127.0.0.1:9");
    let expired = send(&network, &network.ticket(1, (-20, -10), None), &kind());
    assert!(expired.error(1).contains("the ticket ended on"), "{expired:?}");
    let early = send(&network, &network.ticket(1, (100, 200), None), &kind());
    assert!(early.error(75).contains("valid only from"), "{early:?}");
}

#[test]
fn a_forged_ticket_is_refused_before_anything_is_dialled() {
    let network = Network::new("127.0.0.1:9");
    let forged = Network::new("127.0.0.1:9").ticket(1, (-5, 3600), None);
    let refused = send(&network, &forged, &kind());
    assert!(refused.error(1).contains("damaged or forged"), "{refused:?}");
}

#[test]
fn a_proxy_that_does_not_answer_is_worth_a_retry() {
    // Taken, so that nothing else answers there, and never read.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let network = Network::new(&silent.local_addr().unwrap().to_string());
    let mut json = kind().to_vec();
    json.push("--json".into());
    let run = send(&network, &network.ticket(1, (-5, 3600), None), &json);
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    run.error(75);
    assert_eq!((&object["retry"], &object["code"]), (&true.into(), &75.into()), "{run:?}");
}

#[test]
fn a_receipt_that_cannot_be_kept_stops_the_sending() {
    let network = Network::new("127.0.0.1:9");
    let kept = network.path("receipt.json");
    fs::write(&kept, "an older receipt").unwrap();
    let more = [kind().as_slice(), &["--receipt".into(), kept.clone().into()]].concat();
    let refused = send(&network, &network.ticket(1, (-5, 3600), None), &more);
    assert!(refused.error(1).contains("exists already"), "{refused:?}");
    assert_eq!(fs::read_to_string(&kept).unwrap(), "an older receipt");
}

#[test]
fn an_identity_must_be_in_the_directory() {
    let network = Network::new("127.0.0.1:9");
    let ticket = network.ticket(1, (-20, -10), None);
    let member = [kind().as_slice(), &["--identity".into(), network.path("vendor-a").into()]].concat();
    // Gets past the identity: the ticket is what is wrong.
    assert!(send(&network, &ticket, &member).error(1).contains("the ticket ended on"));
    let stranger = network.path("stranger.key");
    new_root_key(&stranger).unwrap();
    let unknown = [kind().as_slice(), &["--identity".into(), stranger.into()]].concat();
    let refused = send(&network, &ticket, &unknown);
    assert!(refused.error(78).contains("no member with this signing key"), "{refused:?}");
}

#[test]
fn files_that_are_wrong_are_named() {
    let network = Network::new("127.0.0.1:9");
    let ticket = network.ticket(1, (-5, 3600), None);
    fs::write(network.path("ca.pem"), "no certificate").unwrap();
    let no_ca = send(&network, &ticket, &kind());
    assert!(no_ca.error(78).contains("ca.pem"), "{no_ca:?}");
    fs::write(network.path("directory.json"), "{}").unwrap();
    let no_directory = send(&network, &ticket, &kind());
    assert!(no_directory.error(78).contains("directory.json"), "{no_directory:?}");
    fs::remove_file(network.path("root-keys.toml")).unwrap();
    let no_roots = send(&network, &ticket, &kind());
    assert!(no_roots.error(74).contains("root-keys.toml"), "{no_roots:?}");
}

#[test]
fn a_file_that_is_no_journal_is_named_and_left_alone() {
    let network = Network::new("127.0.0.1:9");
    let ticket = network.ticket(1, (-5, 3600), None);
    let path = network.path("notes.txt");
    fs::write(&path, "not a journal").unwrap();
    let more = [kind().as_slice(), &["--journal".into(), path.clone().into()]].concat();
    let open = send(&network, &ticket, &more);
    assert!(open.error(77).contains("chmod 600"), "{open:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = send(&network, &ticket, &more);
    assert!(refused.error(1).contains("notes.txt"), "{refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "not a journal");
    let nowhere = [kind().as_slice(), &["--journal".into(), "/proc/nowhere/journal".into()]].concat();
    assert!(send(&network, &ticket, &nowhere).error(74).contains("/proc/nowhere"));
}

#[test]
fn what_the_office_could_not_read_is_refused_before_the_ticket_is_used() {
    let network = Network::new("127.0.0.1:9");
    let ticket = network.ticket(1, (-5, 3600), None);
    let file = network.path("content");
    let run = |content: &[u8], more: &[&str]| {
        fs::write(&file, content).unwrap();
        let paths = ["directory.json", "root-keys.toml", "ca.pem"].map(|name| network.path(name));
        let mut arguments: Vec<OsString> =
            vec!["send".into(), file.clone().into(), "--ticket".into(), ticket.to_uri().into()];
        for (flag, path) in ["--directory", "--root-keys", "--ca"].into_iter().zip(paths) {
            arguments.extend([flag.into(), path.into()]);
        }
        arguments.extend(kind());
        arguments.extend(["--patience", "1", "--language", "en"].map(OsString::from));
        arguments.extend(more.iter().map(OsString::from));
        schleuse(arguments)
    };
    for (content, said) in [
        (&b""[..], "is empty"),
        (b"\x1f\x8b\x08\x00", "looks like gzip"),
        (b"Vorname;Nachname\nErika;Mustermann\n", "looks like CSV"),
        (b"\xff\xfe{\0}\0", "looks like UTF-16: save it as UTF-8"),
        (b"{\"guests\":[{\"lastName\":\"M\xfcller\"}]}", "looks like Windows-1252: save it as UTF-8"),
        (b"{\"gaeste\":[]}", "`guests` is missing"),
    ] {
        let refused = run(content, &[]);
        let error = refused.error(1);
        assert!(error.contains(said) && error.contains("the ticket is unused"), "{error}");
        let sent = run(content, &["--no-check"]);
        assert_ne!(sent.code, 0);
        assert!(!sent.stderr.contains(said), "{sent:?}");
    }
    let odd = run(b"{\"guests\":[{\"firstName\":\"Erika\",\"lastName\":null}]}", &[]);
    assert!(
        odd.stderr.contains("2x A required field is missing") && odd.stderr.contains("guests[0].lastName (line 1)"),
        "{odd:?}"
    );
}
