//! The program: its commands as the staff types them, and `kill -9` between any two steps.

use std::process::{ExitStatus, Output, Stdio};

use schleuse_protocol::sender::SenderEvent;
use schleuse_protocol::wire::ticket::Ticket;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::process::{Child, Command};

use crate::network::{Network, soon, until};
use crate::sender::{Attempt, NAMELESS, VENDOR, Who};
use crate::submit::content;

fn program(network: &Network) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_schleuse-receiver"));
    command
        .env("SCHLEUSE_RECEIVER_CONFIG", network.config_file())
        .env_remove("SCHLEUSE_CRASH_AT")
        .env_remove("SCHLEUSE_HOLD_AT")
        .env("LC_ALL", "de_DE.UTF-8")
        .kill_on_drop(true);
    command
}

async fn command(network: &Network, arguments: &[&str]) -> Output {
    soon(program(network).args(arguments).output()).await.expect("the program")
}

/// Output of a command that must succeed.
async fn fine(network: &Network, arguments: &[&str]) -> String {
    let output = command(network, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

async fn as_json(network: &Network, arguments: &[&str]) -> Value {
    let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&fine(network, &arguments).await).expect("JSON")
}

/// The daemon, up and connected.
async fn daemon(network: &Network, crash_at: Option<&str>) -> Child {
    let mut command = program(network);
    if let Some(step) = crash_at {
        command.env("SCHLEUSE_CRASH_AT", step);
    }
    command.arg("run").stderr(Stdio::null()).spawn().expect("the daemon")
}

/// The daemon, up and connected, on a disk that is slow at this step: the first time it waits until the connection that it makes
/// is dropped.
pub(crate) async fn slow_daemon(network: &Network, step: &str) -> (Child, UnixListener) {
    let socket = network.path("slow.sock");
    let steps = UnixListener::bind(&socket).expect("a socket");
    let hold = format!("{step}:{}", socket.display());
    let mut command = program(network);
    let daemon = command.env("SCHLEUSE_HOLD_AT", hold).arg("run").stderr(Stdio::null()).spawn().expect("the daemon");
    ready(network).await;
    (daemon, steps)
}

/// The daemon has dialled and has tokens.
async fn ready(network: &Network) {
    until(|| async {
        let output = command(network, &["status", "--json"]).await;
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        (status["links"][0]["tokens"].as_u64() > Some(0)).then_some(())
    })
    .await;
}

pub(crate) async fn mint(network: &Network) -> Ticket {
    fine(network, &["mint", "--hours", "2"]).await.trim().parse().expect("a ticket")
}

fn stop(daemon: &Child) {
    let pid = rustix::process::Pid::from_raw(daemon.id().expect("it runs").cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("our own child");
}

#[tokio::test]
async fn the_staff_can_do_everything_from_the_command_line() {
    let network = Network::new().await;
    std::fs::remove_file(network.path("kek")).unwrap();
    let made = as_json(&network, &["init"]).await;
    assert_eq!((&made["key_made"], &made["database_made"]), (&json!(true), &json!(true)));
    let again = as_json(&network, &["init"]).await;
    assert_eq!((&again["key_made"], &again["database_made"]), (&json!(false), &json!(false)));
    assert!(fine(&network, &["check"]).await.contains("in Ordnung"));
    assert!(fine(&network, &["check", "--lang", "en"]).await.contains("fine"));
    let mut running = daemon(&network, None).await;
    ready(&network).await;
    assert!(fine(&network, &["inbox"]).await.contains("leer"));
    let letters = fine(&network, &["mint", "--count", "3"]).await;
    assert_eq!(letters.lines().filter(|line| line.parse::<Ticket>().is_ok()).count(), 3, "{letters}");
    let minted = as_json(&network, &["mint", "--count", "2", "--reference", "Az. 3"]).await;
    assert_eq!(minted["tickets"].as_array().map(Vec::len), Some(2), "{minted}");
    assert_eq!(command(&network, &["mint", "--count", "501"]).await.status.code(), Some(2));
    let ticket = mint(&network).await;
    let bytes = schleuse_payload::generate::guest_list_json(30, 3);
    Attempt::new(&network, &ticket, &VENDOR, bytes.clone()).receipt().await;
    let id = ticket.body().id.to_string();
    until(|| async {
        let inbox = fine(&network, &["inbox", "--lang", "en"]).await;
        (inbox.contains(&id) && inbox.contains("vendor-1") && inbox.contains(" 30 ")).then_some(())
    })
    .await;
    assert_eq!(as_json(&network, &["read", &id]).await["kind"], json!("guest-list"));
    assert_eq!(fine(&network, &["read", &id]).await.into_bytes(), bytes);
    let saved = network.path("saved.json");
    fine(&network, &["read", &id, "--output", saved.to_str().unwrap()]).await;
    assert_eq!(std::fs::read(&saved).unwrap(), bytes);
    let twice = command(&network, &["read", &id, "--output", saved.to_str().unwrap()]).await;
    assert_eq!(twice.status.code(), Some(74), "a file is never overwritten");
    assert!(fine(&network, &["delete", &id]).await.contains("gelöscht"));
    assert_eq!(as_json(&network, &["inbox"]).await["submissions"], json!([]));
    let gone = command(&network, &["read", &id]).await;
    assert_eq!(gone.status.code(), Some(1));
    assert_eq!(command(&network, &["read", "x"]).await.status.code(), Some(2));
    stop(&running);
    assert!(soon(running.wait()).await.unwrap().success());
    let away = command(&network, &["status"]).await;
    assert_eq!(away.status.code(), Some(69));
    let line = String::from_utf8(away.stderr).unwrap();
    assert!(line.contains("api.sock") && line.lines().count() == 1, "{line}");
}

#[tokio::test]
async fn a_bad_configuration_is_one_line_and_exit_code_78() {
    let network = Network::new().await;
    let path = network.path("bad.toml");
    std::fs::write(&path, "office = \"GA\"\n").unwrap();
    let output = command(&network, &["check", "-c", path.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(78));
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.contains("bad.toml") && line.lines().count() == 1, "{line}");
}

#[tokio::test]
async fn killed_at_any_step_nothing_promised_is_lost_and_nothing_is_twice() {
    let network = Network::new().await;
    let mut number = 0;
    for step in [
        "after-lookup",
        "after-claim",
        "before-commit-begin",
        "after-commit-begin",
        "before-commit-store",
        "after-commit-store",
        "after-commit-store#4",
        "before-commit-finish",
        "after-commit-finish",
        "before-receipt",
        "after-receipt-sent",
        "before-commit-summarise",
        "after-commit-summarise",
    ] {
        number += 1;
        let mut crashing = daemon(&network, Some(step)).await;
        ready(&network).await;
        let ticket = mint(&network).await;
        let bytes = content(700_000 + number);
        let mut attempt = Attempt::new(&network, &ticket, &NAMELESS, bytes.clone());
        let (event, status) = tokio::join!(attempt.run(), crashed(&network, &mut crashing));
        assert!(matches!(event, SenderEvent::Receipt(_) | SenderEvent::Failed(_)), "{step}: {event:?}");
        assert!(!status.success() && status.code().is_none(), "{step}: it did not crash: {status}");

        let mut running = daemon(&network, None).await;
        ready(&network).await;
        attempt.drop_connection();
        let receipt = attempt.receipt().await;
        if let SenderEvent::Receipt(promised) = event {
            assert_eq!(receipt, promised, "{step}: another receipt for the same content");
        }
        // A sender that has lost everything but the ticket gets the same receipt, too.
        let forgetful = Who { attempt: 2, ..NAMELESS };
        assert_eq!(Attempt::new(&network, &ticket, &forgetful, bytes.clone()).receipt().await, receipt, "{step}");
        let inbox = as_json(&network, &["inbox", "--limit", "200"]).await;
        let listed: Vec<_> = inbox["submissions"].as_array().unwrap().iter().map(|view| view["id"].as_str()).collect();
        let id = ticket.body().id.to_string();
        assert_eq!(listed.iter().filter(|listed| **listed == Some(&id)).count(), 1, "{step}");
        assert_eq!(listed.len(), number, "{step}");
        let saved = network.path(&format!("saved-{number}"));
        fine(&network, &["read", &id, "--output", saved.to_str().unwrap()]).await;
        assert!(std::fs::read(&saved).unwrap() == bytes, "{step}: the content differs");
        // Otherwise the next daemon looks into it first, and its crash comes before there is a ticket.
        until(|| async { (!as_json(&network, &["read", &id]).await["findings"].is_null()).then_some(()) }).await;
        kill(&network, &mut running).await;
    }
}

#[tokio::test]
async fn a_ticket_that_was_not_handed_out_does_no_harm() {
    let network = Network::new().await;
    for step in ["before-commit-mint", "after-mint-commit"] {
        let mut crashing = daemon(&network, Some(step)).await;
        ready(&network).await;
        assert!(!command(&network, &["mint"]).await.status.success());
        crashed(&network, &mut crashing).await;
        let mut running = daemon(&network, None).await;
        ready(&network).await;
        let ticket = mint(&network).await;
        Attempt::new(&network, &ticket, &VENDOR, content(10)).receipt().await;
        kill(&network, &mut running).await;
    }
}

#[tokio::test]
async fn a_hundred_megabytes_pass_through_little_memory() {
    const LIMIT_KIB: u64 = 64 * 1024;
    let network = Network::new().await;
    let running = daemon(&network, None).await;
    ready(&network).await;
    // The longest guest list that the format allows, with thirty fields of each guest: it is examined as a whole.
    let ticket = mint(&network).await;
    let mut list = schleuse_payload::generate::guest_list(10_000, 5);
    for guest in list["guests"].as_array_mut().unwrap() {
        for number in 0..14 {
            guest[format!("zusatz{number}")] = json!(format!("wert {number}"));
        }
    }
    let list = format!("{list:#}").into_bytes();
    Attempt::new(&network, &ticket, &VENDOR, list).receipt().await;
    until(|| async {
        let view = as_json(&network, &["read", &ticket.body().id.to_string()]).await;
        (view["findings"]["people"] == json!(10_000)).then_some(())
    })
    .await;
    let ticket = mint(&network).await;
    let bytes = content(100_000_000);
    Attempt::new(&network, &ticket, &VENDOR, bytes.clone()).receipt().await;
    let saved = network.path("saved");
    fine(&network, &["read", &ticket.body().id.to_string(), "--output", saved.to_str().unwrap()]).await;
    assert!(std::fs::read(&saved).unwrap() == bytes, "the content differs");
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < LIMIT_KIB, "peak of resident memory: {peak} KiB");
    println!("peak of resident memory: {peak} KiB");
}

/// Waits until the daemon has crashed. The dead tell nobody: the inner proxy would find out by its idle timeout.
async fn crashed(network: &Network, daemon: &mut Child) -> ExitStatus {
    let status = soon(daemon.wait()).await.expect("our own child");
    network.inner.cut().await;
    status
}

/// `kill -9`.
async fn kill(network: &Network, daemon: &mut Child) {
    soon(daemon.kill()).await.expect("our own child");
    network.inner.cut().await;
}
