//! The same on paths that are narrower than loopback: scenarios run again in a network namespace of their own, where
//! the interface takes 1,500 bytes or fewer, or has a short queue that loses packets. Needs root and iproute2.

use std::process::{Command, Output};

use schleuse_tests::binaries::binaries;
use schleuse_tests::skip::skip;

/// Runs scenarios of this binary where the path is prepared by a line of shell. `None` if the system does not allow it.
fn run_behind(path: &str, scenarios: &[&str]) -> Option<Output> {
    if !in_namespace(path, "true").output().is_ok_and(|output| output.status.success()) {
        skip(&format!("no right to make a network namespace, or no iproute2: {path}"));
        return None;
    }
    let mut run = in_namespace(path, r#"exec "$@""#);
    run.arg(std::env::current_exe().unwrap()).arg("--exact").args(scenarios);
    run.env("SCHLEUSE_BIN_DIR", binaries().outer.parent().unwrap());
    Some(run.output().unwrap())
}

/// A shell in a new network namespace, which prepares the path and goes on with `then`; arguments may follow.
fn in_namespace(path: &str, then: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", &format!("{path} && {then}"), "sh"]);
    command
}

fn passes_behind(path: &str, scenarios: &[&str]) {
    let Some(output) = run_behind(path, scenarios) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{path}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    let expected = format!("{} passed", scenarios.len());
    assert!(said.contains(&expected), "{path}: {said}");
}

#[test]
fn a_path_of_1500_bytes_carries_all_sizes() {
    passes_behind(
        "ip link set lo up mtu 1500",
        &[
            "happy_path::tickets_of_both_suites_carry_contents_of_every_size",
            "large::a_hundred_megabytes_pass_through_small_daemons",
        ],
    );
}

/// RFC 8200, section 5: every path with IPv6 takes 1,280 bytes.
#[test]
fn a_path_of_1280_bytes_carries_all_sizes() {
    passes_behind("ip link set lo up mtu 1280", &["happy_path::tickets_of_both_suites_carry_contents_of_every_size"]);
}

#[test]
fn a_path_that_loses_packets_carries_a_crowd() {
    passes_behind(
        "ip link set lo up mtu 1500 && tc qdisc add dev lo root tbf rate 100mbit burst 32kb limit 64kb",
        &["crowd::a_hundred_submissions_at_once_over_all_ways"],
    );
}
