//! The arguments by which a command knows whom to trust.

use std::path::PathBuf;

use clap::Args;
use schleuse_directory::VerifiedDirectory;
use schleuse_protocol::time::UnixSeconds;
use schleuse_transport::exit::AppError;

use crate::directory_tool::load_verified;

#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The signed directory.
    #[arg(long, value_name = "FILE")]
    directory: PathBuf,
    /// The root keys that must have signed the directory.
    #[arg(long, value_name = "FILE")]
    root_keys: PathBuf,
}

impl Trust {
    /// The directory as of `time`.
    pub(super) fn load(&self, time: UnixSeconds) -> Result<VerifiedDirectory, AppError> {
        load_verified(&self.directory, &self.root_keys, time)
    }
}
