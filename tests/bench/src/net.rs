//! A network of the real daemons, each a process of its own, with the files that an operator would write.

mod config;
mod daemon;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use schleuse_directory::{Directory, Member, OrAny, Role, RootKeys, Rule, SignedDirectory};
use schleuse_operator::pki::{Authority, Validity};
use schleuse_protocol::time::UnixSeconds;
use schleuse_seal::keys::SigningKey;
use schleuse_transport::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::child::Child;

pub(crate) use daemon::{Daemon, Programs, place_for_data};

/// The one outer proxy.
pub(crate) const OUTER: &str = "outer-1";
/// The one inner proxy.
pub(crate) const INNER: &str = "inner-1";
/// The one office with a real receiver.
pub(crate) const OFFICE: &str = "office-1";
/// The receiver's socket in the network's folder.
pub(crate) const SOCKET: &str = "office-1/api.sock";
/// Keys of the offices that only hold connections.
pub(crate) const CROWD_FILE: &str = "crowd.json";

/// The folder and id of a vendor, counted from 1.
pub(crate) fn vendor_name(number: usize) -> String {
    format!("vendor-{number}")
}

/// Certificate and key of an office of the crowd, PEM.
#[derive(Serialize, Deserialize)]
pub(crate) struct CrowdKeys {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// How large.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) vendors: usize,
    /// Offices besides the one with a receiver.
    pub(crate) crowd: usize,
}

/// One outer proxy, one inner proxy, one receiver; stopped and deleted when dropped.
pub(crate) struct Network {
    pub(crate) outer: Daemon,
    pub(crate) inner: Daemon,
    pub(crate) receiver: Daemon,
    pub(crate) outer_address: SocketAddr,
    pub(crate) inner_address: SocketAddr,
    members: Vec<Member>,
    root_keys: Vec<SigningKey>,
    folder: tempfile::TempDir,
}

impl Network {
    /// Makes everything and starts the daemons.
    pub(crate) fn start(programs: &Programs, size: Size) -> Result<Self> {
        let folder = place_for_data()?;
        let root = folder.path();
        let (outer_address, inner_address) = (free_address()?, free_address()?);
        let members = issue(root, size, outer_address)?;
        let root_keys: Vec<SigningKey> =
            (0..2).map(|_| SigningKey::generate(&mut schleuse_seal::system_rng())).collect();
        let roots = RootKeys::new(2, root_keys.iter().map(SigningKey::public).collect())?;
        fs::write(root.join("root-keys.toml"), roots.to_toml()?)?;
        write_directory(&root.join("directory.json"), &root_keys, members.clone())?;
        config::write(root, outer_address, inner_address, &members)?;
        let inner = Daemon::start(root, &programs.inner, INNER, &[])?;
        let outer = Daemon::start(root, &programs.outer, OUTER, &[])?;
        let receiver = Daemon::start(root, &programs.receiver, OFFICE, &["run"])?;
        outer.wait_for_log("linked to an inner proxy", config::THREADS)?;
        receiver.wait_for_log("connected", 1)?;
        Ok(Self { outer, inner, receiver, outer_address, inner_address, members, root_keys, folder })
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A directory in which the outer proxy has another address. Returns the file's name.
    pub(crate) fn directory_by_way_of(&self, address: SocketAddr) -> Result<String> {
        let name = "directory-detour.json";
        let mut members = self.members.clone();
        for member in members.iter_mut().filter(|member| member.role == Role::Outer) {
            member.addresses = vec![address.to_string()];
        }
        write_directory(&self.root().join(name), &self.root_keys, members)?;
        Ok(name.to_owned())
    }

    /// CPU time of outer proxy, inner proxy, receiver and the vendors' process so far.
    pub(crate) fn cpu_times(&self, vendors: &Child) -> Result<Vec<Duration>> {
        Ok(vec![self.outer.cpu_time()?, self.inner.cpu_time()?, self.receiver.cpu_time()?, vendors.cpu_time()?])
    }

    /// CPU time of both proxies so far.
    pub(crate) fn proxies_cpu_time(&self) -> Result<Duration> {
        Ok(self.outer.cpu_time()? + self.inner.cpu_time()?)
    }
}

/// Keys of all members, in folders of their ids; those of the crowd in one file.
fn issue(root: &Path, size: Size, outer: SocketAddr) -> Result<Vec<Member>> {
    let validity = Validity::days(now(), 2);
    let authority = Authority::new("Schleuse bench CA", validity)?;
    authority.write(root)?;
    let mut members = Vec::new();
    let mut named =
        vec![(OUTER.to_owned(), Role::Outer), (INNER.to_owned(), Role::Inner), (OFFICE.to_owned(), Role::Office)];
    named.extend((1..=size.vendors).map(|number| (vendor_name(number), Role::Vendor)));
    for (name, role) in named {
        let keys = authority.issue(&name.parse()?, role, validity)?;
        let path = root.join(&name);
        fs::create_dir_all(&path)?;
        keys.write(&path)?;
        let addresses = if role == Role::Outer { vec![outer.to_string()] } else { Vec::new() };
        members.push(Member { addresses, ..keys.entry(&name) });
    }
    schleuse_receiver::create_key_file(&root.join(OFFICE).join("kek"))?;
    let mut crowd = Vec::with_capacity(size.crowd);
    for number in 1..=size.crowd {
        let name = format!("crowd-{number}");
        let keys = authority.issue(&name.parse()?, Role::Office, validity)?;
        members.push(keys.entry(&name));
        crowd.push(CrowdKeys { certificate: keys.certificate_pem.clone(), key: keys.tls_key_pem.to_string() });
    }
    fs::write(root.join(CROWD_FILE), serde_json::to_vec(&crowd)?)?;
    Ok(members)
}

fn write_directory(path: &Path, root_keys: &[SigningKey], members: Vec<Member>) -> Result<()> {
    let rule = Rule { from: vec![OrAny::Any], kinds: vec![OrAny::Any], to: vec![OrAny::Any] };
    let directory = Directory {
        version: 1,
        issued: now(),
        expires: now().after(Duration::from_secs(86_400)),
        members,
        permissions: vec![rule],
    };
    let signed = SignedDirectory::sign(&directory, &root_keys.iter().collect::<Vec<_>>())?;
    fs::write(path, signed.to_bytes()?).with_context(|| format!("{}", path.display()))
}

/// The certificate of the references, in a folder of its own.
pub(crate) fn naive_keys() -> Result<(tempfile::TempDir, PathBuf)> {
    let folder = place_for_data()?;
    let validity = Validity::days(now(), 2);
    let authority = Authority::new("Schleuse bench references", validity)?;
    authority.write(folder.path())?;
    authority.issue(&crate::role::NAIVE_NAME.parse()?, Role::Outer, validity)?.write(folder.path())?;
    let path = folder.path().to_owned();
    Ok((folder, path))
}

/// A port that was free a moment ago: daemons are configured with fixed ones.
fn free_address() -> Result<SocketAddr> {
    Ok(UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn now() -> UnixSeconds {
    Clock::start().unix()
}
