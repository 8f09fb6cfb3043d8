//! What is set up wrongly is said in one line: what, where, what to do; with an exit code for scripts; and nothing is lost.

mod unreadable;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use schleuse_client::SendError;
use schleuse_tests::binaries::binaries;
use schleuse_tests::network::Network;
use schleuse_tests::office::Office;
use schleuse_tests::skip::skip;
use schleuse_tests::wait::{SOON, until_true};
use serde_json::json;

/// sysexits.h
const UNAVAILABLE: i32 = 69;
const NO_PERMISSION: i32 = 77;
const CONFIG: i32 = 78;

/// A daemon, its configuration file and how to start it.
struct Case {
    program: PathBuf,
    verb: Option<&'static str>,
    config: PathBuf,
    /// A program, and its arguments, that starts the daemon; none if it is started by itself.
    starter: &'static [&'static str],
}

impl Case {
    fn all(network: &Network) -> [Self; 3] {
        let programs = binaries();
        let case = |program: &Path, verb, config| Self { program: program.to_owned(), verb, config, starter: &[] };
        [
            case(&programs.outer, None, network.outer(0).member.file("proxy.toml")),
            case(&programs.inner, None, network.inner(0).member.file("proxy.toml")),
            case(&programs.receiver, Some("run"), network.office(0).config()),
        ]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.config.parent().unwrap().join(name)
    }

    /// Where the configuration names this file.
    fn place(&self, name: &str) -> String {
        let text = fs::read_to_string(&self.config).unwrap();
        let line = text.lines().position(|line| line.contains(&format!("\"{name}\""))).unwrap() + 1;
        format!("{}:{line}:", self.config.display())
    }

    /// Starts the daemon, which must end by itself with this code and one line that has all of `words`.
    fn fails(&self, code: i32, words: &[&str]) {
        let mut command = Command::new("timeout");
        command.arg("20").args(self.starter).arg(&self.program).args(self.verb).arg("--config").arg(&self.config);
        let output = command.env("SCHLEUSE_LOG", "error").env("NO_COLOR", "1").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let program = self.program.file_name().unwrap().to_str().unwrap();
        assert_eq!(output.status.code(), Some(code), "{program}, {words:?}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{program} says more than one line: {said}");
        for word in words {
            assert!(said.contains(word), "{program} does not say '{word}': {said}");
        }
    }

    /// Does something with the configuration file's text changed.
    fn with(&self, old: &str, new: &str, then: impl FnOnce()) {
        let text = fs::read_to_string(&self.config).unwrap();
        assert!(text.contains(old), "{old} is not in {text}");
        fs::write(&self.config, text.replacen(old, new, 1)).unwrap();
        then();
        fs::write(&self.config, text).unwrap();
    }
}

fn built() -> Network {
    Network::of(1, 1, 1, 1).build()
}

#[test]
fn what_is_right_is_checked_without_starting_anything() {
    let network = built();
    for case in Case::all(&network) {
        let arguments = if case.verb.is_some() { ["check", "--config"] } else { ["--check", "--config"] };
        let output = Command::new(&case.program).args(arguments).arg(&case.config).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let output = Command::new(&binaries().schleuse).arg("check").arg(&case.config).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!network.office(0).member().file("office.sqlite").exists());
}

#[test]
fn a_configuration_that_is_wrong() {
    let network = built();
    for case in Case::all(&network) {
        let name = case.config.display().to_string();
        case.with("certificate = ", "certifcate = ", || {
            case.fails(CONFIG, &[&name, "certifcate", "did you mean `certificate`?"]);
        });
        case.with("certificate = \"cert.pem\"", "certificate = 7", || {
            case.fails(CONFIG, &[&name, "invalid type", "string"]);
        });
        case.with("[limits]", "[limits", || case.fails(CONFIG, &[&name]));
        case.with("cert.pem", "nowhere.pem", || case.fails(CONFIG, &[&case.place("nowhere.pem"), "nowhere.pem: "]));
        let moved = case.config.with_extension("away");
        fs::rename(&case.config, &moved).unwrap();
        case.fails(CONFIG, &[&name]);
        fs::rename(&moved, &case.config).unwrap();
    }
}

#[test]
fn a_key_that_is_missing_broken_or_open_to_others() {
    let network = built();
    for case in Case::all(&network) {
        let key = case.file("tls.key");
        let (place, name) = (case.place("tls.key"), key.display().to_string());
        for mode in [0o644, 0o640, 0o660] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            case.fails(NO_PERMISSION, &[&place, &name, "chmod 600"]);
        }
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let good = fs::read(&key).unwrap();
        fs::write(&key, "not a key").unwrap();
        case.fails(CONFIG, &[&place, &name]);
        fs::remove_file(&key).unwrap();
        case.fails(CONFIG, &[&place, &name]);
        fs::write(&key, good).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let [outer, inner, receiver] = Case::all(&network);
    for (case, file) in [(outer, "cluster.secret"), (inner, "cluster.secret"), (receiver, "signing.key")] {
        let key = case.file(file);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        case.fails(NO_PERMISSION, &[&case.place(file), &key.display().to_string(), "chmod 600"]);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, "0123").unwrap();
        case.fails(CONFIG, &[&case.place(file), &key.display().to_string(), "64 hexadecimal digits"]);
    }
}

#[test]
fn a_directory_that_is_forged_or_missing() {
    let network = built();
    let [_, inner, receiver] = Case::all(&network);
    let path = network.root().join("directory.json");
    let good = fs::read_to_string(&path).unwrap();
    for case in [&inner, &receiver] {
        fs::write(
            &path,
            good.replacen("\"signature\": \"", "\"signature\": \"00", 1)
                .replace("\"signature\":\"", "\"signature\":\"00"),
        )
        .unwrap();
        let place = case.place("../directory.json");
        case.fails(CONFIG, &[&place, "directory.json: "]);
        fs::remove_file(&path).unwrap();
        case.fails(CONFIG, &[&place, "directory.json: "]);
        fs::write(&path, &good).unwrap();
    }
}

#[test]
fn a_port_that_is_in_use() {
    let network = Network::of(1, 1, 1, 1).start();
    let [outer, inner, receiver] = Case::all(&network);
    outer.fails(UNAVAILABLE, &[&network.outer(0).address.port().to_string(), "in use"]);
    inner.fails(UNAVAILABLE, &[&network.inner(0).address.port().to_string(), "in use"]);
    receiver.fails(UNAVAILABLE, &["in use", "stop"]);
    // The running ones are not disturbed.
    network.send(0, &network.office(0).mint(&[]), "still there").unwrap();
}

#[test]
fn a_wrong_word_on_the_command_line() {
    let programs = binaries();
    for program in [&programs.outer, &programs.inner, &programs.receiver, &programs.schleuse] {
        let output = Command::new(program).arg("--unheard-of").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", program.display());
        assert!(String::from_utf8_lossy(&output.stderr).contains("--unheard-of"), "{}", program.display());
    }
}

/// The office's disk, so small that it is soon full: a tmpfs where we may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "schleuse-test"]).arg(&path);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the daemon may still have it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Fills the disk beside the daemon, tries to send, makes room, and sends with the same ticket.
#[test]
fn a_disk_that_is_full() {
    let network = Network::of(1, 1, 1, 1).database("disk/office.sqlite").build();
    let office = network.office(0);
    let Some(disk) = SmallDisk::mount(office.member().file("disk")) else {
        return skip("no right to mount a tmpfs; a_store_that_is_full tests the same with the configured limit");
    };
    network.start();
    let earlier = office.mint(&[]);
    network.send(0, &earlier, "from before").unwrap();
    let ticket = office.mint(&[]);
    let filler = disk.0.join("filler");
    assert!(fs::write(&filler, vec![1; 16 << 20]).is_err(), "the disk is full now");

    let content = vec![5; 500_000];
    in_vain(&network, &ticket, content.clone());
    assert!(office.daemon().is_running(), "{}", office.daemon().log());
    let last = mint_until_full(office);
    let log = office.daemon().log();
    assert!(log.to_lowercase().contains("full"), "the log names the cause: {log}");
    assert_eq!(office.read(&earlier).unwrap(), b"from before");

    fs::remove_file(&filler).unwrap();
    network.send(0, &ticket, content.clone()).unwrap();
    assert_eq!(office.inbox().len(), 2);
    assert!(office.read(&ticket).unwrap() == content);
    let last = last.unwrap_or_else(|| office.mint(&[]));
    network.send(0, &last, "what was handed out is durable").unwrap();
    network.send(0, &office.mint(&[]), "as ever").unwrap();
}

/// Mints until the disk takes no more: the log may have a little room left from commits that failed. Returns the last
/// ticket that was handed out, if there was one.
fn mint_until_full(office: &Office) -> Option<schleuse_client::Ticket> {
    let mut last = None;
    until_true("the disk takes no more tickets", SOON, || {
        let answer = office.ask("POST", "/v1/tickets", "{}");
        if answer.status == 201 {
            last = answer.json()["tickets"][0]["ticket"].as_str().map(|uri| uri.parse().unwrap());
            return false;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        let answer = answer.json();
        // The stock of tokens may be used up first; it is filled again.
        assert!(["store-unavailable", "no-route"].contains(&answer["error"].as_str().unwrap()), "{answer}");
        answer["message"].as_str().unwrap().contains("full")
    });
    last
}

/// The same with the limit of the configuration: the store is full although the disk is not.
#[test]
fn a_store_that_is_full() {
    let network = Network::of(1, 1, 1, 1).receiver_limits("max_store_bytes = 2000000").start();
    let office = network.office(0);
    let (first, second) = (office.mint(&[]), office.mint(&[]));
    let content = vec![5; 1_200_000];
    network.send(0, &first, content.clone()).unwrap();
    in_vain(&network, &second, content.clone());
    assert!(office.read(&first).unwrap() == content);
    assert_eq!(office.delete(&first), 200);
    network.send(0, &second, content.clone()).unwrap();
    assert!(office.read(&second).unwrap() == content);
}

/// The sender learns that it should come again; nothing is in the inbox for it.
fn in_vain(network: &Network, ticket: &schleuse_client::Ticket, content: Vec<u8>) {
    let office = network.office(0);
    let sending = network.client(0).send(ticket, content).kind("guest-list").patience(Duration::from_secs(2));
    let error = network.background().run(async move { sending.await }).unwrap_err();
    assert!(error.may_retry(), "{error}");
    assert!(matches!(error, SendError::Unreachable { .. }), "{error}");
    assert!(office.submission(ticket).is_none());
}

#[test]
fn an_unknown_office_or_a_broken_ticket_on_the_command_line() {
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let ticket = office.mint(&[("kind", json!("guest-list"))]);
    let mut body = ticket.body().clone();
    body.office = "ga-nowhere".parse().unwrap();
    let unknown = schleuse_seal::sign_ticket(body, &office.member().signing_key()).to_uri();
    let broken = ticket.to_uri().replacen("SCHLEUSE:", "SCHLEUSE:AAAA", 1);
    fs::write(network.root().join("guests.json"), "{\"guests\":[]}").unwrap();
    for (ticket, words) in [(unknown, "ga-nowhere"), (broken, "ticket"), ("hello".into(), "ticket")] {
        fs::write(network.root().join("ticket"), ticket).unwrap();
        let mut command = Command::new(&binaries().schleuse);
        command.args(["send", "guests.json", "--ticket", "ticket", "--directory", "directory.json"]);
        command.args(["--root-keys", "root-keys.toml", "--ca", "ca.pem"]).current_dir(network.root());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        assert!(said.contains(words), "{said}");
    }
    until_true("nothing has come", SOON, || office.inbox().is_empty());
}
