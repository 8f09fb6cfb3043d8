//! `schleuse directory add`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use schleuse_directory::{Directory, Member, OrAny, Rule};
use schleuse_transport::exit::{self, AppError};
use serde_json::json;

use super::super::output::{Output, moment, now, shown};
use super::{DEFAULT_DAYS, MAX_DAYS};
use crate::directory_tool::{empty, load_member, load_source, renew, write_source};

#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The source, a TOML file; made if it does not exist.
    source: PathBuf,
    /// Entries as `schleuse pki issue` writes them (member.toml).
    member: Vec<PathBuf>,
    /// Take an entry even if the directory has a member with its id already.
    #[arg(long)]
    replace: bool,
    /// Permit senders to send kinds to offices; each a list with commas, of members, groups or '*'.
    #[arg(long, value_name = "FROM:KINDS:TO")]
    permit: Vec<Permit>,
    /// How long the new version is valid.
    #[arg(long, default_value_t = DEFAULT_DAYS, value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS))]
    days: u32,
}

/// A rule as an argument.
#[derive(Clone, Debug)]
struct Permit(Rule);

impl FromStr for Permit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let [from, kinds, to] = parts[..] else {
            return Err("write FROM:KINDS:TO, for example 'ticketing:guest-list:*'".to_owned());
        };
        Ok(Self(Rule { from: list(from)?, kinds: list(kinds)?, to: list(to)? }))
    }
}

fn list<T: FromStr<Err: ToString>>(text: &str) -> Result<Vec<OrAny<T>>, String> {
    text.split(',').map(|each| each.parse().map_err(|error: T::Err| error.to_string())).collect()
}

impl Add {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let now = now();
        let mut directory = if self.source.exists() { load_source(&self.source)? } else { empty(now) };
        for path in &self.member {
            put(&mut directory, load_member(path)?, self.replace)?;
        }
        directory.permissions.extend(self.permit.into_iter().map(|permit| permit.0));
        renew(&mut directory, now, self.days);
        write_source(&self.source, &directory)?;
        let (version, members) = (directory.version, directory.members.len());
        let expires = moment(directory.expires);
        let text = format!("{}: version {version}, {members} members, expires {expires}", shown(&self.source));
        let json = json!({
            "source": shown(&self.source),
            "version": version,
            "members": members,
            "permissions": directory.permissions.len(),
            "expires": expires,
        });
        Ok(Output::new(text, json))
    }
}

fn put(directory: &mut Directory, member: Member, replace: bool) -> Result<(), AppError> {
    match directory.members.iter_mut().find(|existing| existing.id == member.id) {
        None => directory.members.push(member),
        Some(existing) if replace => *existing = member,
        Some(_) => {
            let message = format!("the directory has a member '{}' already: --replace replaces it", member.id);
            return Err(AppError::new(exit::FAILURE, message));
        }
    }
    Ok(())
}
