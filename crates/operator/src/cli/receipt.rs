//! `schleuse receipt …`

mod prove;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use schleuse_client::{Receipt, verify_receipt};
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_transport::exit::{self, AppError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::output::{Output, Table, moment, shown};
use super::ticket::TicketSource;
use super::trust::Trust;
use crate::files::{self, FileError};
use prove::Prove;

#[derive(Debug, Subcommand)]
pub(super) enum ReceiptCommand {
    /// Show what a receipt says, without verifying it.
    Show(Show),
    /// Verify that a receipt is the office's signed word for a ticket and a content.
    ///
    /// The directory is taken as of the time of the receipt, so for an old receipt take the directory of that time.
    Verify(Verify),
    /// Verify a proof of who sent a content: the office's receipt and the sender's own signature.
    ///
    /// Nobody needs to be trusted for it but those who signed the directory. It is taken as of the time of the receipt.
    Prove(Prove),
}

impl ReceiptCommand {
    pub(super) fn run(self) -> Result<Output, AppError> {
        match self {
            Self::Show(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Prove(command) => command.run(),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The receipt, as `schleuse send --receipt` keeps it.
    receipt: PathBuf,
}

impl Show {
    fn run(self) -> Result<Output, AppError> {
        let receipt = load(&self.receipt)?;
        let mut table = facts(&receipt);
        table.row("verified", "no: schleuse receipt verify");
        Ok(Output::new(table.text(), object(&receipt, false)))
    }
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The receipt, as `schleuse send --receipt` keeps it.
    receipt: PathBuf,
    /// The ticket under which the content was sent: a file, '-' for standard input, or the ticket itself.
    #[arg(long)]
    ticket: TicketSource,
    #[command(flatten)]
    trust: Trust,
    /// The content, to compare its hash.
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
}

impl Verify {
    fn run(self) -> Result<Output, AppError> {
        let receipt = load(&self.receipt)?;
        let ticket = self.ticket.read()?;
        let directory = self.trust.load(receipt.stored_at())?;
        verify_receipt(&receipt, &ticket, &directory)
            .map_err(|error| AppError::new(exit::FAILURE, format_args!("{}: {error}", self.receipt.display())))?;
        let mut table = facts(&receipt);
        match &self.content {
            None => table.row("content", "not compared (--content)"),
            Some(path) => {
                compare((receipt.content_hash(), receipt.length()), path)?;
                table.row("content", format!("is {}", shown(path)))
            }
        };
        table.row("verified", format!("yes: signed by {}", receipt.office()));
        let mut json = object(&receipt, true);
        json["content_compared"] = Value::Bool(self.content.is_some());
        Ok(Output::new(table.text(), json))
    }
}

fn load(path: &Path) -> Result<Receipt, AppError> {
    let text = files::read_text(path)?;
    Receipt::from_json(&text).map_err(|error| AppError::new(exit::FAILURE, format_args!("{}: {error}", path.display())))
}

fn compare((expected, expected_length): (ContentHash, u64), path: &Path) -> Result<(), AppError> {
    let (hash, length) = hash_file(path)?;
    if (hash, length) != (expected, expected_length) {
        let message = format!(
            "{}: is not the content of the receipt: {length} bytes with SHA-256 {hash}, the receipt is for \
             {expected_length} bytes with SHA-256 {expected}",
            path.display(),
        );
        return Err(AppError::new(exit::FAILURE, message));
    }
    Ok(())
}

/// SHA-256 and length of a file of any size.
fn hash_file(path: &Path) -> Result<(ContentHash, u64), FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok((ContentHash(hasher.finalize().into()), length)),
            read => {
                hasher.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

fn facts(receipt: &Receipt) -> Table {
    let mut table = Table::default();
    table.row("office", receipt.office()).row("ticket", receipt.ticket()).row("kind", receipt.kind());
    table.row("sender", receipt.sender().map_or("anonymous".to_owned(), |sender| sender.to_string()));
    table.row("length", format!("{} bytes", receipt.length())).row("SHA-256", receipt.content_hash());
    table.row("stored", moment(receipt.stored_at()));
    table
}

pub(super) fn object(receipt: &Receipt, verified: bool) -> Value {
    json!({
        "office": receipt.office().as_str(),
        "ticket": receipt.ticket().to_string(),
        "kind": receipt.kind().as_str(),
        "sender": receipt.sender().map(|sender| sender.to_string()),
        "length": receipt.length(),
        "sha256": receipt.content_hash().to_string(),
        "stored_at": moment(receipt.stored_at()),
        "verified": verified,
    })
}
