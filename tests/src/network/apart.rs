//! A network whose members are on hosts of their own.

use std::net::{Ipv6Addr, SocketAddr};
use std::process::Command;

use super::address::Listener;
use super::{Builder, Network};
use crate::binaries::binaries;
use crate::netns::Lab;

/// Hosts are small: each has one daemon, at this port.
const PORT: u16 = 4400;
/// The host of the senders.
pub const SENDER: &str = "sender";

/// A host for each daemon and one for the senders, each named after its member.
pub(super) fn lab(plan: &Builder) -> Lab {
    let proxies = [("outer", plan.outers), ("inner", plan.inners), ("office", plan.offices)];
    let members =
        proxies.into_iter().flat_map(|(name, count)| (1..=count).map(move |number| format!("{name}-{number}")));
    Lab::of(&[SENDER.to_owned()].into_iter().chain(members).collect::<Vec<_>>())
}

/// Where a proxy listens: at all addresses that its host has, as proxies do.
pub(super) fn listener(lab: &Lab, member: &str) -> Listener {
    let host = lab.host(member);
    let listen = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), PORT);
    Listener {
        address: SocketAddr::new(host.v4.into(), PORT),
        listen,
        found: format!("{}:{PORT}", Lab::name_of(member)),
    }
}

impl Network {
    /// The hosts of a network that was built [`apart`](Builder::apart).
    ///
    /// # Panics
    /// It was not.
    pub fn lab(&self) -> &Lab {
        self.lab.as_ref().expect("the network is built apart")
    }

    /// `schleuse send` on the senders' host, as the first vendor; the ticket and options are to be added.
    pub fn send_command(&self) -> Command {
        let mut command = self.lab().command(SENDER, &binaries().schleuse);
        command.arg("send").current_dir(self.root());
        command.args(["--directory", "directory.json", "--root-keys", "root-keys.toml", "--ca", "ca.pem"]);
        command.args(["--identity", self.vendor(0).id.as_str()]);
        command
    }
}
