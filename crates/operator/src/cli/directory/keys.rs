//! `schleuse directory keys …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schleuse_directory::{Hex, RootKeys};
use schleuse_transport::exit::AppError;
use serde_json::json;

use super::super::output::{Output, Table, hex, shown};
use crate::directory_tool::{at, load_root_keys, new_root_key};
use crate::files::{self, Access};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Keys {
    /// Make one root key; keep its file offline.
    New(New),
    /// Write the file of root keys that everybody pins.
    Pin(Pin),
    /// Show a file of pinned root keys.
    Show(Show),
}

impl Keys {
    pub(super) fn run(self) -> Result<Output, AppError> {
        match self {
            Self::New(command) => command.run(),
            Self::Pin(command) => command.run(),
            Self::Show(command) => command.run(),
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// File for the private key; an existing one is not overwritten.
    file: PathBuf,
}

impl New {
    fn run(self) -> Result<Output, AppError> {
        let public = hex(&new_root_key(&self.file)?.public());
        let mut table = Table::default();
        table.row("private key", shown(&self.file)).row("public key", &public);
        Ok(Output::new(table.text(), json!({ "file": shown(&self.file), "public_key": public })))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Pin {
    /// The file to write; an existing one is not overwritten.
    file: PathBuf,
    /// How many of the keys must have signed.
    #[arg(long)]
    threshold: usize,
    /// Public keys, 64 hexadecimal digits each, as `keys new` prints them.
    #[arg(required = true)]
    public_key: Vec<Hex<32>>,
}

impl Pin {
    fn run(self) -> Result<Output, AppError> {
        let keys = self.public_key.iter().map(|key| key.0).collect();
        let roots = RootKeys::new(self.threshold, keys).map_err(at(&self.file))?;
        let text = roots.to_toml().map_err(at(&self.file))?;
        files::write_new(&self.file, text.as_bytes(), Access::Public)?;
        Ok(report(&self.file, &roots))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The file of pinned root keys.
    file: PathBuf,
}

impl Show {
    fn run(self) -> Result<Output, AppError> {
        Ok(report(&self.file, &load_root_keys(&self.file)?))
    }
}

fn report(file: &std::path::Path, roots: &RootKeys) -> Output {
    let keys: Vec<String> = roots.keys().iter().map(|key| hex(&key.0)).collect();
    let mut table = Table::default();
    table.row("file", shown(file)).row("needed", format!("{} of {}", roots.threshold(), keys.len()));
    keys.iter().fold(&mut table, |table, key| table.row("key", key));
    Output::new(table.text(), json!({ "file": shown(file), "threshold": roots.threshold(), "keys": keys }))
}
