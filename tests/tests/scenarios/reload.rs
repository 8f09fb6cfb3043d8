//! What SIGHUP reads again, and what it does not change: the same rule for all three daemons (docs/operating.md).

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use schleuse_directory::Hex;
use schleuse_operator::pki::{Authority, MemberKeys, Validity};
use schleuse_tests::daemon::Daemon;
use schleuse_tests::member::TestMember;
use schleuse_tests::network::{Network, Proxy};
use schleuse_tests::wait::{SOON, until_true};
use schleuse_transport::clock::Clock;

/// Sends SIGHUP and waits until the daemon says what came of it.
fn hang_up(daemon: &Daemon, expected: &str) {
    let before = daemon.log().matches(expected).count();
    daemon.signal(Signal::HUP);
    until_true(&format!("{} says '{expected}'", daemon.name()), SOON, || {
        assert!(daemon.is_running(), "{} has ended: {}", daemon.name(), daemon.log());
        daemon.log().matches(expected).count() > before
    });
}

const TAKEN: &str = "files were read again";
const KEPT: &str = "what held before holds on";

/// A new key for a member under the network's CA; its files are not touched yet.
fn new_keys(network: &Network, member: &TestMember) -> MemberKeys {
    let authority = Authority::load(network.root()).unwrap();
    authority.issue(&member.id, member.role, Validity::days(Clock::start().unix(), 29)).unwrap()
}

/// Puts certificate and key in the place of those before.
fn install(member: &TestMember, keys: &MemberKeys) {
    fs::write(member.file(MemberKeys::CERTIFICATE_FILE), &keys.certificate_pem).unwrap();
    fs::write(member.file(MemberKeys::TLS_KEY_FILE), keys.tls_key_pem.as_bytes()).unwrap();
}

/// Signs a directory in which a member has these keys.
fn pin(network: &Network, version: u64, member: &TestMember, fingerprints: &[[u8; 32]]) {
    network.publish(|directory| {
        directory.version = version;
        let entry = directory.members.iter_mut().find(|entry| entry.id == member.id).unwrap();
        entry.fingerprints = fingerprints.iter().map(|fingerprint| Hex(*fingerprint)).collect();
    });
}

/// Has an outer proxy's configuration name these keys of its only inner proxy.
fn pin_at_outer(outer: &Proxy, fingerprints: &[[u8; 32]]) {
    let path = outer.member.file("proxy.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (head, _) = text.split_once("fingerprint = ").unwrap();
    let list: Vec<String> = fingerprints.iter().map(|fingerprint| format!("\"{}\"", Hex(*fingerprint))).collect();
    fs::write(path, format!("{head}fingerprint = [{}]\n", list.join(", "))).unwrap();
}

/// The key of an inner proxy is changed under everybody's eyes, without a restart and without a gap.
#[test]
fn a_member_changes_its_key_without_a_restart() {
    let network = Network::of(1, 1, 1, 1).start();
    let (outer, inner, office) = (network.outer(0), network.inner(0), network.office(0));
    let daemons = [&outer.daemon, &inner.daemon, office.daemon()];
    let pids = daemons.map(Daemon::pid);
    let old = inner.member.entry.fingerprints[0].0;
    let keys = new_keys(&network, &inner.member);
    let new = keys.fingerprint;

    pin(&network, 2, &inner.member, &[old, new]);
    pin_at_outer(outer, &[old, new]);
    daemons.iter().for_each(|daemon| hang_up(daemon, TAKEN));
    network.send(0, &office.mint(&[]), "both keys are good").unwrap();

    install(&inner.member, &keys);
    hang_up(&inner.daemon, TAKEN);
    network.send(0, &office.mint(&[]), "links stay as they are").unwrap();

    pin(&network, 3, &inner.member, &[new]);
    pin_at_outer(outer, &[new]);
    let linked = |daemon: &Daemon, text: &str| daemon.log().matches(text).count();
    let (links, connections) =
        (linked(&outer.daemon, "linked to an inner proxy"), linked(office.daemon(), "the directory has it"));
    hang_up(&outer.daemon, TAKEN);
    hang_up(office.daemon(), TAKEN);
    until_true("links with the old key are closed and made again with the new one", SOON, || {
        linked(&outer.daemon, "linked to an inner proxy") >= links + 2
            && linked(office.daemon(), "the directory has it") > connections
    });
    office.wait_ready(1);
    network.send(0, &office.mint(&[]), "the new key alone").unwrap();
    assert_eq!(office.inbox().len(), 3);
    assert_eq!(daemons.map(Daemon::pid), pids, "nobody was restarted");
}

/// An outer proxy and an office are seen with another certificate once they were told, each by whom it dials or serves.
#[test]
fn outer_proxy_and_office_take_new_certificates() {
    let network = Network::of(1, 1, 1, 1).start();
    let (outer, inner, office) = (network.outer(0), network.inner(0), network.office(0));
    for (version, (member, daemon)) in (2..).zip([(&outer.member, &outer.daemon), (office.member(), office.daemon())]) {
        let keys = new_keys(&network, member);
        network.publish(|directory| {
            directory.version = version;
            for entry in &mut directory.members {
                if entry.id == member.id || (entry.id == outer.member.id && version > 2) {
                    let path = if entry.id == member.id { None } else { Some(&outer.member) };
                    let fingerprint = path.map_or(keys.fingerprint, |member| member.identity().fingerprint());
                    entry.fingerprints = vec![Hex(fingerprint)];
                }
            }
        });
        install(member, &keys);
        hang_up(daemon, TAKEN);
        // The old key is nobody's any more, so the inner proxy closes its links, and the new ones show the new key.
        let before = inner.daemon.log().matches("has linked").count();
        hang_up(&inner.daemon, TAKEN);
        until_true("it links with its new key", SOON, || inner.daemon.log().matches("has linked").count() > before);
        office.wait_ready(1);
        network.send(0, &office.mint(&[]), "with the new key").unwrap();
    }
    // A client of its own has no connection from before: it sees the outer proxy's new certificate.
    let client = network.new_client(Some(network.vendor(0)));
    let ticket = office.mint(&[]);
    let sending = client.send(&ticket, "a new connection").kind("guest-list").patience(SOON);
    network.background().run(async move { sending.await }).unwrap();
    assert_eq!(office.inbox().len(), 3);
}

/// The directory takes an inner proxy away: office and outer proxy leave it, and serve on over the other.
#[test]
fn links_to_a_removed_inner_proxy_are_closed() {
    let network = Network::of(1, 2, 1, 1).start();
    let (outer, office, removed) = (network.outer(0), network.office(0), network.inner(1));
    network.publish(|directory| {
        directory.version = 2;
        directory.members.retain(|entry| entry.id != removed.member.id);
    });
    hang_up(office.daemon(), TAKEN);
    until_true("the office has left it and says so", SOON, || {
        let status = office.status().unwrap();
        let trouble = status["trouble"].as_str().unwrap_or_default().to_owned();
        status["links"][1]["up"] == false && trouble.contains("inner-2")
    });
    let path = outer.member.file("proxy.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (kept, _) = text.rsplit_once("[[inner]]").unwrap();
    fs::write(&path, kept).unwrap();
    hang_up(&outer.daemon, TAKEN);
    until_true("the outer proxy has left it", SOON, || {
        outer.daemon.log().matches("no longer in the configuration").count() >= 2
    });
    network.send(0, &office.mint(&[]), "over the other").unwrap();
}

#[test]
fn a_reload_that_fails_keeps_what_runs_and_says_why() {
    let network = Network::of(1, 1, 1, 1).start();
    let (outer, inner, office) = (network.outer(0), network.inner(0), network.office(0));
    let all = [
        (&outer.daemon, outer.member.file("proxy.toml"), &outer.member),
        (&inner.daemon, inner.member.file("proxy.toml"), &inner.member),
        (office.daemon(), office.config(), office.member()),
    ];
    for (daemon, config, member) in all {
        let good = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("nonsense = 1\n{good}")).unwrap();
        hang_up(daemon, KEPT);
        assert!(daemon.log().contains("unknown field `nonsense`"), "{}", daemon.log());
        fs::write(&config, &good).unwrap();

        let certificate = member.file(MemberKeys::CERTIFICATE_FILE);
        let good = fs::read(&certificate).unwrap();
        fs::write(&certificate, "no certificate").unwrap();
        hang_up(daemon, KEPT);
        assert!(daemon.log().contains("no usable certificate"), "{}", daemon.log());
        fs::write(&certificate, &good).unwrap();
        hang_up(daemon, TAKEN);
    }
    network.send(0, &office.mint(&[]), "all of them serve on").unwrap();
}

#[test]
fn what_cannot_change_without_a_restart_is_named() {
    let network = Network::of(1, 1, 1, 1).start();
    let (outer, inner, office) = (network.outer(0), network.inner(0), network.office(0));
    let fixed = "cannot change while this program runs";
    for proxy in [outer, inner] {
        let config = proxy.member.file("proxy.toml");
        let good = fs::read_to_string(&config).unwrap();
        fs::write(&config, good.replace("threads = 2", "threads = 1")).unwrap();
        hang_up(&proxy.daemon, KEPT);
        assert!(proxy.daemon.log().contains(&format!("threads {fixed}")), "{}", proxy.daemon.log());
    }
    let good = fs::read_to_string(office.config()).unwrap();
    fs::write(office.config(), good.replace("[limits]\n", "[limits]\nmax_streams = 7\n")).unwrap();
    hang_up(office.daemon(), KEPT);
    assert!(office.daemon().log().contains(&format!("limits {fixed}")), "{}", office.daemon().log());
    network.send(0, &office.mint(&[]), "all of them serve on").unwrap();
}

/// Expired a minute ago: everybody starts with it, says so, and serves. A month ago: nobody starts.
#[test]
fn an_expired_directory_is_believed_for_a_week_by_everybody() {
    let network = Network::of(1, 1, 1, 1).build();
    let expired = |age: Duration| {
        network.publish(|directory| {
            let now = Clock::start().unix();
            directory.issued.0 = now.0 - 60 * 86_400;
            directory.expires.0 = now.0 - age.as_secs();
        });
    };
    let (inner, office) = (&network.inner(0).daemon, network.office(0));
    expired(Duration::from_secs(30 * 86_400));
    for daemon in [inner, office.daemon()] {
        daemon.start();
        assert_eq!(daemon.wait(SOON).code(), Some(78), "{}", daemon.log());
        assert!(daemon.log().contains("expired at"), "{}", daemon.log());
    }
    expired(Duration::from_secs(60));
    network.start();
    let status = office.status().unwrap();
    assert!(status["trouble"].as_str().is_some_and(|trouble| trouble.contains("expired")), "{status}");
    network.send(0, &office.mint(&[]), "an operator is late").unwrap();
    for daemon in [inner, office.daemon()] {
        hang_up(daemon, TAKEN);
    }
    network.send(0, &office.mint(&[]), "after a reload as well").unwrap();
}

/// What systemd hears of a daemon, from its start to its end.
#[test]
fn the_service_manager_is_told_all_of_it() {
    let network = Network::of(1, 1, 1, 1).build();
    let (outer, inner, office) = (network.outer(0), network.inner(0), network.office(0));
    let path = network.root().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let hear = |wanted: &str| {
        let mut bytes = [0; 4096];
        loop {
            let length = socket.recv(&mut bytes).unwrap_or_else(|error| panic!("{wanted}: {error}"));
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.starts_with(wanted) {
                return text;
            }
        }
    };
    for daemon in [&inner.daemon, &outer.daemon, office.daemon()] {
        daemon.set_env("NOTIFY_SOCKET", path.to_str().unwrap());
        daemon.set_env("WATCHDOG_USEC", "2000000");
        daemon.start();
        assert!(hear("READY=1").contains("STATUS="));
        hear("WATCHDOG=1");
        daemon.signal(Signal::HUP);
        hear("RELOADING=1");
        hear("READY=1");
        daemon.terminate();
        hear("STOPPING=1");
        assert!(daemon.wait(SOON).success(), "{}", daemon.log());
        daemon.set_env("NOTIFY_SOCKET", "");
    }
}

/// The status that systemd shows names who is to blame.
#[test]
fn the_status_names_the_link_that_is_missing() {
    let network = Network::of(1, 2, 1, 1).start();
    let office = network.office(0);
    network.inner(1).daemon.kill();
    until_true("the office names it", SOON, || {
        let status = office.status().unwrap();
        status["trouble"].as_str().is_some_and(|trouble| trouble.contains("no link to inner-2"))
    });
    network.inner(1).daemon.start();
    until_true("it is back", SOON, || office.status().unwrap()["trouble"].is_null());
}

/// A thread that panics takes the daemon down with a line and a code, so that the service manager starts it again.
#[test]
fn a_part_that_dies_ends_the_daemon_and_is_named() {
    let network = Network::of(1, 1, 1, 1).build();
    let office = network.office(0);
    office.daemon().set_env("SCHLEUSE_PANIC_AT", "before-commit-mint");
    network.start();
    assert_ne!(office.ask("POST", "/v1/tickets", "{}").status, 201);
    let status = office.daemon().wait(SOON);
    let log = office.daemon().log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("a part of this program has failed: the store's threads: store-writer has ended"), "{log}");
}
