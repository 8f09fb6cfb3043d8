//! `schleuse pki show`.

use std::path::{Path, PathBuf};

use clap::Args;
use schleuse_transport::exit::AppError;
use serde_json::json;

use super::super::output::{Output, Table, hex, moment, now, shown};
use crate::directory_tool::load_signing_key;
use crate::pki::{CertificateFacts, MemberKeys, inspect};

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// A certificate (PEM), or the folder of a CA or member.
    pub(super) path: PathBuf,
}

impl Show {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let certificate = certificate_in(&self.path);
        let facts = inspect(&certificate)?;
        let signing_key = match self.path.join(MemberKeys::SIGNING_KEY_FILE) {
            path if path.exists() => Some(hex(&load_signing_key(&path)?.public())),
            _ => None,
        };
        Ok(report(&certificate, &facts, signing_key))
    }
}

fn certificate_in(path: &Path) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let of_a_member = path.join(MemberKeys::CERTIFICATE_FILE);
    if of_a_member.exists() { of_a_member } else { path.join("ca.pem") }
}

fn report(path: &Path, facts: &CertificateFacts, signing_key: Option<String>) -> Output {
    let kind = if facts.is_authority { "CA" } else { "member" };
    let state = match now() {
        now if now < facts.not_before => "not valid yet",
        now if now > facts.not_after => "expired",
        _ => "valid",
    };
    let mut table = Table::default();
    table.row("certificate", shown(path)).row("of a", kind).row("subject", &facts.subject).row("issuer", &facts.issuer);
    if !facts.names.is_empty() {
        table.row("names", facts.names.join(", "));
    }
    table.row("from", moment(facts.not_before)).row("until", moment(facts.not_after)).row("state", state);
    table.row("fingerprint", hex(&facts.fingerprint));
    if let Some(key) = &signing_key {
        table.row("signing key", key);
    }
    if facts.is_example {
        table.row("warning", "a published example: daemons refuse it outside demo mode");
    }
    let json = json!({
        "certificate": shown(path),
        "ca": facts.is_authority,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": facts.names,
        "not_before": moment(facts.not_before),
        "not_after": moment(facts.not_after),
        "state": state,
        "fingerprint": hex(&facts.fingerprint),
        "signing_key": signing_key,
        "example": facts.is_example,
    });
    Output::new(table.text(), json)
}
