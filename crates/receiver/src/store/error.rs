//! Why the store did not do something.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a command or a query had no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened or brought up to date.
    #[error("cannot open the database {}: {reason}: check that its folder exists and that this user may write there", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        reason: Arc<str>,
    },
    /// The engine failed: disk full, input/output error. Nothing of the command is stored; it can be sent again.
    #[error("the store cannot do this just now: {0}")]
    Unavailable(Arc<str>),
    /// The daemon stops.
    #[error("the store is closed")]
    Stopped,
    /// A row does not have the form that this program writes.
    #[error("the database holds a damaged record ({0}): restore it from a backup")]
    Damaged(Arc<str>),
    /// The command does not fit what is stored. Nothing changed.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Why a command does not fit what is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such ticket, or it has ended, or its submission was deleted.
    #[error("the ticket is unknown or has ended")]
    Gone,
    /// The ticket's submission is complete.
    #[error("the ticket was used")]
    Complete,
    /// Another attempt is under way.
    #[error("attempt {attempt} is under way")]
    Superseded {
        /// Which one.
        attempt: u64,
    },
    /// A segment was left out.
    #[error("segment {next} comes next")]
    OutOfOrder {
        /// What is missing.
        next: u32,
    },
    /// A ticket with this id or a token with this nonce exists.
    #[error("a ticket with the same id or route exists")]
    Exists,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match is_damage(&error) {
            true => Self::Damaged(error.to_string().into()),
            false => Self::Unavailable(describe(&error).into()),
        }
    }
}

/// Whether the engine works and a value in a row does not have the form that this program writes.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..) | Error::IntegralValueOutOfRange(..)
    )
}

/// The engine's own words: `database or disk is full`, `disk I/O error`, …
pub(super) fn describe(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}
