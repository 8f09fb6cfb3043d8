//! Hosts of their own for a test network, with a router between them: network namespaces on this machine.
//!
//! ```text
//!   sender ──┐             ┌── outer-1
//!            ├── router ───┼── inner-1        host number i: 10.77.i.1 and 2001:db8:i::1
//!   office-1 ┘             └── …              its router:    10.77.i.254 and 2001:db8:i::fe
//! ```
//!
//! A scenario changes the way in the middle: it writes nftables rules for the router ([`Lab::rules`]), empties its table of
//! connections ([`Lab::forget_connections`]), makes a host's path long, lossy or narrow ([`Lab::path`]), or lets a name lead
//! elsewhere ([`Lab::name`]). The namespaces have names of their own in each run, so labs can run side by side; they are
//! removed when the [`Lab`] is dropped, or, after a run that was killed, when the next one begins.
//!
//! Needs root and what `.ci/install` installs; [`missing`] says what is not there.

mod enter;
mod path;
mod shell;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path as FilePath, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};

pub use enter::enter;
pub use path::{Conditions, Path};
use shell::{run, run_with_input};

/// Namespaces of labs begin with this, the process id of their test, and a number.
const PREFIX: &str = "schleuse-";
const ROUTER: &str = "router";

/// What this machine lacks to have a [`Lab`], for a person to read.
pub fn missing() -> Option<&'static str> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    MISSING.get_or_init(look).as_deref()
}

fn look() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root can make network namespaces".into());
    }
    let tools = ["ip -V", "nft --version", "conntrack --version"];
    let tool = tools.iter().find(|tool| run(tool).is_err()).map(|tool| tool.split(' ').next().unwrap_or(tool));
    if let Some(tool) = tool {
        return Some(format!("there is no program '{tool}'; .ci/install installs it"));
    }
    let tried = format!("{PREFIX}{}-tried", std::process::id());
    let device = "/dev/net/tun";
    let script = format!("ip netns add {tried} && ip netns del {tried} && test -c {device}");
    run(&script).err().map(|error| format!("no network namespaces or no {device} here: {error}"))
}

/// Hosts and the router between them.
pub struct Lab {
    /// Begins the names of its namespaces.
    name: String,
    hosts: BTreeMap<String, Host>,
    names: Mutex<BTreeMap<String, Vec<IpAddr>>>,
}

/// One host.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its namespace.
    pub namespace: String,
    /// Its address.
    pub v4: Ipv4Addr,
    /// Its other address.
    pub v6: Ipv6Addr,
    number: u8,
}

impl Lab {
    /// These hosts, each known to the others as its name with `.test` behind it.
    ///
    /// # Panics
    /// They cannot be made; see [`missing`].
    pub fn of(hosts: &[String]) -> Self {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let host = |(number, host): (u8, &String)| {
            let (v4, v6) =
                (Ipv4Addr::new(10, 77, number, 1), Ipv6Addr::new(0x2001, 0xdb8, number.into(), 0, 0, 0, 0, 1));
            (host.clone(), Host { namespace: format!("{name}-{host}"), v4, v6, number })
        };
        let hosts: BTreeMap<_, _> = (1..).zip(hosts).map(host).collect();
        let names = hosts.iter().map(|(name, host)| (Self::name_of(name), vec![host.v6.into(), host.v4.into()]));
        let lab = Self { names: Mutex::new(names.collect()), hosts, name };
        lab.build();
        lab
    }

    /// As on a wire, every datagram is a packet of its own: without `gso_max_segs`, rules and counters would see dozens as one.
    fn build(&self) {
        let router = self.router();
        let mut script = format!(
            "ip netns add {router}; ip -n {router} link set lo up
             ip netns exec {router} sh -c 'cd /proc/sys/net; echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding
                 for way in ipv4/conf/*/rp_filter; do echo 0 > $way; done'\n"
        );
        for (name, Host { namespace, v4, v6, number }) in &self.hosts {
            let (near, far) = (format!("ip -n {namespace}"), format!("ip -n {router}"));
            let (router4, router6) = (format!("10.77.{number}.254"), format!("2001:db8:{number:x}::fe"));
            script += &format!(
                "ip netns add {namespace}; {near} link set lo up
                 ip netns exec {namespace} sh -c 'echo 1 > /proc/sys/net/ipv4/conf/all/promote_secondaries'
                 ip link add eth0 netns {namespace} type veth peer name {name} netns {router}
                 {near} addr add {v4}/24 dev eth0; {near} addr add {v6}/64 dev eth0 nodad; {near} link set eth0 up gso_max_segs 1
                 {far} addr add {router4}/24 dev {name}; {far} addr add {router6}/64 dev {name} nodad; {far} link set {name} up gso_max_segs 1
                 {near} route add default via {router4}; {near} -6 route add default via {router6}\n"
            );
        }
        run(&script).unwrap_or_else(|error| panic!("the namespaces cannot be made: {error}"));
        self.write_names();
    }

    /// A host.
    ///
    /// # Panics
    /// There is none of that name.
    pub fn host(&self, name: &str) -> &Host {
        self.hosts.get(name).unwrap_or_else(|| panic!("the lab has no host {name}"))
    }

    /// The name by which the hosts know a host.
    pub fn name_of(host: &str) -> String {
        format!("{host}.test")
    }

    /// A program on a host.
    pub fn command(&self, host: &str, program: &FilePath) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host(host).namespace]).arg(program);
        command
    }

    /// Replaces the router's nftables rules. Interfaces are named after the hosts that they lead to.
    pub fn rules(&self, rules: &str) {
        let rules = format!("flush ruleset\n{rules}\n");
        let done = run_with_input(&format!("ip netns exec {} nft -f -", self.router()), &rules);
        done.unwrap_or_else(|error| panic!("nftables refuses {rules}: {error}"));
    }

    /// The router's rules with their counters.
    pub fn counters(&self) -> String {
        self.on_router("nft list ruleset")
    }

    /// Everybody behind the router's way to this host has the router's address there, with a random port for each
    /// connection: a NAT. The router keeps no connection over a change of rules.
    pub fn masquerade_towards(&self, host: &str) {
        self.rules(&format!(
            "table ip nat {{
                chain post {{
                    type nat hook postrouting priority 100; policy accept;
                    oifname \"{host}\" ip protocol udp masquerade random,fully-random
                }}
             }}"
        ));
        self.forget_connections();
    }

    /// The router forgets the connections that it knows: a NAT gives them new ports at their next packet.
    pub fn forget_connections(&self) {
        self.on_router("conntrack -F");
    }

    /// What the router sends to this host may have so many bytes, and what comes back too. Whoever sends more is told.
    pub fn mtu(&self, host: &str, bytes: u16) {
        let Host { namespace, .. } = self.host(host);
        let router = self.router();
        let done =
            run(&format!("ip -n {router} link set {host} mtu {bytes}; ip -n {namespace} link set eth0 mtu {bytes}"));
        done.unwrap_or_else(|error| panic!("the MTU of {host} cannot be set: {error}"));
    }

    /// Everything to and from a host takes a path of these conditions from now on.
    pub fn path(&self, host: &str, conditions: Conditions) -> Path {
        let Host { number, .. } = self.host(host);
        Path::lay(&self.router(), *number, conditions)
    }

    /// A name leads to these addresses from now on, on all hosts.
    pub fn name(&self, name: &str, addresses: &[IpAddr]) {
        self.names().insert(name.to_owned(), addresses.to_vec());
        self.write_names();
    }

    /// Names lead to IPv4 addresses only.
    pub fn names_without_ipv6(&self) {
        self.names().values_mut().for_each(|addresses| addresses.retain(IpAddr::is_ipv4));
        self.write_names();
    }

    /// Gives a host other addresses in place of those that it has, and its name leads there.
    pub fn move_host(&self, host: &str) {
        let Host { namespace, .. } = self.host(host);
        let mut names = self.names();
        let addresses = names.get_mut(&Self::name_of(host)).expect("each host has a name");
        for address in addresses {
            let (old, bits) = (*address, if address.is_ipv4() { 24 } else { 64 });
            *address = next(old);
            let near = format!("ip -n {namespace} addr");
            let nodad = if old.is_ipv6() { "nodad" } else { "" };
            let script = format!("{near} add {address}/{bits} dev eth0 {nodad}; {near} del {old}/{bits} dev eth0");
            run(&script).unwrap_or_else(|error| panic!("{host} cannot move: {error}"));
        }
        drop(names);
        self.write_names();
    }

    /// How many bytes the router has sent to a host.
    pub fn bytes_to(&self, host: &str) -> u64 {
        let said = self.on_router(&format!("cat /sys/class/net/{host}/statistics/tx_bytes"));
        said.trim().parse().expect("a number")
    }

    /// Runs a command on the router and returns what it said.
    pub fn on_router(&self, command: &str) -> String {
        let router = self.router();
        run(&format!("ip netns exec {router} {command}")).unwrap_or_else(|error| panic!("the router: {error}"))
    }

    fn router(&self) -> String {
        format!("{}-{ROUTER}", self.name)
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<IpAddr>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `/etc/hosts` of each namespace. Those inside have the file itself in view, so it keeps its place on the disk.
    fn write_names(&self) {
        let mut text = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        for (name, addresses) in self.names().iter() {
            text.extend(addresses.iter().map(|address| format!("{address} {name}\n")));
        }
        for host in self.hosts.values() {
            let folder = etc(&host.namespace);
            fs::create_dir_all(&folder).expect("root may write below /etc/netns");
            fs::write(folder.join("hosts"), &text).expect("root may write below /etc/netns");
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        remove(&format!("{}-", self.name));
    }
}

/// The address behind this one.
fn next(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() + 1).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() + 1).into(),
    }
}

/// Files that a namespace sees in place of those in `/etc`.
fn etc(namespace: &str) -> PathBuf {
    FilePath::new("/etc/netns").join(namespace)
}

/// Removes what runs left behind that could not clean up.
fn sweep() {
    let alive = |pid: &str| FilePath::new("/proc").join(pid).exists();
    for name in namespaces() {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if let Some(pid) = pid.filter(|pid| !alive(pid)) {
            remove(&format!("{PREFIX}{pid}-"));
        }
    }
}

/// Removes all namespaces whose names begin so.
fn remove(start: &str) {
    for namespace in namespaces().iter().filter(|name| name.starts_with(start)) {
        // Whatever cannot be removed is tried again by the next run.
        let _ = run(&format!("ip netns del {namespace}"));
        let _ = fs::remove_dir_all(etc(namespace));
    }
}

fn namespaces() -> Vec<String> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
