//! What a sending learns about the ways, for itself and for the other sendings of its client.

use tokio::time::Instant;

use super::{Delivery, Problem};
use crate::content::ContentError;
use crate::dial::{Candidate, DialError, DialProblem};
use crate::error::{Interruption, SendError};
use crate::health::Part;
use crate::lane::Lane;
use crate::pool::Link;
use crate::ways::Way;

impl Delivery {
    /// The others need not find it out themselves.
    pub(super) fn not_reached(&self, error: &DialError) {
        let DialError::NoneReached { failures } = error else { return };
        // What already runs over a proxy that lets nobody in any more is not lost.
        for failure in failures {
            self.shared.failed(Part::Outer(failure.outer), 1.0, None);
        }
    }

    /// The front was silent while the second was answered: what the first uses and the second does not is at fault.
    pub(super) fn blame(&self, silent: &Lane, answered: &Lane) {
        let (silent_way, way) = (self.way_of(silent), self.way_of(answered));
        let used = self.ways.parts(way);
        let others: Vec<_> = self.ways.parts(silent_way).into_iter().filter(|part| !used.contains(part)).collect();
        for part in &others {
            // Two suspects: the proxy acknowledges packets, so it is rather what lies behind it. The next avoid both.
            let weight = if others.len() > 1 && matches!(part, Part::Outer(_)) { 0.3 } else { 1.0 };
            self.shared.failed(*part, weight, Some(answered.asked()));
        }
        if others.is_empty() {
            // The same way, but it works again: what was asked over it before is lost.
            self.shared.failed(self.ways.parts(way)[1], 0.0, Some(answered.asked()));
        }
    }

    pub(super) fn was_answered(&mut self) {
        self.hedge.answered();
        let Some(front) = &self.front else { return };
        let (parts, took) = (self.ways.parts(self.way_of(front)), front.asked().elapsed());
        self.shared.health(|health| {
            parts.into_iter().for_each(|part| health.worked(part));
            health.answered_after(took);
        });
    }

    /// Remembers for all sendings what this interruption says about a way.
    pub(super) fn note(&self, way: Way, link: &Link, interruption: Interruption, is_own_doing: bool) {
        let [outer, route] = self.ways.parts(way);
        let now = Some(Instant::now());
        match interruption {
            Interruption::ProxySilent => {
                self.shared.pool.give_up(link);
                self.shared.failed(outer, 1.0, now);
            }
            Interruption::ProxyDrains => {
                self.shared.pool.forget(link);
                // It says so on each of its connections when the last content on it is through.
                self.shared.failed(outer, 1.0, None);
            }
            Interruption::Lost if !link.is_open() => self.shared.failed(outer, 1.0, now),
            _ if is_own_doing => {}
            // Anybody on the way can do this to a single stream: it says nothing about the streams of others.
            Interruption::OfficeAway | Interruption::Lost => self.shared.failed(route, 1.0, None),
            Interruption::NoAnswer | Interruption::TimedOut | Interruption::BadAnswer => {
                self.shared.failed(route, 1.0, None);
                self.shared.failed(outer, 0.5, None);
            }
            Interruption::TryLater | Interruption::NoStream => {}
        }
    }

    /// Why the sending ends when its patience is over.
    pub(super) fn out_of_patience(&mut self) -> SendError {
        let (office, patience) = (self.office, self.patience.limit());
        let unreachable = |detail| SendError::Unreachable { office, patience, detail };
        if let Some(front) = &self.front {
            return match (front.is_answered(), front.hungry_since()) {
                (true, Some(_)) => ContentError::Stalled { patience }.into(),
                (true, None) => unreachable(Interruption::TimedOut),
                (false, _) => unreachable(Interruption::NoAnswer),
            };
        }
        match (self.problem.take(), &self.opening) {
            (None | Some(Problem::Dial(_)), Some(opening)) => {
                if opening.to.iter().any(|candidate| self.shared.pool.has_link(candidate)) {
                    return unreachable(Interruption::NoStream);
                }
                let silent = |candidate: &Candidate| candidate.failure(DialProblem::NoAnswer);
                DialError::NoneReached { failures: opening.to.iter().map(silent).collect() }.into()
            }
            (Some(Problem::Dial(error)), None) => error.into(),
            (Some(Problem::Interrupted(interruption)), _) => unreachable(interruption),
            (None, None) => unreachable(Interruption::NoAnswer),
        }
    }
}
