//! `schleuse directory …`

mod add;
mod keys;
mod show;
mod sign;
mod verify;

use clap::Subcommand;
use schleuse_transport::exit::AppError;

use super::output::Output;

/// How long a directory is valid unless said otherwise: long enough for a holiday, short enough to notice a frozen one.
const DEFAULT_DAYS: u32 = 90;
/// Longest validity that is accepted: a hundred years.
const MAX_DAYS: i64 = 36_500;

#[derive(Debug, Subcommand)]
pub(super) enum DirectoryCommand {
    /// Make the source, or add members and permissions to it; raises the version.
    ///
    /// Without members and permissions it only renews version and expiry. Comments in the source are lost; to keep them,
    /// edit the file by hand.
    Add(add::Add),
    /// Sign a source, or add a signature to a signed directory.
    ///
    /// The first signer signs the source; each further one adds a signature to the file that came out. Look at what you
    /// sign first: schleuse directory show FILE
    Sign(sign::Sign),
    /// Show a source or a signed directory, without verifying it.
    Show(show::Show),
    /// Verify a signed directory against pinned root keys.
    Verify(verify::Verify),
    /// Make root keys, and the file that pins them.
    #[command(subcommand)]
    Keys(keys::Keys),
}

impl DirectoryCommand {
    pub(super) fn run(self) -> Result<Output, AppError> {
        match self {
            Self::Add(command) => command.run(),
            Self::Sign(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Keys(command) => command.run(),
        }
    }
}
