//! `schleuse pki issue`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use schleuse_directory::model::Group;
use schleuse_directory::{Member, Role};
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::exit::{self, AppError};
use serde_json::json;

use super::super::output::{Output, Table, hex, now, shown};
use super::MAX_DAYS;
use crate::files::{self, Access};
use crate::pki::{Authority, MemberKeys, Validity};

/// File of the entry for the directory, beside the keys.
const ENTRY_FILE: &str = "member.toml";

#[derive(Debug, Args)]
pub(in crate::cli) struct Issue {
    /// Folder of the CA that `pki init` made.
    ca: PathBuf,
    /// Id of the member: 1 to 16 characters out of a-z, 0-9 and '-'.
    id: MemberId,
    /// What the member does.
    #[arg(long, value_enum)]
    role: RoleArg,
    /// Name for people; the id, if absent.
    #[arg(long)]
    name: Option<String>,
    /// Folder for the keys; that of the CA and the id, if absent.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How long the certificate is valid.
    #[arg(long, default_value_t = 397, value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS))]
    days: u32,
    /// Where a proxy is reached; several are possible.
    #[arg(long, value_name = "HOST:PORT")]
    address: Vec<String>,
    /// Group of the member, for permissions; several are possible.
    #[arg(long)]
    group: Vec<Group>,
}

/// The roles, as arguments.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    Office,
    Vendor,
    Outer,
    Inner,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Office => Self::Office,
            RoleArg::Vendor => Self::Vendor,
            RoleArg::Outer => Self::Outer,
            RoleArg::Inner => Self::Inner,
        }
    }
}

impl Issue {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let authority = Authority::load(&self.ca)?;
        let folder = self.out.unwrap_or_else(|| self.ca.join(self.id.as_str()));
        let entry_path = folder.join(ENTRY_FILE);
        files::refuse_existing([entry_path.as_path()])?;
        let keys = authority.issue(&self.id, self.role.into(), Validity::days(now(), self.days))?;
        let name = self.name.unwrap_or_else(|| self.id.to_string());
        let entry = Member { addresses: self.address, groups: self.group, ..keys.entry(&name) };
        let entry_text = toml::to_string_pretty(&entry).map_err(|error| AppError::new(exit::FAILURE, error))?;
        let mut paths = keys.write(&folder)?;
        files::write_new(&entry_path, entry_text.as_bytes(), Access::Public)?;
        paths.push(entry_path);
        Ok(report(&keys, &folder, &paths))
    }
}

fn report(keys: &MemberKeys, folder: &Path, paths: &[PathBuf]) -> Output {
    let mut table = Table::default();
    table.row("member", keys.id).row("role", keys.role.as_str()).row("fingerprint", hex(&keys.fingerprint));
    if let Some(key) = &keys.signing_key {
        table.row("signing key", hex(&key.public()));
    }
    for path in paths {
        table.row("wrote", shown(path));
    }
    let next = format!("\nNext: schleuse directory add directory.toml {}\n", shown(&folder.join(ENTRY_FILE)));
    let json = json!({
        "member": keys.id.as_str(),
        "role": keys.role.as_str(),
        "fingerprint": hex(&keys.fingerprint),
        "signing_key": keys.signing_key.as_ref().map(|key| hex(&key.public())),
        "files": paths.iter().map(|path| shown(path)).collect::<Vec<_>>(),
    });
    Output::new(table.text() + &next, json)
}
