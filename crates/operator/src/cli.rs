//! The command line: raw arguments, one file per command, one table that dispatches.

mod check;
mod completions;
mod directory;
mod output;
mod pki;
mod receipt;
mod send;
mod ticket;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use schleuse_transport::exit::AppError;

use output::Output;

/// The operators' tools of Schleuse; without a command, a demo network on this machine.
///
/// A vendor sends a list to an office, sealed end to end, through two proxies of which none sees both ends.
#[derive(Debug, Parser)]
#[command(name = "schleuse", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Prints one JSON object on standard output, for scripts.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 failed, final · 2 wrong usage · 69 unavailable · 74 file or disk · 75 try again later with the same
ticket · 77 no permission, or a key file that others can read · 78 a configuration, key or directory file is wrong";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make and show keys and certificates of a small network.
    #[command(subcommand)]
    Pki(pki::Pki),
    /// Edit, sign, show and verify the directory of members.
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// Show a ticket, or write it as URI, link or QR code.
    #[command(subcommand)]
    Ticket(ticket::TicketCommand),
    /// Send a file with a ticket and keep the receipt.
    Send(send::Send),
    /// Show or verify a receipt, without a network.
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Check the configuration file of a daemon, as the daemon would when it starts.
    Check(check::Check),
    /// Print the completion script of a shell.
    Completions(completions::Completions),
}

impl Command {
    fn run(self) -> Result<Output, AppError> {
        match self {
            Self::Pki(command) => command.run(),
            Self::Directory(command) => command.run(),
            Self::Ticket(command) => command.run(),
            Self::Send(command) => command.run(),
            Self::Receipt(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    output::finish(command.run(), json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
