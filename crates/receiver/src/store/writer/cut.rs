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
    /// One for each caller that still waits: there are no more than open requests.
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
        // Readers may stay for hours: who has gone meanwhile is forgotten.
        self.held.retain(|(answer, _)| !answer.is_closed());
        if self.failed == NOTED {
            tracing::warn!(
                database = %database.display(),
                "deleted keys may still be in the database's log, and deletions are not answered: {}",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_gone_is_not_kept_while_the_log_cannot_be_cut() {
        let mut cut = Cut::new();
        let (held, mut waiting): (Vec<Held>, Vec<_>) = (0..3)
            .map(|_| {
                let (answer, waiting) = oneshot::channel();
                ((answer, Answers::new()), waiting)
            })
            .unzip();
        held.into_iter().for_each(|answer| cut.hold(answer));
        waiting.remove(1);
        assert!(cut.tried(&Ok(false), Path::new("office.sqlite")).is_empty(), "answered before the log was cut");
        assert_eq!(cut.held.len(), 2);
        assert_eq!(cut.tried(&Ok(true), Path::new("office.sqlite")).len(), 2);
        assert!(cut.wait().is_none());
    }
}
