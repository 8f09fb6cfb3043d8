//! A whole network of real daemons on this machine.
//!
//! ```no_run
//! use schleuse_tests::network::Network;
//!
//! let network = Network::of(2, 2, 1, 1).start();
//! let ticket = network.office(0).mint(&[]);
//! let receipt = network.send(0, &ticket, "{}").unwrap();
//! ```

mod address;
mod apart;
mod builder;
mod config;

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use schleuse_client::{Client, Content, Receipt, Roots, SendError, SigningKey, Ticket, load_directory};
use schleuse_directory::{Directory, OrAny, Role, RootKeys, Rule, SignedDirectory, VerifiedDirectory};
use schleuse_operator::files::{Access, replace, write_new};
use schleuse_operator::pki::{Authority, Validity};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::clock::Clock;
use tempfile::TempDir;

use crate::background::Background;
use crate::binaries::binaries;
use crate::daemon::Daemon;
use crate::hostile::{Equipment, HostileInner};
use crate::member::TestMember;
use crate::netns::Lab;
use crate::office::Office;
use crate::tap::Tap;
use crate::wait::{SOON, until_true};
use address::{Addresses, Listener};
use config::{InnerEntry, THREADS};

pub use apart::SENDER;
pub use builder::Builder;

/// The group whose members may send guest lists and contacts.
pub const SENDERS: &str = "senders";
/// A vendor that is in the directory and may send nothing.
pub const BARRED: &str = "vendor-barred";

/// A proxy: its keys, its address, its process.
pub struct Proxy {
    /// Keys.
    pub member: TestMember,
    /// Where it can be reached.
    pub address: SocketAddr,
    listen: SocketAddr,
    found: String,
    /// The process.
    pub daemon: Daemon,
}

/// A network. All its processes are killed when it is dropped.
pub struct Network {
    outers: Vec<Proxy>,
    inners: Vec<Proxy>,
    offices: Vec<Office>,
    vendors: Vec<TestMember>,
    played: Vec<TestMember>,
    barred: TestMember,
    taps: HashMap<String, Tap>,
    clients: Mutex<HashMap<Option<MemberId>, Client>>,
    played_inner: bool,
    root_keys: [SigningKey; 2],
    background: Background,
    folder: TempDir,
    lab: Option<Lab>,
}

impl Network {
    /// So many outer proxies, inner proxies, offices and vendors.
    pub fn of(outers: usize, inners: usize, offices: usize, vendors: usize) -> Builder {
        Builder::new(outers, inners, offices, vendors)
    }

    fn build(plan: Builder) -> Self {
        let programs = binaries();
        let folder = tempfile::Builder::new().prefix("schleuse-").tempdir().expect("a temporary folder");
        let root = folder.path();
        let lab = plan.apart.then(|| apart::lab(&plan));
        let namespace = |host: &str| lab.as_ref().map(|lab| lab.host(host).namespace.clone());
        let background = namespace(SENDER).map_or_else(Background::start, |sender| Background::within(&sender));
        let mut addresses = Addresses::new();
        let validity = Validity::days(now(), 30);
        let authority = Authority::new("Schleuse test CA", validity).expect("a CA");
        authority.write(root).expect("an empty folder");
        let issue = |name: &str, role, count| -> Vec<TestMember> {
            let one = |number| TestMember::issue(&authority, root, &format!("{name}-{number}"), role, validity);
            (1..=count).map(one).collect()
        };
        let proxies = |members: Vec<TestMember>, program: &Path, addresses: &mut Addresses| -> Vec<Proxy> {
            let proxy = |member: TestMember| {
                let config = member.file("proxy.toml");
                let log = member.file("log");
                let arguments = ["--config".as_ref(), config.as_os_str()];
                let daemon = Daemon::new(member.id.as_str(), program, arguments, &log);
                let daemon = daemon.within(namespace(member.id.as_str()));
                let Listener { address, listen, found } = match &lab {
                    Some(lab) => apart::listener(lab, member.id.as_str()),
                    None => addresses.next_listener(),
                };
                Proxy { address, listen, found, daemon, member }
            };
            members.into_iter().map(proxy).collect()
        };
        let outers = proxies(issue("outer", Role::Outer, plan.outers), &programs.outer, &mut addresses);
        let inners = proxies(issue("inner", Role::Inner, plan.inners), &programs.inner, &mut addresses);
        let office = |member: TestMember| {
            let namespace = namespace(member.id.as_str());
            Office::new(member, namespace)
        };
        let mut network = Self {
            offices: issue("office", Role::Office, plan.offices).into_iter().map(office).collect(),
            vendors: issue("vendor", Role::Vendor, plan.vendors),
            played: issue("played", Role::Office, plan.played_offices),
            barred: TestMember::issue(&authority, root, BARRED, Role::Vendor, validity),
            taps: HashMap::new(),
            clients: Mutex::default(),
            played_inner: plan.played_inner,
            root_keys: [(); 2].map(|()| SigningKey::generate(&mut schleuse_seal::system_rng())),
            outers,
            inners,
            background,
            folder,
            lab,
        };
        if plan.taps {
            network.put_taps();
        }
        network.write_directory();
        network.write_configs(&plan);
        network.daemons().for_each(|daemon| {
            daemon.set_env("SCHLEUSE_LOG", &plan.log);
            daemon.set_env("NO_COLOR", "1");
        });
        network
    }

    /// One for each listener and kind of dialler.
    fn put_taps(&mut self) {
        let mut taps = HashMap::new();
        for outer in &self.outers {
            taps.insert(hop("sender", &outer.member), Tap::on(outer.address, &self.background));
        }
        for inner in &self.inners {
            for dialler in ["outer", "office"] {
                taps.insert(hop(dialler, &inner.member), Tap::on(inner.address, &self.background));
            }
        }
        self.taps = taps;
    }

    /// Where `kind` of dialler reaches this listener.
    fn dialled(&self, kind: &str, proxy: &Proxy) -> String {
        let tap = self.taps.get(&hop(kind, &proxy.member));
        tap.map_or_else(|| proxy.found.clone(), |tap| tap.address().to_string())
    }

    fn write_directory(&self) {
        let roots = RootKeys::new(2, self.root_keys.iter().map(SigningKey::public).collect()).expect("two keys");
        let (path, text) = (self.root().join("root-keys.toml"), roots.to_toml().expect("it can be written"));
        write_new(&path, text.as_bytes(), Access::Public).expect("a new file");
        self.publish(|_| {});
    }

    /// Signs version 1 of the directory with this change and puts it in the place of the one before. Daemons read it when
    /// they start or are told to.
    pub fn publish(&self, change: impl FnOnce(&mut Directory)) {
        let mut members: Vec<_> = self
            .outers
            .iter()
            .map(|outer| {
                let addresses = vec![self.dialled("sender", outer)];
                schleuse_directory::Member { addresses, ..outer.member.entry.clone() }
            })
            .collect();
        members.extend(self.inners.iter().map(|inner| inner.member.entry.clone()));
        members.extend(self.offices.iter().map(|office| office.member().entry.clone()));
        members.extend(self.played.iter().map(|office| office.entry.clone()));
        members.extend(self.vendors.iter().map(|vendor| {
            let groups = vec![SENDERS.parse().expect("a valid group")];
            schleuse_directory::Member { groups, ..vendor.entry.clone() }
        }));
        members.push(self.barred.entry.clone());
        let mut directory = Directory {
            version: 1,
            issued: now(),
            expires: now().after(Duration::from_secs(7 * 86_400)),
            members,
            permissions: vec![rule()],
        };
        change(&mut directory);
        let signed = SignedDirectory::sign(&directory, &self.root_keys.each_ref()).expect("it can be signed");
        let bytes = signed.to_bytes().expect("it can be written");
        replace(&self.root().join("directory.json"), &bytes).expect("the folder can be written");
    }

    fn write_configs(&self, plan: &Builder) {
        let entries = |kind: &str| -> Vec<InnerEntry<'_>> {
            let entry = |inner| InnerEntry { member: &Proxy::member(inner).entry, address: self.dialled(kind, inner) };
            self.inners.iter().map(entry).collect()
        };
        let write = |path: PathBuf, text: String| fs::write(path, text).expect("the folder can be written");
        for outer in &self.outers {
            let text = config::outer(&outer.member.id, outer.listen, &entries("outer"), plan.grace, &plan.outer_limits);
            write(outer.member.file("proxy.toml"), text);
        }
        for inner in &self.inners {
            let text = config::inner(&inner.member.id, inner.listen, plan.grace, &plan.inner_limits);
            write(inner.member.file("proxy.toml"), text);
        }
        for office in &self.offices {
            let member = office.member();
            let kek = data_encoding::HEXLOWER.encode(&rand::random::<[u8; 32]>());
            write_new(&member.file("kek"), kek.as_bytes(), Access::Secret).expect("a new file");
            let text =
                config::receiver(&member.id, &plan.database, &entries("office"), &plan.receiver_limits, &plan.tickets);
            write(office.config(), text);
        }
    }

    /// Starts all daemons and waits until every office can be reached over every way.
    pub fn start(&self) {
        self.start_daemons();
        self.wait_ready();
    }

    /// Starts all daemons.
    pub fn start_daemons(&self) {
        self.daemons().for_each(Daemon::start);
    }

    /// Waits until every office has tokens of every inner proxy, and every outer proxy its links.
    pub fn wait_ready(&self) {
        for office in &self.offices {
            office.wait_ready(self.inners.len());
        }
        self.outers.iter().for_each(|outer| self.wait_linked(outer));
    }

    /// Waits until all threads of an outer proxy have all their links.
    pub fn wait_linked(&self, outer: &Proxy) {
        let links = THREADS * self.inners.len();
        until_true(&format!("{} is linked", outer.member.id), SOON, || {
            assert!(outer.daemon.is_running(), "{} has ended: {}", outer.member.id, outer.daemon.log());
            outer.daemon.log_of_this_life().matches("linked to an inner proxy").count() >= links
        });
    }

    fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        let inners = self.inners.iter().skip(usize::from(self.played_inner)).map(|inner| &inner.daemon);
        let outers = self.outers.iter().map(|outer| &outer.daemon);
        inners.chain(outers).chain(self.offices.iter().map(Office::daemon))
    }

    /// Starts an inner proxy that does not keep to the rules in the place of `inner-1`.
    pub fn play_inner(&self) -> HostileInner {
        self.play_inner_as(&self.inners[0].member)
    }

    /// The same with somebody's keys.
    pub fn play_inner_as(&self, player: &TestMember) -> HostileInner {
        assert!(self.played_inner, "inner-1 is a daemon here");
        let inner = &self.inners[0];
        let mut members = HashMap::new();
        let outers = self.outers.iter().map(|outer| &outer.member);
        for member in outers.chain(self.offices.iter().map(Office::member)).chain(&self.played) {
            members.insert(member.entry.fingerprints[0].0, (member.id, member.role));
        }
        let equipment = Equipment {
            address: inner.address,
            identity: player.identity(),
            roots: self.roots(),
            cluster_secret: player.cluster_secret(),
            members,
        };
        self.background.run(async { HostileInner::start(equipment) })
    }

    /// Sends a guest list as a vendor and waits for the receipt.
    pub fn send(&self, vendor: usize, ticket: &Ticket, content: impl Into<Content>) -> Result<Receipt, SendError> {
        let sending = self.client(vendor).send(ticket, content).kind("guest-list").patience(SOON);
        self.background.run(async move { sending.await })
    }

    /// The client of a vendor; one for the whole test, as in a vendor's process.
    pub fn client(&self, vendor: usize) -> Client {
        self.client_of(Some(&self.vendors[vendor]))
    }

    /// The client of the vendor without permission.
    pub fn barred_client(&self) -> Client {
        self.client_of(Some(&self.barred))
    }

    /// A client that sends as nobody.
    pub fn anonymous_client(&self) -> Client {
        self.client_of(None)
    }

    fn client_of(&self, vendor: Option<&TestMember>) -> Client {
        let mut clients = self.clients.lock().expect("no test panics here");
        clients.entry(vendor.map(|vendor| vendor.id)).or_insert_with(|| self.new_client(vendor)).clone()
    }

    /// A client that shares nothing with others, as in a process that was just started.
    pub fn new_client(&self, vendor: Option<&TestMember>) -> Client {
        let builder = Client::builder(self.directory()).roots(self.roots());
        let builder = match vendor {
            Some(vendor) => builder.identity(vendor.id, vendor.signing_key()),
            None => builder,
        };
        builder.build().expect("the parts fit")
    }

    /// The network's CA.
    pub fn roots(&self) -> Roots {
        Roots::load(&self.root().join("ca.pem")).expect("it was written")
    }

    /// The directory, verified as every member does it.
    pub fn directory(&self) -> VerifiedDirectory {
        let file = |name| self.root().join(name);
        load_directory(file("directory.json"), file("root-keys.toml")).expect("it was signed")
    }

    /// The folder of everything.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// An outer proxy.
    pub fn outer(&self, index: usize) -> &Proxy {
        &self.outers[index]
    }

    /// An inner proxy.
    pub fn inner(&self, index: usize) -> &Proxy {
        &self.inners[index]
    }

    /// An office.
    pub fn office(&self, index: usize) -> &Office {
        &self.offices[index]
    }

    /// A vendor's keys.
    pub fn vendor(&self, index: usize) -> &TestMember {
        &self.vendors[index]
    }

    /// The offices that the test plays.
    pub fn played(&self) -> &[TestMember] {
        &self.played
    }

    /// The tap between a kind of dialler (`sender`, `outer`, `office`) and a proxy.
    pub fn tap(&self, dialler: &str, proxy: &Proxy) -> &Tap {
        &self.taps[&hop(dialler, &proxy.member)]
    }

    /// Where clients and played offices run.
    pub fn background(&self) -> &Background {
        &self.background
    }
}

impl Proxy {
    fn member(&self) -> &TestMember {
        &self.member
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for daemon in self.daemons() {
                let log = daemon.log();
                let start = log.len().saturating_sub(4000);
                let tail = log.get(start..).unwrap_or(&log);
                eprintln!("--- {} said at last:\n{tail}", daemon.name());
            }
        }
    }
}

fn hop(dialler: &str, listener: &TestMember) -> String {
    format!("{dialler} to {}", listener.id)
}

fn rule() -> Rule {
    let kinds = ["guest-list", "contacts-and-events"].map(|kind| OrAny::One(kind.parse().expect("a valid kind")));
    Rule { from: vec![OrAny::One(SENDERS.parse().expect("a valid group"))], kinds: kinds.into(), to: vec![OrAny::Any] }
}

fn now() -> UnixSeconds {
    Clock::start().unix()
}
