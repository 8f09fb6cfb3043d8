//! `schleuse pki …`

mod issue;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schleuse_transport::exit::AppError;
use serde_json::json;

use super::output::{Output, now, shown};
use crate::pki::{Authority, Validity, write_example};

/// Longest validity that is accepted: a hundred years.
const MAX_DAYS: i64 = 36_500;

#[derive(Debug, Subcommand)]
pub(super) enum Pki {
    /// Make the CA of a network: `ca.pem` for everybody, `ca.key` for you alone.
    Init(Init),
    /// Make the keys of a member, its certificate, and its entry for the directory.
    Issue(issue::Issue),
    /// Show a certificate, or the folder of a CA or member.
    Show(show::Show),
    /// Make an example network whose keys nobody must use; daemons refuse them outside demo mode.
    Example(Example),
}

impl Pki {
    pub(super) fn run(self) -> Result<Output, AppError> {
        match self {
            Self::Init(command) => command.run(),
            Self::Issue(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Example(command) => command.run(),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Folder for the CA; nothing in it is overwritten.
    folder: PathBuf,
    /// Name of the network, shown in certificates.
    #[arg(long, default_value = "Schleuse CA")]
    name: String,
    /// How long the CA is valid.
    #[arg(long, default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS))]
    days: u32,
}

impl Init {
    fn run(self) -> Result<Output, AppError> {
        let authority = Authority::new(&self.name, Validity::days(now(), self.days))?;
        authority.write(&self.folder)?;
        show::Show { path: self.folder }.run()
    }
}

#[derive(Debug, Args)]
pub(super) struct Example {
    /// Folder for the example; nothing in it is overwritten.
    folder: PathBuf,
}

impl Example {
    fn run(self) -> Result<Output, AppError> {
        write_example(&self.folder, now())?;
        let text =
            format!("An example network is in {}. Its private keys are for trying out only.", shown(&self.folder));
        Ok(Output::new(text, json!({ "folder": shown(&self.folder) })))
    }
}
