//! What a command gives back, and how the process ends.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::ticket::text::without_tickets;
use schleuse_transport::clock::Clock;
use schleuse_transport::exit::{self, AppError};
use serde_json::{Value, json};

/// Try again later with the same ticket (sysexits: EX_TEMPFAIL).
pub(super) const TRY_LATER: u8 = 75;

/// The result of a command, for people and for programs.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) text: String,
    pub(super) json: Value,
    /// Not 0 if the command did its work and found something wrong.
    pub(super) code: u8,
}

impl Output {
    pub(super) fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, code: 0 }
    }
}

/// Prints the result or the error.
pub(super) fn finish(result: Result<Output, AppError>, as_json: bool) -> ExitCode {
    let (text, code) = match result {
        Ok(output) => {
            let text = if as_json { format!("{}\n", output.json) } else { with_line_end(output.text) };
            // What was found wrong names what was typed, and that can be a ticket in the wrong place.
            (if output.code == 0 { text } else { without_tickets(&text).into_owned() }, output.code)
        }
        Err(error) => {
            eprintln!("error: {error}");
            let object =
                json!({ "error": error.to_string(), "code": error.code(), "retry": error.code() == TRY_LATER });
            (if as_json { format!("{object}\n") } else { String::new() }, error.code())
        }
    };
    // A reader that closes the pipe early, such as head, is no failure.
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to standard output: {error}");
            ExitCode::from(exit::IO)
        }
        _ => ExitCode::from(code),
    }
}

fn with_line_end(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// The demo's errors, with the code of the cause if it has one.
pub(super) fn from_anyhow(error: &anyhow::Error) -> AppError {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<AppError>()).map_or(exit::FAILURE, AppError::code);
    AppError::new(code, format_args!("{error:#}"))
}

/// Lines of `name: value`, the values in one column.
#[derive(Default)]
pub(super) struct Table(Vec<(String, String)>);

impl Table {
    pub(super) fn row(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn text(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.0 {
            let _ = writeln!(text, "{name:width$}  {value}");
        }
        text
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// RFC 3339, in UTC.
pub(super) fn moment(time: UnixSeconds) -> String {
    let timestamp = i64::try_from(time.0).ok().and_then(|second| Timestamp::from_second(second).ok());
    timestamp.map_or_else(|| format!("second {} after 1970", time.0), |timestamp| timestamp.to_string())
}

/// For clap: a time as [`moment`] writes it.
pub(super) fn parse_moment(text: &str) -> Result<UnixSeconds, String> {
    let second = text.parse::<Timestamp>().ok().and_then(|timestamp| u64::try_from(timestamp.as_second()).ok());
    second.map(UnixSeconds).ok_or_else(|| "write a time like 2027-01-31T12:00:00Z".to_owned())
}

pub(super) fn now() -> UnixSeconds {
    Clock::start().unix()
}

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
