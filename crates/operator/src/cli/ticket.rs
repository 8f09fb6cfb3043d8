//! `schleuse ticket …`

mod convert;
mod show;
mod source;

use clap::Subcommand;
use schleuse_transport::exit::AppError;

use super::output::Output;

pub(super) use source::TicketSource;

#[derive(Debug, Subcommand)]
pub(super) enum TicketCommand {
    /// Show what a ticket says; its secret only when asked for.
    Show(show::Show),
    /// Write a ticket as URI, link or QR code.
    ///
    /// Pictures hold the ticket's secret, so their files are for their owner only (mode 0600), and none is overwritten.
    Convert(convert::Convert),
}

impl TicketCommand {
    pub(super) fn run(self) -> Result<Output, AppError> {
        match self {
            Self::Show(command) => command.run(),
            Self::Convert(command) => command.run(),
        }
    }
}
