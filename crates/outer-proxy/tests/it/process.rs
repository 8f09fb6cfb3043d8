//! A daemon as a process of its own.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

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

/// An address on loopback that nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    socket.local_addr().expect("an address")
}
