//! `schleuse ticket show`.

use std::path::PathBuf;

use clap::Args;
use schleuse_protocol::limits::EPOCH;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::ticket::{Purpose, Route, Suite, Ticket, TicketBody};
use schleuse_transport::exit::{self, AppError};
use serde_json::{Value, json};

use super::super::output::{Output, Table, hex, moment, now};
use super::TicketSource;
use crate::directory_tool::load_verified;

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// A file with the ticket, '-' for standard input, or the ticket itself.
    ticket: TicketSource,
    /// Verify its signature with this signed directory.
    #[arg(long, value_name = "FILE", requires = "root_keys")]
    directory: Option<PathBuf>,
    /// The root keys that must have signed the directory.
    #[arg(long, value_name = "FILE", requires = "directory")]
    root_keys: Option<PathBuf>,
    /// Show the secret, too. Whoever has it can send.
    #[arg(long)]
    secret: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let ticket = self.ticket.read()?;
        let verified = match (&self.directory, &self.root_keys) {
            (Some(directory), Some(roots)) => {
                verify(&ticket, &load_verified(directory, roots, now())?)?;
                true
            }
            _ => false,
        };
        let state = state(ticket.body(), now());
        let secret = self.secret.then(|| hex(&ticket.body().secret.0));
        let text = table(&ticket, state, verified, secret.as_deref()).text();
        Ok(Output::new(text, object(&ticket, state, verified, secret)))
    }
}

fn verify(ticket: &Ticket, directory: &schleuse_directory::VerifiedDirectory) -> Result<(), AppError> {
    let office = ticket.body().office;
    let key = directory.member(&office).and_then(|member| member.signing_key).ok_or_else(|| {
        AppError::new(exit::FAILURE, format_args!("the ticket's office '{office}' is not in the directory"))
    })?;
    schleuse_seal::verify_ticket(ticket, &key.0).map(|_| ()).map_err(|_| {
        AppError::new(exit::FAILURE, format_args!("the ticket's signature is not that of '{office}': do not use it"))
    })
}

fn state(body: &TicketBody, now: UnixSeconds) -> &'static str {
    if now < body.not_before {
        "not valid yet"
    } else if now > body.not_after {
        "expired"
    } else {
        "valid, unless it was used or revoked"
    }
}

fn table(ticket: &Ticket, state: &str, verified: bool, secret: Option<&str>) -> Table {
    let body = ticket.body();
    let mut table = Table::default();
    table.row("office", body.office).row("ticket", body.id).row("state", state);
    table.row("from", moment(body.not_before)).row("until", moment(body.not_after));
    table.row("suite", suite(body).1);
    for route in &body.routes {
        let text = format!("through {}, its token ends before {}", route.inner, moment(token_end(route)));
        table.row("route", text);
    }
    match &body.purpose {
        None => table.row("purpose", "none: any content that the office takes"),
        Some(purpose) => purpose_rows(&mut table, purpose),
    };
    table.row("signature", if verified { "is the office's" } else { "not verified (--directory, --root-keys)" });
    table.row("size", format!("{} bytes, {} characters as URI", ticket.as_bytes().len(), ticket.to_uri().len()));
    if let Some(secret) = secret {
        table.row("secret", secret);
    }
    table
}

/// Texts of a purpose come from a stranger until the signature is verified: nothing in them may move the cursor.
fn purpose_rows<'a>(table: &'a mut Table, purpose: &Purpose) -> &'a mut Table {
    let Purpose { kind, sender, reference, period, text } = purpose;
    let rows = [
        ("asks for", kind.map(|kind| kind.to_string())),
        ("only from", sender.map(|sender| sender.to_string())),
        ("reference", reference.as_deref().map(printable)),
        ("period", period.map(|(first, last)| format!("{} to {}", moment(first), moment(last)))),
        ("text", text.as_deref().map(printable)),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            table.row(name, value);
        }
    }
    table
}

fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn object(ticket: &Ticket, state: &str, verified: bool, secret: Option<String>) -> Value {
    let body = ticket.body();
    let routes = body.routes.iter().map(|route| {
        json!({
            "inner": route.inner.as_str(),
            "epoch": route.token.epoch.0,
            "ends_before": moment(token_end(route)),
            "nonce": route.token.nonce.to_string(),
        })
    });
    let mut object = json!({
        "version": body.version,
        "suite": suite(body).0,
        "office": body.office.as_str(),
        "ticket": body.id.to_string(),
        "not_before": moment(body.not_before),
        "not_after": moment(body.not_after),
        "state": state,
        "routes": routes.collect::<Vec<_>>(),
        "purpose": body.purpose.as_ref().map(purpose_object),
        "signature_verified": verified,
        "bytes": ticket.as_bytes().len(),
    });
    if let Some(secret) = secret {
        object["secret"] = Value::String(secret);
    }
    object
}

fn purpose_object(purpose: &Purpose) -> Value {
    json!({
        "kind": purpose.kind.as_ref().map(ToString::to_string),
        "sender": purpose.sender.as_ref().map(ToString::to_string),
        "reference": purpose.reference,
        "period": purpose.period.map(|(first, last)| [moment(first), moment(last)]),
        "text": purpose.text,
    })
}

fn suite(body: &TicketBody) -> (u8, &'static str) {
    match body.key.suite() {
        Suite::X25519 => (1, "1: X25519"),
        Suite::XWing => (2, "2: X-Wing (X25519 and ML-KEM-768)"),
    }
}

/// The last moment at which the keys of the token's epoch are known to anybody.
fn token_end(route: &Route) -> UnixSeconds {
    UnixSeconds((u64::from(route.token.epoch.0) + 1) * EPOCH.as_secs())
}
