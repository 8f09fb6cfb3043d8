//! Cutting the write-ahead log once keys were deleted, so that they are in no file: when it is tried, and whose answer
//! waits for it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Answers;
use crate::store::engine;
use crate::store::error::describe;

/// How long one try waits for readers; so long it holds up the commits of others.
const PATIENCE: Duration = Duration::from_millis(25);
/// From one try to the next: trying takes at most a tenth of the writer's time.
const AGAIN: Duration = Duration::from_millis(250);
/// How long statements wait for other programs: the `busy_timeout` of [`engine`].
const BUSY: Duration = Duration::from_secs(5);
/// Failed tries until the log of the daemon says so: what takes a reader a moment is not worth a line.
const NOTED: u32 = 20;

/// The answer to a job, and who waits for it.
pub(super) type Held = (oneshot::Sender<Answers>, Answers);

/// Whether and when the log is to be cut.
pub(super) struct Cut {
    /// When it is tried next; `None` if nothing was deleted since it was cut.
    due: Option<Instant>,
    failed: u32,
    held: Vec<Held>,
}

impl Cut {
    /// Due at once: whoever stopped before may have left deleted keys in the log.
    pub(super) fn new() -> Self {
        Self { due: Some(Instant::now()), failed: 0, held: Vec::new() }
    }

    /// Keys were deleted.
    pub(super) fn owe(&mut self) {
        self.due.get_or_insert_with(Instant::now);
    }

    /// Time until the next try; `None` if there is nothing to cut.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Keeps an answer back until the log is cut.
    pub(super) fn hold(&mut self, answer: Held) {
        self.held.push(answer);
    }

    /// Takes note of a try. Returns the answers that may be given now.
    pub(super) fn tried(&mut self, cut: &rusqlite::Result<bool>, database: &Path) -> Vec<Held> {
        if matches!(cut, Ok(true)) {
            if self.failed >= NOTED {
                tracing::info!("the database's log is cut: no file holds deleted keys any more");
            }
            self.due = None;
            self.failed = 0;
            return std::mem::take(&mut self.held);
        }
        self.due = Some(Instant::now() + AGAIN);
        self.failed = self.failed.saturating_add(1);
        if self.failed == NOTED {
            tracing::warn!(
                database = %database.display(),
                "deleted keys are still in the database's log, and deletions are not answered: {}",
                match cut {
                    Ok(_) => "another program reads the database: let it end".to_owned(),
                    Err(error) => describe(error),
                }
            );
        }
        Vec::new()
    }
}

/// Tries to cut the log. False if a reader stood in the way.
pub(super) fn truncate(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(PATIENCE)?;
    let cut = engine::truncate_log(connection);
    connection.busy_timeout(BUSY)?;
    cut
}
