//! Where a ticket comes from: a file, standard input, or the argument itself.

use std::convert::Infallible;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schleuse_protocol::limits::MAX_TICKET;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_protocol::wire::ticket::text::may_be_ticket;
use schleuse_transport::exit::{self, AppError};

use crate::files;

/// The largest ticket in Base32, and a mail around it.
const MAX_TEXT: u64 = 16 * MAX_TICKET as u64;

/// `FILE`, `-` or the ticket's text.
#[derive(Clone, Debug)]
pub(in crate::cli) enum TicketSource {
    /// Standard input.
    Stdin,
    /// The URI or link itself.
    Text(String),
    /// A file with the URI or link.
    File(PathBuf),
}

impl FromStr for TicketSource {
    type Err = Infallible;

    /// What could be a ticket is one, however damaged, and is never looked for as a file: an error would name it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let begins_with = |scheme: &str| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
        Ok(match text {
            "-" => Self::Stdin,
            _ if begins_with(Ticket::SCHEME) || begins_with("https://") => Self::Text(text.to_owned()),
            _ if may_be_ticket(text) && !Path::new(text).is_file() => Self::Text(text.to_owned()),
            _ => Self::File(text.into()),
        })
    }
}

impl TicketSource {
    /// Reads and parses it; its signature is not verified.
    pub(in crate::cli) fn read(self) -> Result<Ticket, AppError> {
        let (place, text) = match self {
            Self::Text(text) => ("the ticket".to_owned(), text),
            Self::Stdin => ("standard input".to_owned(), stdin()?),
            Self::File(path) => (path.display().to_string(), files::read_text(&path)?),
        };
        text.parse().map_err(|error| AppError::new(exit::FAILURE, format_args!("{place}: {error}")))
    }
}

fn stdin() -> Result<String, AppError> {
    let mut text = String::new();
    let read = io::stdin().take(MAX_TEXT).read_to_string(&mut text);
    read.map_err(|error| AppError::new(exit::IO, format_args!("cannot read standard input: {error}")))?;
    Ok(text)
}
