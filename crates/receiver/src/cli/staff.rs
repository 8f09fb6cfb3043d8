//! Commands of the staff: mint, inbox, read, prove, delete, status.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use schleuse_payload::{Limits, parse};
use schleuse_transport::exit::{self, AppError};
use serde::Serialize;
use serde_json::json;

use super::Voice;
use super::args::{Delete, Inbox, Mint, Place, Prove, Read};
use super::client::Client;
use super::show;
use crate::api::model::{DeletedView, MintBody, MintedView, PageView, SubmissionView};
use crate::inbox::Status;
use crate::store::parse_ticket_id;
use crate::texts::Text;

pub(super) async fn mint(args: Mint, voice: Voice) -> Result<(), AppError> {
    let body = MintBody {
        count: Some(args.count.into()),
        suite: Some(args.suite),
        valid_seconds: args.hours.map(|hours| hours.saturating_mul(3600)),
        kind: args.kind,
        sender: args.sender,
        reference: args.reference,
        from: args.from,
        to: args.to,
        text: args.text,
        max_bytes: args.max_bytes,
    };
    let minted: MintedView = Client::at(&args.place)?.post("/v1/tickets", &body).await?;
    if voice.json {
        return print_json(&minted);
    }
    match minted.tickets.as_slice() {
        [one] => eprintln!("{}", Text::Ticket.fill(voice.language, &[&one.id, &one.not_after])),
        [first, ..] => {
            let count = minted.tickets.len().to_string();
            eprintln!("{}", Text::Tickets.fill(voice.language, &[&count, &first.not_after]));
        }
        [] => {}
    }
    // The tickets alone on standard output, so that they can be piped.
    print(&minted.tickets.iter().map(|ticket| format!("{}\n", ticket.ticket)).collect::<String>())
}

pub(super) async fn inbox(args: Inbox, voice: Voice) -> Result<(), AppError> {
    let mut path = format!("/v1/inbox?limit={}", args.limit);
    if let Some(after) = &args.after {
        if !after.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(AppError::new(exit::USAGE, "--after takes what an earlier page named"));
        }
        path.push_str("&after=");
        path.push_str(after);
    }
    let page: PageView = Client::at(&args.place)?.get(&path).await?;
    if voice.json { print_json(&page) } else { print(&show::inbox(&page, voice.language)) }
}

pub(super) async fn read(args: Read, voice: Voice) -> Result<(), AppError> {
    let path = submission_path(&args.id)?;
    let client = Client::at(&args.place)?;
    if voice.json && args.output.is_none() {
        return print_json(&client.get::<SubmissionView>(&path).await?);
    }
    let on_screen = args.output.is_none() && std::io::stdout().is_terminal();
    if on_screen {
        return show_on_screen(&client, &path, voice).await;
    }
    let content = client.stream(&format!("{path}/content")).await?;
    match &args.output {
        None => {
            copy(&client, content, &mut std::io::stdout().lock(), Path::new("stdout")).await?;
        }
        Some(output) => {
            let bytes = save(&client, content, output).await?;
            let name = output.display().to_string();
            if voice.json {
                return print_json(&json!({ "id": args.id, "output": name, "bytes": bytes }));
            }
            eprintln!("{}", Text::WrittenTo.fill(voice.language, &[&bytes.to_string(), &name]));
        }
    }
    Ok(())
}

pub(super) async fn prove(args: Prove, voice: Voice) -> Result<(), AppError> {
    let client = Client::at(&args.place)?;
    let proof = client.stream(&format!("{}/proof", submission_path(&args.id)?)).await?;
    let bytes = save(&client, proof, &args.output).await?;
    let name = args.output.display().to_string();
    if voice.json {
        return print_json(&json!({ "id": args.id, "output": name, "bytes": bytes }));
    }
    eprintln!("{}", Text::WrittenTo.fill(voice.language, &[&bytes.to_string(), &name]));
    Ok(())
}

/// A stranger's bytes on a terminal could control it: only the escaped rendering of a known format is shown.
async fn show_on_screen(client: &Client, path: &str, voice: Voice) -> Result<(), AppError> {
    let submission: SubmissionView = client.get(path).await?;
    print(&show::submission(&submission, voice.language))?;
    let limits = Limits::default();
    let unreadable = || AppError::new(exit::FAILURE, Text::OnlyToFile.get(voice.language));
    if submission.bytes > limits.max_bytes {
        return Err(unreadable());
    }
    let content = client.stream(&format!("{path}/content")).await?;
    let bytes = content.collect().await.map_err(|error| client.broken(&error))?.to_bytes();
    let parsed = parse(&submission.kind, &bytes, &limits).map_err(|_| unreadable())?;
    print(&schleuse_payload::export::plain::render(&parsed))
}

pub(super) async fn delete(args: Delete, voice: Voice) -> Result<(), AppError> {
    let deleted: DeletedView = Client::at(&args.place)?.delete(&submission_path(&args.id)?).await?;
    if voice.json {
        return print_json(&deleted);
    }
    print(&format!("{}\n", Text::Deleted.fill(voice.language, &[&deleted.deleted])))
}

pub(super) async fn status(place: &Place, voice: Voice) -> Result<(), AppError> {
    let status: Status = Client::at(place)?.get("/v1/status").await?;
    if voice.json { print_json(&status) } else { print(&show::status(&status, voice.language)) }
}

fn submission_path(id: &str) -> Result<String, AppError> {
    match parse_ticket_id(id) {
        Some(id) => Ok(format!("/v1/submissions/{id}")),
        None => Err(AppError::new(
            exit::USAGE,
            format!("'{}' is no submission's number: it has 32 digits from 0 to f, see 'inbox'", id.escape_debug()),
        )),
    }
}

/// Into a new file that only this user may read; an unfinished one does not stay.
async fn save(client: &Client, content: Incoming, output: &Path) -> Result<u64, AppError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(0o600).open(output).map_err(|error| write_error(output, &error))?;
    let copied = copy(client, content, &mut file, output).await;
    let synced =
        copied.and_then(|bytes| File::sync_all(&file).map(|()| bytes).map_err(|error| write_error(output, &error)));
    if synced.is_err() {
        let _ = std::fs::remove_file(output);
    }
    synced
}

async fn copy(
    client: &Client,
    mut content: Incoming,
    to: &mut impl std::io::Write,
    name: &Path,
) -> Result<u64, AppError> {
    let mut bytes = 0;
    while let Some(frame) = content.frame().await {
        let frame = frame.map_err(|error| client.broken(&error))?;
        if let Some(data) = frame.data_ref() {
            to.write_all(data).map_err(|error| write_error(name, &error))?;
            bytes += data.len() as u64;
        }
    }
    to.flush().map_err(|error| write_error(name, &error))?;
    Ok(bytes)
}

fn write_error(path: &Path, error: &std::io::Error) -> AppError {
    let code = if error.kind() == std::io::ErrorKind::PermissionDenied { exit::NO_PERMISSION } else { exit::IO };
    AppError::new(code, format!("cannot write {}: {error}", path.display()))
}

fn print_json(value: &impl Serialize) -> Result<(), AppError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| AppError::new(exit::FAILURE, error))?;
    print(&format!("{text}\n"))
}

/// `println!` would panic when the reader of a pipe is gone.
fn print(text: &str) -> Result<(), AppError> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| write_error(Path::new("stdout"), &error))
}
