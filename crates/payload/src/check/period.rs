//! Dates: readable, in order, inside the periods they should be in. What could be right is not flagged.

use super::text::Text;
use super::{Checker, Period};
use crate::Moment;
use crate::flags::FlagCode;
use crate::moment::Span;

/// The time that a list says it covers; open where it does not say, or not readably.
#[derive(Clone, Copy, Default)]
pub(super) struct Coverage {
    from: Option<i64>,
    to: Option<i64>,
}

impl Coverage {
    fn excludes(&self, span: Span) -> bool {
        self.from.is_some_and(|from| span.latest < from) || self.to.is_some_and(|to| span.earliest > to)
    }
}

impl From<Period> for Coverage {
    fn from(period: Period) -> Self {
        let second = |second: u64| Some(i64::try_from(second).unwrap_or(i64::MAX));
        Coverage { from: second(period.from), to: second(period.to) }
    }
}

const OLDEST_AGE: i64 = 125 * 366 * 86_400;

impl Checker<'_> {
    /// Two ends of a period that belong together, each of them inside `list` and inside what was asked for.
    pub(super) fn period(
        &mut self,
        (from_name, from): (&'static str, Option<&Moment>),
        (to_name, to): (&'static str, Option<&Moment>),
        list: Coverage,
    ) {
        let from = self.inside(from_name, from, list);
        let to = self.inside(to_name, to, list);
        if let (Some(from), Some(to)) = (from, to)
            && to.latest < from.earliest
        {
            self.field(to_name, |this| this.flag(FlagCode::PeriodReversed));
        }
    }

    /// What a list covers. It may cover more than was asked for, so only order and readability count.
    pub(super) fn coverage(&mut self, start: Option<&Moment>, end: Option<&Moment>) -> Coverage {
        let start = self.readable("startDate", start);
        let end = self.readable("endDate", end);
        let coverage = Coverage { from: start.map(|span| span.earliest), to: end.map(|span| span.latest) };
        if let (Some(from), Some(to)) = (coverage.from, coverage.to)
            && to < from
        {
            self.field("endDate", |this| this.flag(FlagCode::PeriodReversed));
            // Against a reversed period everything would be outside.
            return Coverage::default();
        }
        coverage
    }

    pub(super) fn birth(&mut self, name: &'static str, birth: Option<&Moment>) {
        let Some(span) = self.readable(name, birth) else { return };
        let Some(now) = self.expect.now.map(|now| i64::try_from(now).unwrap_or(i64::MAX)) else { return };
        if span.earliest > now {
            self.field(name, |this| this.flag(FlagCode::BirthInFuture));
        } else if now.saturating_sub(span.latest) > OLDEST_AGE {
            self.field(name, |this| this.flag(FlagCode::BirthTooLongAgo));
        }
    }

    fn inside(&mut self, name: &'static str, moment: Option<&Moment>, list: Coverage) -> Option<Span> {
        let span = self.readable(name, moment)?;
        if list.excludes(span) {
            self.field(name, |this| this.flag(FlagCode::OutsideListPeriod));
        }
        if self.expect.requested.is_some_and(|period| Coverage::from(period).excludes(span)) {
            self.field(name, |this| this.flag(FlagCode::OutsideRequestedPeriod));
        }
        Some(span)
    }

    fn readable(&mut self, name: &'static str, moment: Option<&Moment>) -> Option<Span> {
        let moment = moment?;
        let span = moment.span();
        if span.is_none() {
            self.field(name, |this| {
                this.flag(FlagCode::DateUnreadable);
                this.characters(moment.as_str(), Text::Line);
            });
        }
        span
    }
}
