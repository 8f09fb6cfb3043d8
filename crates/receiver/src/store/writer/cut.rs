//! Cutting the write-ahead log once keys were deleted, so that they are in no file: when it is tried, and whose answer
//! waits for it.
//!
//! Staff and the end of tickets make the log be cut at once. Holders of tickets make attempts be discarded as often as
//! they like: one cut a minute is for all of these.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::store::command::Answers;
use crate::store::engine;
use crate::store::error::describe;

/// How long one try waits for readers; so long it holds up the commits of others.
const PATIENCE: Duration = Duration::from_millis(25);
/// From one try to the next: trying takes at most a tenth of the writer's time.
const AGAIN: Duration = Duration::from_millis(250);
/// How long the key of a discarded attempt may stay in the log, and from one try to the next if nothing else is owed.
pub(super) const LATER: Duration = Duration::from_secs(60);
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
    /// Whether more is owed than the keys of discarded attempts.
    urgent: bool,
    failed: u32,
    /// One for each caller that still waits: there are no more than open requests.
    held: Vec<Held>,
}

impl Cut {
    /// Due at once: whoever stopped before may have left deleted keys in the log.
    pub(super) fn new(now: Instant) -> Self {
        Self { due: Some(now), urgent: true, failed: 0, held: Vec::new() }
    }

    /// Keys were deleted: due at once, or when the next try is.
    pub(super) fn owe(&mut self, now: Instant) {
        if !self.urgent {
            self.urgent = true;
            self.due = Some(now);
        }
    }

    /// The key of a discarded attempt was deleted: due in a while, together with those that come meanwhile.
    pub(super) fn owe_later(&mut self, now: Instant) {
        self.due.get_or_insert(now + LATER);
    }

    /// Whether a deleted key may be in the log.
    pub(super) fn is_owed(&self) -> bool {
        self.due.is_some()
    }

    /// Time until the next try; `None` if there is nothing to cut.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(now))
    }

    /// Keeps an answer back until the log is cut, which is due at once.
    pub(super) fn hold(&mut self, answer: Held, now: Instant) {
        self.owe(now);
        self.held.push(answer);
    }

    /// Takes note of a try. Returns the answers that may be given now.
    pub(super) fn tried(&mut self, cut: &rusqlite::Result<bool>, now: Instant, database: &Path) -> Vec<Held> {
        if matches!(cut, Ok(true)) {
            if self.failed >= NOTED {
                tracing::info!("the database's log is cut: no file holds deleted keys any more");
            }
            self.due = None;
            self.urgent = false;
            self.failed = 0;
            return std::mem::take(&mut self.held);
        }
        self.due = Some(now + if self.urgent { AGAIN } else { LATER });
        self.failed = self.failed.saturating_add(1);
        // Readers may stay for hours: who has gone meanwhile is forgotten.
        self.held.retain(|(answer, _)| !answer.is_closed());
        if self.failed == NOTED {
            tracing::warn!(
                database = %database.display(),
                "deleted keys may still be in the database's log; so long, deletions are not answered: {}",
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

    const DATABASE: &str = "office.sqlite";

    /// With nothing to cut.
    fn cut(now: Instant) -> Cut {
        let mut cut = Cut::new(now);
        cut.tried(&Ok(true), now, Path::new(DATABASE));
        assert!(cut.wait(now).is_none());
        cut
    }

    fn held() -> (Held, oneshot::Receiver<Answers>) {
        let (answer, waiting) = oneshot::channel();
        ((answer, Answers::new()), waiting)
    }

    #[test]
    fn who_has_gone_is_not_kept_while_the_log_cannot_be_cut() {
        let now = Instant::now();
        let mut cut = Cut::new(now);
        let (held, mut waiting): (Vec<Held>, Vec<_>) = (0..3).map(|_| held()).unzip();
        held.into_iter().for_each(|answer| cut.hold(answer, now));
        waiting.remove(1);
        assert!(cut.tried(&Ok(false), now, Path::new(DATABASE)).is_empty(), "answered before the log was cut");
        assert_eq!(cut.held.len(), 2);
        assert_eq!(cut.tried(&Ok(true), now, Path::new(DATABASE)).len(), 2);
        assert!(cut.wait(now).is_none());
    }

    #[test]
    fn discarded_attempts_wait_for_one_cut_a_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cut = cut(start);
        for second in 0..60 {
            cut.owe_later(at(second));
            assert_eq!(cut.wait(at(second)), Some(Duration::from_secs(60 - second)), "the first waits too long");
        }
        // A reader stands in the way: holders of tickets do not make the writer try all the time.
        cut.tried(&Ok(false), at(60), Path::new(DATABASE));
        assert_eq!(cut.wait(at(60)), Some(LATER));
        cut.tried(&Ok(true), at(120), Path::new(DATABASE));
        assert!(cut.wait(at(120)).is_none());
    }

    #[test]
    fn a_deletion_does_not_wait_with_discarded_attempts() {
        let now = Instant::now();
        let mut deleted = cut(now);
        deleted.owe_later(now);
        deleted.owe(now);
        deleted.owe_later(now);
        assert_eq!(deleted.wait(now), Some(Duration::ZERO));
        deleted.tried(&Ok(false), now, Path::new(DATABASE));
        deleted.owe(now);
        assert_eq!(deleted.wait(now), Some(AGAIN), "each deletion makes the writer try");
        // Nothing was deleted but attempts; somebody asks all the same.
        let mut asked = cut(now);
        asked.owe_later(now);
        let (held, _waiting) = held();
        asked.hold(held, now);
        assert_eq!(asked.wait(now), Some(Duration::ZERO));
    }
}
