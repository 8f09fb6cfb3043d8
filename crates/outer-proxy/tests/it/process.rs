//! A daemon as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

/// A running daemon; killed when dropped.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts the program, quietly.
    pub(crate) fn start(program: &str, config: &Path) -> Self {
        let mut command = Command::new(program);
        command.arg("--config").arg(config).env("SCHLEUSE_LOG", "off").stdin(Stdio::null());
        Self(command.spawn().expect("it runs"))
    }

    /// Kills it without a chance to say goodbye (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Sends a signal by its name, as in `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Waits for its own end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.0.wait().expect("it ends")
    }

    /// Resident memory in KiB: now, and the most it has been (`VmRSS` and `VmHWM` of proc(5)).
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says so");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the program to its end.
pub(crate) fn run(program: &str, arguments: &[&str], config: &Path) -> Output {
    Command::new(program).args(arguments).arg("--config").arg(config).output().expect("it runs")
}

/// The one line on standard error, and the exit code.
pub(crate) fn complaint(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text)
}

/// What the program says when it is asked for its version, and that its help has these words.
pub(crate) fn version_with_help(program: &str, words: &[&str]) -> String {
    let ask = |question| {
        let output = Command::new(program).arg(question).output().expect("it runs");
        String::from_utf8(output.stdout).expect("a text")
    };
    let help = ask("--help");
    words.iter().for_each(|word| assert!(help.contains(word), "{word}"));
    ask("--version")
}

/// An address on loopback that nobody else uses, not even for a moment: another one at each call, with a port below those
/// that the system hands out.
pub(crate) fn free_address() -> SocketAddr {
    static COUNTER: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let last = COUNTER.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, high % 250 + 1, low, last], 4433))
}
