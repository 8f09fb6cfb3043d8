//! This program again, in a process of its own, in one of the roles of a measurement.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::role::{Role, Said};
use crate::usage;

/// A process in a role. It takes orders as lines of JSON and says what came of them in the same form. Killed when
/// dropped.
pub(crate) struct Child {
    process: std::process::Child,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
    name: &'static str,
    /// Where it listens, if it does.
    address: Option<SocketAddr>,
}

impl Child {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(role: &Role) -> Result<Self> {
        let program = std::env::current_exe().context("where is this program?")?;
        let mut process = Command::new(program)
            .args(["role", &serde_json::to_string(role)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a process")?;
        let orders = process.stdin.take().context("the process has an input")?;
        let said = BufReader::new(process.stdout.take().context("the process has an output")?);
        let mut child = Self { process, orders, said, name: role.name(), address: None };
        match child.hear()? {
            Said::Ready { address } => child.address = address,
            other => bail!("{}: expected to hear that it is ready, heard {other:?}", child.name),
        }
        Ok(child)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.address.with_context(|| format!("{} does not listen", self.name))
    }

    /// Gives an order.
    pub(crate) fn tell(&mut self, order: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).with_context(|| format!("{} takes no orders", self.name))
    }

    /// Waits for the next thing that it says.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.said.read_line(&mut line).with_context(|| format!("{} cannot be heard", self.name))?;
        if line.is_empty() {
            bail!("{} has ended; what went wrong stands above", self.name);
        }
        serde_json::from_str(&line).with_context(|| format!("{} said: {line}", self.name))
    }

    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        usage::cpu_time(self.pid())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails only if it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
