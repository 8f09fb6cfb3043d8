//! The files of a network: CA, keys, signed directory, and the configuration of every daemon, all as operators make
//! them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::Context;
use schleuse_directory::{Member, OrAny, Role, RootKeys, Rule, SignedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_seal::system_rng;
use schleuse_transport::clock::Clock;
use tempfile::TempDir;

use super::plan::Plan;
use crate::directory_tool;
use crate::files::{self, Access};
use crate::pki::{Authority, MemberKeys, Validity, key_text};

/// The demo lives for hours, not for days.
const DAYS: u32 = 7;
const CA: &str = "ca.pem";
const DIRECTORY: &str = "directory.json";
const ROOT_KEYS: &str = "root-keys.toml";
const KEK: &str = "kek.key";

/// A folder with everything that a network needs before it starts.
pub(super) struct Ground {
    folder: Folder,
    /// Their ports are held until they run.
    outers: Vec<(MemberId, UdpSocket)>,
    fingerprints: Vec<(MemberId, [u8; 32])>,
}

enum Folder {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Ground {
    /// Makes keys and directory. Only the inner proxies' addresses are still open: they choose their own ports.
    pub(super) fn prepare(plan: &Plan) -> anyhow::Result<Self> {
        let folder = match &plan.folder {
            Some(path) => Folder::Kept(empty_folder(path)?),
            None => Folder::Temporary(tempfile::Builder::new().prefix("schleuse-demo-").tempdir()?),
        };
        let outers = plan.outers.iter().map(|id| Ok((*id, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?)));
        let outers = outers.collect::<anyhow::Result<_>>()?;
        let mut ground = Self { folder, outers, fingerprints: Vec::new() };
        ground.make_members(plan)?;
        Ok(ground)
    }

    fn make_members(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let now = Clock::start().unix();
        let validity = Validity::days(now, DAYS);
        let authority = Authority::new("schleuse demo", validity)?;
        authority.write(self.path())?;
        let mut members = Vec::new();
        let roles = [
            (Role::Outer, &plan.outers),
            (Role::Inner, &plan.inners),
            (Role::Office, &plan.offices),
            (Role::Vendor, &plan.vendors),
        ];
        for (role, ids) in roles {
            for id in ids {
                let keys = authority.issue(id, role, validity)?;
                keys.write(&self.of(id))?;
                self.fingerprints.push((*id, keys.fingerprint));
                members.push(self.entry(&keys)?);
            }
        }
        plan.offices.iter().try_for_each(|office| self.write_kek(office))?;
        self.sign_directory(members, now)
    }

    fn entry(&self, keys: &MemberKeys) -> anyhow::Result<Member> {
        let mut entry = keys.entry(keys.id.as_str());
        match keys.role {
            Role::Outer => entry.addresses = vec![self.outer_address(&keys.id)?.to_string()],
            Role::Office => entry.groups = vec!["offices".parse()?],
            // Senders show no certificate, so the directory pins none.
            Role::Vendor => (entry.groups, entry.fingerprints) = (vec!["vendors".parse()?], Vec::new()),
            Role::Inner => {}
        }
        Ok(entry)
    }

    fn sign_directory(&self, members: Vec<Member>, now: UnixSeconds) -> anyhow::Result<()> {
        let mut directory = directory_tool::empty(now);
        directory_tool::renew(&mut directory, now, DAYS);
        directory.members = members;
        let one = |name: &str| anyhow::Ok(vec![OrAny::One(name.parse()?)]);
        directory.permissions = vec![Rule { from: one("vendors")?, kinds: vec![OrAny::Any], to: one("offices")? }];
        let root = directory_tool::new_root_key(&self.path().join("root.key"))?;
        let roots = RootKeys::new(1, vec![root.public()])?;
        files::write_new(&self.root_keys(), roots.to_toml()?.as_bytes(), Access::Public)?;
        directory_tool::write_signed(&self.directory(), &SignedDirectory::sign(&directory, &[&root])?)?;
        Ok(())
    }

    fn write_kek(&self, office: &MemberId) -> anyhow::Result<()> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        rand::Rng::fill_bytes(&mut system_rng(), key.as_mut_slice());
        Ok(files::write_new(&self.of(office).join(KEK), key_text(&key).as_bytes(), Access::Secret)?)
    }

    /// Writes the configuration of an inner proxy.
    pub(super) fn inner_config(&self, id: &MemberId) -> anyhow::Result<PathBuf> {
        let text = format!(
            "id = \"{id}\"\nlisten = [\"127.0.0.1:0\"]\nthreads = 1\ngrace_seconds = 2\n{PROXY_FILES}\
             directory = \"../{DIRECTORY}\"\nroot_keys = \"../{ROOT_KEYS}\"\n\
             [limits]\ntokens_per_second = 10000\ntoken_burst = 20000\n"
        );
        self.write_config(id, &text)
    }

    /// Writes the configuration of an outer proxy.
    pub(super) fn outer_config(&self, id: &MemberId, inners: &[(MemberId, SocketAddr)]) -> anyhow::Result<PathBuf> {
        let address = self.outer_address(id)?;
        let mut text =
            format!("id = \"{id}\"\nlisten = [\"{address}\"]\nthreads = 1\ngrace_seconds = 2\n{PROXY_FILES}");
        // All vendors come from one address here.
        text += "[limits]\nhandshakes_per_second = 10000\nhandshake_burst = 10000\n";
        for (inner, address) in inners {
            let fingerprint = data_encoding::HEXLOWER.encode(self.fingerprint(inner)?);
            text += &format!("[[inner]]\nid = \"{inner}\"\naddress = \"{address}\"\nfingerprint = \"{fingerprint}\"\n");
        }
        self.write_config(id, &text)
    }

    /// Writes the configuration of an office.
    pub(super) fn office_config(&self, id: &MemberId, inners: &[(MemberId, SocketAddr)]) -> anyhow::Result<PathBuf> {
        let mut text = format!(
            "office = \"{id}\"\ndatabase = \"inbox.sqlite\"\nkey_encryption_key = \"{KEK}\"\n\
             [identity]\ncertificate = \"cert.pem\"\nkey = \"tls.key\"\nca = \"../{CA}\"\nsigning_key = \"signing.key\"\n\
             [directory]\nfile = \"../{DIRECTORY}\"\nroots = \"../{ROOT_KEYS}\"\n[limits]\ndrain_seconds = 2\n"
        );
        for (inner, address) in inners {
            text += &format!("[[inner]]\nid = \"{inner}\"\naddress = \"{address}\"\n");
        }
        self.write_config(id, &text)
    }

    fn write_config(&self, id: &MemberId, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.of(id).join("config.toml");
        files::write_new(&path, text.as_bytes(), Access::Public)?;
        Ok(path)
    }

    /// The folder of all files.
    pub(super) fn path(&self) -> &Path {
        match &self.folder {
            Folder::Kept(path) => path,
            Folder::Temporary(folder) => folder.path(),
        }
    }

    /// Whether the folder is deleted at the end.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self.folder, Folder::Temporary(_))
    }

    /// The folder of one member.
    pub(super) fn of(&self, id: &MemberId) -> PathBuf {
        self.path().join(id.as_str())
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.path().join(CA)
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.path().join(DIRECTORY)
    }

    pub(super) fn root_keys(&self) -> PathBuf {
        self.path().join(ROOT_KEYS)
    }

    pub(super) fn signing_key(&self, vendor: &MemberId) -> PathBuf {
        self.of(vendor).join(MemberKeys::SIGNING_KEY_FILE)
    }

    /// Lets go of the port that was held for an outer proxy, which is about to take it.
    pub(super) fn let_go(&mut self, outer: &MemberId) {
        self.outers.retain(|(id, _)| id != outer);
    }

    /// The directory names the outer proxies' ports before they run.
    fn outer_address(&self, id: &MemberId) -> anyhow::Result<SocketAddr> {
        Ok(find(&self.outers, id)?.local_addr()?)
    }

    fn fingerprint(&self, id: &MemberId) -> anyhow::Result<&[u8; 32]> {
        find(&self.fingerprints, id)
    }
}

/// What every proxy's configuration says of its own files, as `MemberKeys::write` names them.
const PROXY_FILES: &str =
    "certificate = \"cert.pem\"\nkey = \"tls.key\"\nca = \"../ca.pem\"\ncluster_secret = \"cluster.secret\"\n";

fn find<'a, T>(list: &'a [(MemberId, T)], id: &MemberId) -> anyhow::Result<&'a T> {
    list.iter().find(|(known, _)| known == id).map(|(_, value)| value).with_context(|| format!("{id} was not planned"))
}

/// Nothing is overwritten: keys of another run would not fit.
fn empty_folder(path: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))?;
    if std::fs::read_dir(path)?.next().is_some() {
        anyhow::bail!("{} is not empty: choose another folder for --dir", path.display());
    }
    Ok(std::path::absolute(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::DemoArgs;

    #[test]
    fn an_outer_proxys_port_is_nobody_elses_until_it_runs() {
        let args = DemoArgs { once: true, file: None, offices: 1, vendors: 1, submissions: 1, dir: None };
        let plan = Plan::new(args).unwrap();
        let ground = Ground::prepare(&plan).unwrap();
        for outer in &plan.outers {
            let error = UdpSocket::bind(ground.outer_address(outer).unwrap()).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        }
    }
}
