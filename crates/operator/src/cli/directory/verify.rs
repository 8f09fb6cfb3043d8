//! `schleuse directory verify`.

use std::path::PathBuf;

use clap::Args;
use schleuse_directory::Directory;
use schleuse_protocol::time::UnixSeconds;
use schleuse_transport::exit::{self, AppError};
use serde_json::json;

use super::super::output::{Output, Table, moment, now, parse_moment, shown};
use crate::directory_tool::load_root_keys;
use crate::files;

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The signed directory.
    file: PathBuf,
    /// The pinned root keys.
    #[arg(long, value_name = "FILE")]
    root_keys: PathBuf,
    /// Refuse anything older than this version.
    #[arg(long, value_name = "N")]
    minimum_version: Option<u64>,
    /// Verify as of this time instead of now, e.g. 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    at: Option<UnixSeconds>,
}

impl Verify {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let roots = load_root_keys(&self.root_keys)?;
        let bytes = files::read(&self.file)?;
        let at = self.at.unwrap_or_else(now);
        let directory = Directory::verify(&bytes, &roots, at, self.minimum_version)
            .map_err(|error| AppError::new(exit::FAILURE, format_args!("{}: {error}", self.file.display())))?;
        let mut table = Table::default();
        table.row("valid", format!("yes, {} of {} root keys are needed", roots.threshold(), roots.keys().len()));
        table.row("version", directory.version()).row("expires", moment(directory.expires()));
        table.row("offices", directory.offices().count()).row("vendors", directory.vendors().count());
        table.row("outer proxies", directory.outers().count()).row("inner proxies", directory.inners().count());
        let json = json!({
            "file": shown(&self.file),
            "valid": true,
            "version": directory.version(),
            "issued": moment(directory.issued()),
            "expires": moment(directory.expires()),
            "offices": directory.offices().count(),
            "vendors": directory.vendors().count(),
            "outers": directory.outers().count(),
            "inners": directory.inners().count(),
        });
        Ok(Output::new(table.text(), json))
    }
}
