//! `schleuse send`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use schleuse_client::{
    BuildError, CancellationToken, Client, Content, ContentError, JournalError, Language, Receipt, Roots, SendError,
    VerifiedDirectory,
};
use schleuse_directory::Hex;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_seal::keys::SigningKey;
use schleuse_transport::exit::{self, AppError};
use serde_json::Value;

use super::output::{Output, TRY_LATER, now, shown};
use super::ticket::TicketSource;
use super::trust::Trust;
use super::{payload, receipt};
use crate::directory_tool::load_signing_key;
use crate::files::{self, Access, FileError};
use crate::pki::MemberKeys;

#[derive(Debug, Args)]
pub(super) struct Send {
    /// The file to send.
    file: PathBuf,
    /// The ticket: a file, '-' for standard input, or the ticket itself (then others on this machine can see it).
    #[arg(long)]
    ticket: TicketSource,
    #[command(flatten)]
    trust: Trust,
    /// The CA of the proxies.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Sign as the member whose signing key is in this folder (or file); without it, send anonymously.
    #[arg(long, value_name = "FOLDER")]
    identity: Option<PathBuf>,
    /// What the content is, e.g. guest-list; not needed if the ticket says it.
    #[arg(long)]
    kind: Option<PayloadKind>,
    /// Where to keep the receipt; an existing file is not overwritten.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Keep in this file what is needed to go on after this program was ended: the same command then sends only what is
    /// missing. It holds keys, is made readable for you alone, and is deleted with the receipt.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Give up after so many seconds without progress.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Send the file without checking first whether the office will be able to read it.
    #[arg(long)]
    no_check: bool,
    /// Language of the office's answers.
    #[arg(long, value_enum, default_value = "de")]
    language: LanguageArg,
}

/// The languages, as arguments.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanguageArg {
    De,
    En,
}

impl Send {
    pub(super) fn run(self) -> Result<Output, AppError> {
        // A receipt that cannot be kept is found out before, not after, the content is gone.
        files::refuse_existing(self.receipt.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| AppError::new(exit::FAILURE, format_args!("cannot start: {error}")))?;
        runtime.block_on(self.deliver())
    }

    async fn deliver(self) -> Result<Output, AppError> {
        let directory = self.trust.load(now())?;
        let client = client(directory, &self.ca, self.identity.as_deref(), self.language)?;
        let ticket = self.ticket.read()?;
        if !self.no_check {
            check(&self.file, self.kind, &ticket, self.language)?;
        }
        let content = Content::file(&self.file).map_err(|error| AppError::new(exit::IO, error))?;
        let bar = progress_bar(content.length());
        let shown_bar = bar.clone();
        let sending = client
            .send(&ticket, content)
            .on_progress(move |progress| shown_bar.set_position(progress.stored))
            .patience(Duration::from_secs(self.patience))
            .cancel(on_interrupt());
        let sending = match self.kind {
            Some(kind) => sending.kind(kind.as_str()),
            None => sending,
        };
        let sending = match &self.journal {
            Some(path) => sending.journal(path),
            None => sending,
        };
        let result = sending.await;
        bar.finish_and_clear();
        client.close().await;
        report(&result.map_err(|error| failed(&error))?, self.receipt.as_deref())
    }
}

/// What the office could not read is found out before a ticket is used for it.
fn check(file: &Path, kind: Option<PayloadKind>, ticket: &Ticket, language: LanguageArg) -> Result<(), AppError> {
    let purpose = ticket.body().purpose.as_ref();
    let kind = kind.or_else(|| purpose.and_then(|purpose| purpose.kind));
    let period = purpose.and_then(|purpose| purpose.period);
    let requested = period.map(|(from, to)| schleuse_payload::Period { from: from.0, to: to.0 });
    let language = match language {
        LanguageArg::De => schleuse_payload::Language::De,
        LanguageArg::En => schleuse_payload::Language::En,
    };
    let expect = schleuse_payload::Expectations { now: Some(now().0), requested };
    payload::before_sending(file, kind.as_ref().map(PayloadKind::as_str), &expect, language)
}

fn client(
    directory: VerifiedDirectory,
    ca: &Path,
    identity: Option<&Path>,
    language: LanguageArg,
) -> Result<Client, AppError> {
    let identity = identity.map(|path| member_of(&directory, path)).transpose()?;
    let mut builder = Client::builder(directory).roots(Roots::load(ca)?).language(match language {
        LanguageArg::De => Language::German,
        LanguageArg::En => Language::English,
    });
    if let Some((member, key)) = identity {
        builder = builder.identity(member, key);
    }
    builder.build().map_err(|error: BuildError| AppError::new(exit::CONFIG, error))
}

/// The member whose signing key this is: the directory knows.
fn member_of(directory: &VerifiedDirectory, path: &Path) -> Result<(MemberId, SigningKey), AppError> {
    let file = if path.is_dir() { path.join(MemberKeys::SIGNING_KEY_FILE) } else { path.to_owned() };
    let key = load_signing_key(&file)?;
    let public = Hex(key.public());
    match directory.members().find(|member| member.signing_key == Some(public)) {
        Some(member) => Ok((member.id, key)),
        None => {
            let message = format!("{}: the directory has no member with this signing key ({public})", file.display());
            Err(AppError::new(exit::CONFIG, message))
        }
    }
}

/// A bar on standard error, if that is a terminal.
fn progress_bar(length: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{bar:40} {percent}% {bytes} of {total_bytes} stored, {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} stored, {elapsed}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Ctrl-C ends the sending in an orderly way: the proxies are told, and the message says what that means.
fn on_interrupt() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
    token
}

fn failed(error: &SendError) -> AppError {
    let code = match error {
        SendError::Content(ContentError::Read(_)) | SendError::Journal(JournalError::Io { .. }) => exit::IO,
        SendError::Journal(JournalError::OpenToOthers { .. }) => exit::NO_PERMISSION,
        error if error.may_retry() => TRY_LATER,
        _ => exit::FAILURE,
    };
    AppError::new(code, error)
}

fn report(receipt: &Receipt, path: Option<&Path>) -> Result<Output, AppError> {
    let mut text = receipt.to_string();
    let mut json = receipt::object(receipt, true);
    json["receipt"] = serde_json::from_str(&receipt.to_json()).unwrap_or(Value::Null);
    if let Some(path) = path {
        files::write_new(path, receipt.to_json().as_bytes(), Access::Public).map_err(not_kept)?;
        text.push_str(&format!("\nreceipt kept in {}", shown(path)));
        json["file"] = shown(path).into();
    }
    Ok(Output::new(text, json))
}

fn not_kept(error: FileError) -> AppError {
    let delivered = "the office has the content, but its receipt was not kept; the same command gets it again";
    AppError::from(error).context(delivered)
}
