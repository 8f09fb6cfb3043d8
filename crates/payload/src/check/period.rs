//! Dates: in order, and inside the periods they should be in. What could be right is not flagged.

use super::{Checker, Period};
use crate::flags::FlagCode;
use crate::known::{Known, Value};
use crate::moment::{self, Moment};

const OLDEST_AGE: i64 = 125 * 366 * 86_400;

impl Checker<'_> {
    /// The end of a period is not before its beginning.
    pub(crate) fn in_order(&mut self, known: &Known<'_>, from: &str, to: &str) {
        let (Some(begin), Some((end, at))) = (moment(known, from), moment(known, to)) else { return };
        if end.latest < begin.0.earliest {
            self.flag_field(to, FlagCode::PeriodReversed, at);
        }
    }

    /// A period of a list's element: in order, inside what the list says it covers, and not wholly outside what was
    /// asked for. A list may cover more than was asked for.
    pub(crate) fn period(
        &mut self,
        row: &Known<'_>,
        (from, to): (&str, &str),
        head: &Known<'_>,
        (start, end): (&str, &str),
    ) {
        let (start, end) = covered(head, start, end);
        for path in [from, to] {
            let Some((moment, at)) = moment(row, path) else { continue };
            if start.is_some_and(|start| moment.latest < start) || end.is_some_and(|end| moment.earliest > end) {
                self.flag_field(path, FlagCode::OutsideListPeriod, at);
            }
        }
        self.in_order(row, from, to);
        if let Some(period) = self.expect.requested {
            self.requested(row, from, to, period);
        }
    }

    fn requested(&mut self, row: &Known<'_>, from: &str, to: &str, period: Period) {
        let (begin, end) = (moment(row, from), moment(row, to));
        // Who did not check out was there at one time at least.
        let first = begin.as_ref().or(end.as_ref()).map(|(moment, _)| moment.earliest);
        let last = end.as_ref().or(begin.as_ref()).map(|(moment, _)| moment.latest);
        let (Some(first), Some(last)) = (first, last) else { return };
        if last < signed(period.from) || first > signed(period.to) {
            let at = begin.as_ref().or(end.as_ref()).map_or(0, |(_, at)| *at);
            let path = if begin.is_some() { from } else { to };
            self.flag_field(path, FlagCode::OutsideRequestedPeriod, at);
        }
    }

    /// Not in the future, and not too long ago.
    pub(crate) fn birth(&mut self, birth: &Moment, at: usize) {
        let Some(now) = self.expect.now.map(signed) else { return };
        if birth.earliest > now {
            self.flag(FlagCode::BirthInFuture, at);
        } else if now.saturating_sub(birth.latest) > OLDEST_AGE {
            self.flag(FlagCode::BirthTooLongAgo, at);
        }
    }
}

/// What a list says it covers; open where it does not say, or not readably, or the wrong way round.
fn covered(head: &Known<'_>, start: &str, end: &str) -> (Option<i64>, Option<i64>) {
    let start = moment(head, start).map(|(moment, _)| moment.earliest);
    let end = moment(head, end).map(|(moment, _)| moment.latest);
    match (start, end) {
        (Some(start), Some(end)) if end < start => (None, None),
        open_or_in_order => open_or_in_order,
    }
}

fn moment(known: &Known<'_>, path: &str) -> Option<(Moment, usize)> {
    let Value { text, at } = known.get(path)?;
    Some((moment::read(text)?, *at))
}

fn signed(second: u64) -> i64 {
    i64::try_from(second).unwrap_or(i64::MAX)
}
