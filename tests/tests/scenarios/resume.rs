//! The sender's own program is killed in the middle of an upload, and started again.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use schleuse_client::Ticket;
use schleuse_protocol::padding::padded_len;
use schleuse_tests::binaries::binaries;
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until, until_true};
use serde_json::Value;

/// Large enough that there is a middle to be killed in.
const LENGTH: usize = 60_000_000;
/// What may be sent twice: what was on its way between the program and the office's disk.
const TWICE: u64 = 1 << 20;

fn send(network: &Network, ticket: &Ticket, content: &Path, journal: &Path) -> Child {
    let root = network.root();
    let mut command = Command::new(&binaries().schleuse);
    command.arg("send").arg(content).args([
        "--json",
        "--no-check",
        "--kind",
        "guest-list",
        "--ticket",
        &ticket.to_uri(),
    ]);
    for (flag, path) in [
        ("--directory", root.join("directory.json")),
        ("--root-keys", root.join("root-keys.toml")),
        ("--ca", root.join("ca.pem")),
        ("--identity", network.vendor(0).folder.clone()),
        ("--journal", journal.to_owned()),
    ] {
        command.arg(flag).arg(path);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// Bytes that a process has read so far, from files and everything else.
fn bytes_read(process: &Child) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", process.id())).unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Bytes that all streams together have brought to the outer proxy.
fn carried(network: &Network) -> u64 {
    let log = network.outer(0).daemon.log();
    let streams = log.lines().filter(|line| line.contains("a stream has ended"));
    let bytes = |line: &str| line.split_once("bytes_up: ")?.1.split(',').next()?.parse::<u64>().ok();
    streams.filter_map(bytes).sum()
}

#[test]
fn a_program_that_is_killed_halfway_sends_at_most_a_mebibyte_twice() {
    let network = Network::of(1, 1, 1, 1).start();
    let (office, folder) = (network.office(0), network.root());
    let (path, journal) = (folder.join("list.json"), folder.join("list.journal"));
    let content: Vec<u8> = (0..LENGTH as u32).map(|at| (at % 253) as u8).collect();
    File::create(&path).unwrap().write_all(&content).unwrap();
    let ticket = office.mint(&[]);

    let mut program = send(&network, &ticket, &path, &journal);
    // It reads all of the content once for the journal, and then what it sends.
    until_true("half of it is sent", SOON, || {
        assert!(program.try_wait().unwrap().is_none(), "it has ended before it could be killed");
        bytes_read(&program) > (LENGTH + LENGTH / 2) as u64
    });
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(fs::metadata(&journal).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(office.submission(&ticket).is_none());

    let output = send(&network, &ticket, &path, &journal).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let receipt: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(receipt["length"], LENGTH);
    assert!(office.read(&ticket).unwrap() == content);
    assert_eq!(office.inbox().len(), 1);
    assert!(!journal.exists(), "it goes with the receipt");

    // Both streams have ended: the first was reset when the second took its place.
    let sent = until("both streams have ended", SOON, || {
        Some(carried(&network)).filter(|sent| *sent > padded_len(LENGTH as u64))
    });
    // Tags, positions and frames of the segments, and two openings.
    let overhead = 30 * padded_len(LENGTH as u64).div_ceil(65_532) + 8192;
    let twice = sent.saturating_sub(padded_len(LENGTH as u64) + overhead);
    println!("sent twice: {twice} bytes of {LENGTH}");
    assert!(twice <= TWICE, "{twice} bytes");
}
