//! Who failed recently: shared by all sendings of a client, so that one of them finds out and the others need not.
//!
//! Two parts of a way can be at fault: the outer proxy, and the route behind it (an inner proxy, and its link to the office).
//! A failure is forgotten by and by: half of it after [`HALF_LIFE`], so that a proxy that is back is used again.

use std::collections::HashMap;
use std::time::Duration;

use schleuse_protocol::wire::name::MemberId;
use tokio::time::Instant;

/// After this time a failure counts half.
const HALF_LIFE: Duration = Duration::from_secs(5);
/// A failure that has decayed to less than this is forgotten.
const FORGOTTEN: f32 = 0.2;
/// More marks than this are cleared of what is forgotten.
const TIDY_ABOVE: usize = 256;

/// No way is tried beside another sooner than this (RFC 8305 section 5 has 250 ms for addresses).
pub(crate) const HEAD_START: Duration = Duration::from_millis(300);
/// Nor later: a network that is slow for everybody is asked ever more slowly, but is asked.
const LATEST: Duration = Duration::from_secs(2);

/// What can be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// An outer proxy.
    Outer(MemberId),
    /// An inner proxy, or its link to this office.
    Route { inner: MemberId, office: MemberId },
}

/// What is known about one part.
#[derive(Clone, Copy, Debug)]
struct Mark {
    weight: f32,
    since: Instant,
    /// What was asked over this part before then and has not been answered will not be.
    lost_before: Option<Instant>,
}

/// The health of all parts, and how long offices take to answer.
#[derive(Debug, Default)]
pub(crate) struct Health {
    marks: HashMap<Part, Mark>,
    /// The usual time from a hello to the first reply that opens, as far as it is known.
    answer: Option<Duration>,
}

impl Health {
    /// This part failed. What was asked over it before `lost_before` is lost, if anything is. Returns whether that is news to
    /// others.
    pub(crate) fn failed(&mut self, part: Part, weight: f32, lost_before: Option<Instant>, now: Instant) -> bool {
        if self.marks.len() > TIDY_ABOVE {
            self.marks.retain(|_, mark| mark.weight_at(now) >= FORGOTTEN);
        }
        let mark = self.marks.entry(part).or_insert(Mark { weight: 0.0, since: now, lost_before });
        let known = mark.lost_before.map(|known| known + HEAD_START);
        let is_news = mark.weight_at(now) < FORGOTTEN || lost_before > known;
        // More than a few failures say no more than these.
        *mark = Mark {
            weight: (mark.weight_at(now) + weight).min(4.0),
            since: now,
            lost_before: lost_before.max(mark.lost_before),
        };
        is_news
    }

    /// Something authenticated came back over this part.
    pub(crate) fn worked(&mut self, part: Part) {
        self.marks.remove(&part);
    }

    /// How bad a part is: 0 if nothing is known against it. Use the lowest.
    pub(crate) fn penalty(&self, part: Part, now: Instant) -> u32 {
        match self.marks.get(&part).map_or(0.0, |mark| mark.weight_at(now)) {
            weight if weight < FORGOTTEN => 0,
            weight => 1 + (weight * 4.0) as u32,
        }
    }

    /// Whether what was last heard of over this part at `heard` is lost, by what another sending found out.
    pub(crate) fn has_lost(&self, part: Part, heard: Instant) -> bool {
        self.marks.get(&part).is_some_and(|mark| mark.lost_before > Some(heard))
    }

    /// An office took this long to answer a hello.
    pub(crate) fn answered_after(&mut self, took: Duration) {
        self.answer = Some(match self.answer {
            None => took,
            Some(usual) if took > usual => (usual + took) / 2,
            Some(usual) => usual - (usual - took) / 8,
        });
    }

    /// How long to wait for an answer before another way is tried beside this one.
    pub(crate) fn patience_with_a_way(&self) -> Duration {
        self.answer.map_or(HEAD_START, |usual| (3 * usual).clamp(HEAD_START, LATEST))
    }
}

impl Mark {
    fn weight_at(&self, now: Instant) -> f32 {
        let age = now.saturating_duration_since(self.since).as_secs_f32();
        self.weight * (-age / HALF_LIFE.as_secs_f32()).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTER: fn() -> Part = || Part::Outer("outer-1".parse().unwrap());

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_failure_is_forgotten_by_and_by_and_at_once_when_it_works() {
        let (mut health, start) = (Health::default(), Instant::now());
        assert_eq!(health.penalty(OUTER(), start), 0);
        assert!(health.failed(OUTER(), 1.0, Some(start), start), "it is news");
        assert!(!health.failed(OUTER(), 1.0, Some(start), start), "it is no news any more");
        let penalties: Vec<u32> = [0, 5, 10, 15, 30].map(|at| health.penalty(OUTER(), start + seconds(at))).into();
        assert!(penalties.is_sorted_by(|earlier, later| earlier > later), "{penalties:?}");
        assert_eq!(penalties.last(), Some(&0));
        health.failed(OUTER(), 1.0, Some(start), start);
        health.worked(OUTER());
        assert_eq!(health.penalty(OUTER(), start), 0);
    }

    #[test]
    fn what_was_asked_before_a_failure_is_lost_and_what_was_asked_later_is_not() {
        let (mut health, start) = (Health::default(), Instant::now());
        health.failed(OUTER(), 1.0, Some(start + seconds(1)), start + seconds(2));
        assert!(health.has_lost(OUTER(), start));
        assert!(!health.has_lost(OUTER(), start + seconds(1)));
        // An older finding does not take a newer one back.
        health.failed(OUTER(), 1.0, Some(start), start + seconds(3));
        assert!(health.has_lost(OUTER(), start));
    }

    #[test]
    fn a_slow_network_is_given_more_time_within_bounds() {
        let mut health = Health::default();
        assert_eq!(health.patience_with_a_way(), HEAD_START);
        health.answered_after(Duration::from_millis(1));
        assert_eq!(health.patience_with_a_way(), HEAD_START);
        health.answered_after(Duration::from_millis(400));
        assert!(health.patience_with_a_way() > 2 * HEAD_START);
        (0..10).for_each(|_| health.answered_after(seconds(9)));
        assert_eq!(health.patience_with_a_way(), LATEST);
        (0..100).for_each(|_| health.answered_after(Duration::from_millis(5)));
        assert_eq!(health.patience_with_a_way(), HEAD_START);
    }

    #[test]
    fn many_offices_do_not_pile_up() {
        let (mut health, start) = (Health::default(), Instant::now());
        for index in 0..10_000_u32 {
            let office = format!("office-{index}").parse().unwrap();
            let part = Part::Route { inner: "inner-1".parse().unwrap(), office };
            let now = start + Duration::from_millis(u64::from(index) * 100);
            health.failed(part, 1.0, None, now);
        }
        assert!(health.marks.len() <= TIDY_ABOVE + 1, "{}", health.marks.len());
    }
}
