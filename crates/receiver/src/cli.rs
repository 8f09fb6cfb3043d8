//! The command line: `run` is the daemon, everything else talks to it over its Unix socket.

mod args;
mod client;
mod setup;
mod show;
mod staff;

use std::ffi::OsString;

use clap::Parser as _;
use schleuse_protocol::wire::hello::Language;
use schleuse_protocol::wire::ticket::text::without_tickets;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::runtime;

use crate::texts::language_from_env;
use args::{Args, Command, Lang};

/// How the commands talk to a person or a program.
#[derive(Clone, Copy)]
struct Voice {
    language: Language,
    json: bool,
}

/// The whole program but the exit code. clap ends the process itself for `--help` and wrong usage.
///
/// # Errors
/// What failed, where, and what to do.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), AppError> {
    let args = Args::try_parse_from(arguments).unwrap_or_else(|error| refuse(&error));
    let language = match args.lang {
        Some(Lang::De) => Language::German,
        Some(Lang::En) => Language::English,
        None => language_from_env(),
    };
    let voice = Voice { language, json: args.json };
    let runtime =
        runtime::current_thread().map_err(|error| AppError::new(exit::FAILURE, format!("cannot start: {error}")))?;
    runtime.block_on(async {
        match args.command {
            Command::Run(place) => setup::run(&place).await,
            Command::Init(place) => setup::init(&place, voice).await,
            Command::Check(place) => setup::check(&place, voice),
            Command::Mint(mint) => staff::mint(mint, voice).await,
            Command::Inbox(inbox) => staff::inbox(inbox, voice).await,
            Command::Read(read) => staff::read(read, voice).await,
            Command::Prove(prove) => staff::prove(prove, voice).await,
            Command::Delete(delete) => staff::delete(delete, voice).await,
            Command::Status(place) => staff::status(&place, voice).await,
        }
    })
}

/// Ends the process with clap's help or error. clap repeats what was typed, and that can be a ticket in the wrong place.
fn refuse(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    eprint!("{}", without_tickets(&error.render().to_string()));
    std::process::exit(error.exit_code());
}
