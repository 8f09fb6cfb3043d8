//! When a second stream is tried beside the first.

use std::time::Duration;

use tokio::time::Instant;

use super::Delivery;
use crate::lane::Lane;
use crate::shared::Speculation;

/// A content up to this size is repeated without a thought.
const SMALL: u64 = 1 << 20;
/// How long the office may take to store something of a small content, at least.
const SMALL_QUIET: Duration = Duration::from_millis(600);
/// The same for others: the second stream has the office read all again that it has stored.
const LARGE_QUIET: Duration = Duration::from_secs(3);
/// So many bytes are read again in a second on a slow disk.
const READ_AGAIN: u64 = 16 << 20;
/// A second way is tried again and again, but ever more rarely.
const MOST_DOUBLINGS: u32 = 5;
/// When too many sendings of this client try a second way, another one looks again after this.
const CROWDED: Duration = Duration::from_millis(100);

/// The second streams of one sending so far.
#[derive(Default)]
pub(super) struct Hedge {
    /// Since the last progress.
    count: u32,
    /// Not before this.
    earliest: Option<Instant>,
    /// Held while the second stream is not answered.
    speculation: Option<Speculation>,
}

impl Hedge {
    /// Something was stored: a second stream may be tried as early as at the beginning.
    pub(super) fn progressed(&mut self) {
        self.count = 0;
    }

    /// The office has answered.
    pub(super) fn answered(&mut self) {
        self.speculation = None;
    }

    /// One of two streams has come to nothing.
    pub(super) fn failed(&mut self) {
        self.speculation = None;
    }
}

impl Delivery {
    /// When the next second stream is to be opened.
    pub(super) fn hedge_at(&self) -> Option<Instant> {
        let front = self.front.as_ref().filter(|_| self.opening.is_none())?;
        let patience = self.patience_with(front) * 2_u32.pow(self.hedge.count.min(MOST_DOUBLINGS));
        let due = match &self.second {
            // The first goes on: as long as it owes nothing, it is not to be disturbed for a second that is silent.
            Some(second) if front.is_answered() => front.waiting_since()?.max(second.asked()) + patience,
            // Both are silent: a third takes the place of the first.
            Some(second) => second.asked() + patience,
            None if self.has_lost(front) => Instant::now(),
            None => front.waiting_since()? + patience,
        };
        Some(self.hedge.earliest.map_or(due, |earliest| due.max(earliest)))
    }

    pub(super) fn on_hedge_due(&mut self) {
        let Some(front) = &self.front else { return };
        let (is_lost, is_answered) = (self.has_lost(front), front.is_answered());
        let is_known_to_fail = is_lost || self.has_penalty(front);
        if is_answered && !is_lost && self.front.as_mut().is_some_and(Lane::has_moved) {
            return;
        }
        if !is_known_to_fail && self.hedge.speculation.is_none() {
            self.hedge.speculation = self.shared.speculate();
            if self.hedge.speculation.is_none() {
                self.hedge.earliest = Some(Instant::now() + CROWDED);
                return;
            }
        }
        let outer = self.front.as_ref().map(|front| front.link().outer);
        tracing::debug!(?outer, count = self.hedge.count, "no answer yet: a second way is tried");
        if let Some(second) = self.second.take() {
            self.front = Some(second);
        }
        self.open();
        self.hedge.count += 1;
        // A second stream that comes to nothing at once is not followed by the next at once.
        let pause = self.front.as_ref().map_or(CROWDED, |front| self.patience_with(front));
        self.hedge.earliest = Some(Instant::now() + pause);
    }

    /// How long the office may owe an answer on this stream.
    fn patience_with(&self, lane: &Lane) -> Duration {
        let usual = self.shared.health(|health| health.patience_with_a_way()).max(3 * lane.link().connection().rtt());
        // The same way again helps only if something on it was replaced.
        let has_another = self.ways.has_another(self.way_of(lane), self.shared.outers());
        let first = if has_another { usual } else { 2 * usual };
        if !lane.is_answered() {
            return first;
        }
        let (length, stored) = (self.content.length().unwrap_or(u64::MAX), self.meter.stored_so_far());
        let quiet = if length <= SMALL { SMALL_QUIET } else { LARGE_QUIET };
        quiet.max(2 * first) + Duration::from_secs(stored / READ_AGAIN)
    }

    /// Whether another sending found out that what this one waits for will not come.
    fn has_lost(&self, lane: &Lane) -> bool {
        let parts = self.ways.parts(self.way_of(lane));
        lane.waiting_since().is_some()
            && self.shared.health(|health| parts.into_iter().any(|part| health.has_lost(part, lane.heard())))
    }

    fn has_penalty(&self, lane: &Lane) -> bool {
        let (parts, now) = (self.ways.parts(self.way_of(lane)), Instant::now());
        self.shared.health(|health| parts.into_iter().any(|part| health.penalty(part, now) > 0))
    }
}
