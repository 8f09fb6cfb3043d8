//! The command line: raw arguments, one file per command, one table that dispatches.

mod check;
mod completions;
mod directory;
mod output;
mod payload;
mod pki;
mod receipt;
mod send;
mod ticket;
mod trust;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use schleuse_protocol::wire::ticket::text::without_tickets;
use schleuse_transport::exit::AppError;

use crate::demo;
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
    command: Option<Command>,

    #[command(flatten, next_help_heading = "Demo (without a command)")]
    demo: demo::DemoArgs,
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
    /// Check contents before they are sent, and show their formats.
    #[command(subcommand)]
    Payload(payload::PayloadCommand),
    /// Send a file with a ticket and keep the receipt.
    ///
    /// Ends with 0 only when the office has confirmed with a receipt. After exit code 75 the same command can be
    /// repeated: the same content under the same ticket is stored once.
    Send(send::Send),
    /// Show or verify a receipt, without a network.
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Check configuration files of daemons, as the daemons would when they start.
    ///
    /// Reads the files and everything that they name: keys and their modes, certificates, the directory. Tells what is
    /// wrong with each file; what shows only when a daemon's files are put together is told once each is in order. The
    /// exit code is that of the first finding.
    Check(check::Check),
    /// Print the completion script of a shell.
    ///
    /// For example: schleuse completions bash > /etc/bash_completion.d/schleuse
    Completions(completions::Completions),
}

impl Command {
    fn run(self) -> Result<Output, AppError> {
        match self {
            Self::Pki(command) => command.run(),
            Self::Directory(command) => command.run(),
            Self::Ticket(command) => command.run(),
            Self::Payload(command) => command.run(),
            Self::Send(command) => command.run(),
            Self::Receipt(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let matches = Cli::command().try_get_matches().unwrap_or_else(|error| refuse(&error));
    refuse_demo_options(&matches);
    let Cli { json, command, demo } = Cli::from_arg_matches(&matches).unwrap_or_else(|error| refuse(&error));
    match command {
        Some(command) => output::finish(command.run(), json),
        None => match demo::run(demo, json) {
            Ok(code) => code,
            Err(error) => output::finish(Err(output::from_anyhow(&error)), json),
        },
    }
}

/// Ends the process with clap's help or error. clap repeats what was typed, and that can be a ticket in the wrong place.
fn refuse(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    eprint!("{}", without_tickets(&error.render().to_string()));
    std::process::exit(error.exit_code());
}

/// clap's own `args_conflicts_with_subcommands` would refuse `--json`, too.
fn refuse_demo_options(matches: &ArgMatches) {
    let given = |id: &clap::Id| id != "json" && matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    if let (Some(command), Some(option)) = (matches.subcommand_name(), matches.ids().find(|id| given(id))) {
        let message = format!("--{option} belongs to the demo and cannot be used with '{command}'");
        refuse(&Cli::command().error(ErrorKind::ArgumentConflict, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
