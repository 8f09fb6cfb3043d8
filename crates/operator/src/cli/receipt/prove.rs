//! `schleuse receipt prove`: who sent a content, for somebody who trusts neither the office nor the sender.

use std::path::PathBuf;

use clap::Args;
use schleuse_directory::{Role, VerifiedDirectory};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::proof::Proof;
use schleuse_protocol::wire::receipt::ReceiptBody;
use schleuse_seal::{ticket_hash, verify_attestation, verify_receipt};
use schleuse_transport::exit::{self, AppError};
use serde_json::json;

use crate::cli::output::{Output, Table, hex, moment, shown};
use crate::cli::receipt::compare;
use crate::cli::ticket::TicketSource;
use crate::cli::trust::Trust;
use crate::files;

#[derive(Debug, Args)]
pub(in crate::cli) struct Prove {
    /// The proof, as 'schleuse-receiver prove' saves it.
    proof: PathBuf,
    #[command(flatten)]
    trust: Trust,
    /// The content, to compare its hash.
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// The ticket, to compare its hash: what the office asked for, which its sender answered.
    #[arg(long)]
    ticket: Option<TicketSource>,
}

impl Prove {
    pub(super) fn run(mut self) -> Result<Output, AppError> {
        let ticket = self.ticket.take().map(TicketSource::read).transpose()?;
        let failed = |what: String| AppError::new(exit::FAILURE, format_args!("{}: {what}", self.proof.display()));
        let bytes = files::read(&self.proof)?;
        let Proof { receipt, attestation } =
            Proof::from_bytes(&bytes).map_err(|error| failed(format!("this is no proof: {error}")))?;
        let said = receipt.body();
        let directory = self.trust.load(said.stored_at)?;
        let office = signing_key(&directory, said.office, |role| role == Role::Office).map_err(failed)?;
        if !verify_receipt(&receipt, &office) {
            return Err(failed(format!(
                "the receipt in it is not signed by '{}': it is damaged or forged",
                said.office
            )));
        }
        let sender = said.sender.ok_or_else(|| failed("its receipt names no sender".into()))?;
        let key = signing_key(&directory, sender, |_| true).map_err(failed)?;
        if !verify_attestation(said, &attestation, &key) {
            return Err(failed(format!("the content is not signed by '{sender}': the proof is damaged or forged")));
        }
        if ticket.as_ref().is_some_and(|ticket| ticket_hash(ticket) != attestation.ticket_hash) {
            return Err(failed("the sender answered another ticket than this".into()));
        }
        if let Some(content) = &self.content {
            compare((said.content_hash, said.length), content)?;
        }
        let mut report = self.report(said, sender, &attestation.ticket_hash);
        report.json["ticket_compared"] = ticket.is_some().into();
        Ok(report)
    }

    fn report(&self, said: &ReceiptBody, sender: MemberId, ticket_hash: &[u8]) -> Output {
        let content = match &self.content {
            None => "not compared (--content)".to_owned(),
            Some(path) => format!("is {}", shown(path)),
        };
        let mut table = Table::default();
        table.row("sender", sender).row("office", said.office).row("ticket", said.ticket);
        table.row("ticket's SHA-256", hex(ticket_hash)).row("kind", said.kind);
        table.row("length", format!("{} bytes", said.length)).row("SHA-256", said.content_hash);
        table.row("stored", moment(said.stored_at)).row("content", content);
        table.row("proved", format!("yes: signed by {sender}; stored, says {}", said.office));
        let json = json!({
            "proved": true,
            "sender": sender.as_str(),
            "office": said.office.as_str(),
            "ticket": said.ticket.to_string(),
            "ticket_sha256": hex(ticket_hash),
            "kind": said.kind.as_str(),
            "length": said.length,
            "sha256": said.content_hash.to_string(),
            "stored_at": moment(said.stored_at),
            "content_compared": self.content.is_some(),
        });
        Output::new(table.text(), json)
    }
}

fn signing_key(
    directory: &VerifiedDirectory,
    member: MemberId,
    is_fit: impl Fn(Role) -> bool,
) -> Result<[u8; 32], String> {
    let found = directory.member(&member).filter(|found| is_fit(found.role)).and_then(|found| found.signing_key);
    let missing =
        || format!("the directory has no signing key of '{member}': take the directory of the receipt's time");
    found.map(|key| key.0).ok_or_else(missing)
}
