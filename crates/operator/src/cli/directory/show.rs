//! `schleuse directory show`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use schleuse_directory::{Directory, Member, OrAny, Rule};
use schleuse_transport::exit::AppError;
use serde_json::{Value, json};

use super::super::output::{Output, Table, hex, moment};
use crate::directory_tool::{Document, at, load};

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The source or the signed directory.
    file: PathBuf,
}

impl Show {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let (directory, signers) = match load(&self.file)? {
            Document::Source(directory) => (directory, None),
            Document::Signed(signed) => {
                let signers = signed.signatures().iter().map(|signature| hex(&signature.key.0)).collect::<Vec<_>>();
                (signed.unverified().map_err(at(&self.file))?, Some(signers))
            }
        };
        let json = json!({
            "signed_by": signers,
            "verified": false,
            "directory": serde_json::to_value(&directory).unwrap_or(Value::Null),
        });
        Ok(Output::new(text(&directory, signers.as_deref()), json))
    }
}

fn text(directory: &Directory, signers: Option<&[String]>) -> String {
    let mut head = Table::default();
    head.row("version", directory.version);
    head.row("issued", moment(directory.issued)).row("expires", moment(directory.expires));
    match signers {
        None => head.row("signed", "no: this is the source"),
        Some(signers) => signers.iter().fold(&mut head, |head, signer| head.row("signed by", signer)),
    };
    if signers.is_some() {
        head.row("verified", "no: schleuse directory verify");
    }
    let mut text = head.text();
    text.push_str("\nMembers\n");
    let mut members = Table::default();
    for member in &directory.members {
        members.row(&format!("  {:6} {}", member.role.as_str(), member.id), facts(member));
        for fingerprint in &member.fingerprints {
            members.row("", format!("fingerprint {fingerprint}"));
        }
    }
    text.push_str(&members.text());
    text.push_str("\nPermissions\n");
    for Rule { from, kinds, to } in &directory.permissions {
        let _ = writeln!(text, "  {} may send {} to {}", words(from), words(kinds), words(to));
    }
    text
}

fn facts(member: &Member) -> String {
    let mut facts = vec![member.name.clone()];
    facts.extend(member.addresses.iter().cloned());
    facts.extend(member.groups.iter().map(|group| format!("in {group}")));
    facts.extend(member.valid_from.map(|time| format!("from {}", moment(time))));
    facts.extend(member.valid_until.map(|time| format!("until {}", moment(time))));
    facts.join(", ")
}

fn words<T: std::fmt::Display>(list: &[OrAny<T>]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
