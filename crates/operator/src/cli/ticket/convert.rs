//! `schleuse ticket convert`.

use std::path::PathBuf;

use clap::Args;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_transport::exit::{self, AppError};
use serde_json::{Map, Value, json};

use super::super::output::{Output, shown};
use super::TicketSource;
use crate::files::{self, Access};
use crate::qr::{self, QrError};

#[derive(Debug, Args)]
pub(in crate::cli) struct Convert {
    /// A file with the ticket, '-' for standard input, or the ticket itself.
    ticket: TicketSource,
    #[command(flatten)]
    forms: Forms,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Forms {
    /// The text that begins with SCHLEUSE:
    #[arg(long)]
    uri: bool,
    /// A link to this page; the ticket stands after '#', which browsers do not send.
    #[arg(long, value_name = "HTTPS-URL")]
    link: Option<String>,
    /// A QR code in the terminal.
    #[arg(long)]
    qr: bool,
    /// A QR code as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// A QR code as PNG.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
}

impl Convert {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let Forms { uri, link, qr, svg, png } = self.forms;
        let ticket = self.ticket.read()?;
        let (mut texts, mut object) = (Vec::new(), Map::new());
        if uri {
            object.insert("uri".to_owned(), ticket.to_uri().into());
            texts.push(ticket.to_uri());
        }
        if let Some(base) = link {
            let link = to_link(&ticket, &base)?;
            object.insert("link".to_owned(), link.clone().into());
            texts.push(link);
        }
        if qr || svg.is_some() || png.is_some() {
            files::refuse_existing(svg.iter().chain(&png).map(PathBuf::as_path))?;
            let code = qr::encode(&ticket).map_err(failed)?;
            object.insert("qr_version".to_owned(), qr::version(&code).into());
            if qr {
                object.insert("qr".to_owned(), qr::terminal(&code).into());
                texts.push(qr::terminal(&code));
            }
            if let Some(path) = svg {
                write(&path, qr::to_svg(&code).as_bytes(), "svg", &mut texts, &mut object)?;
            }
            if let Some(path) = png {
                write(&path, &qr::to_png(&code).map_err(failed)?, "png", &mut texts, &mut object)?;
            }
            if qr::version(&code) > qr::EASY_VERSION {
                object.insert("hard_to_read".to_owned(), json!(true));
                eprintln!("note: this QR code is large, and some phones will not read it; a link may be better");
            }
        }
        Ok(Output::new(texts.join("\n"), Value::Object(object)))
    }
}

/// The link must keep the ticket out of what browsers send and what servers log.
fn to_link(ticket: &Ticket, base: &str) -> Result<String, AppError> {
    if !base.starts_with("https://") || base.len() <= "https://".len() || base.contains(['#', ' ']) {
        let message = format!("'{}' cannot carry a ticket: use an https:// address without '#'", base.escape_debug());
        return Err(AppError::new(exit::USAGE, message));
    }
    Ok(ticket.to_link(base))
}

fn write(
    path: &std::path::Path,
    bytes: &[u8],
    form: &str,
    texts: &mut Vec<String>,
    object: &mut Map<String, Value>,
) -> Result<(), AppError> {
    files::write_new(path, bytes, Access::Secret)?;
    object.insert(form.to_owned(), shown(path).into());
    texts.push(format!("wrote {}", shown(path)));
    Ok(())
}

fn failed(error: QrError) -> AppError {
    AppError::new(exit::FAILURE, error)
}
