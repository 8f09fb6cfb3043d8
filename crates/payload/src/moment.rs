//! Dates and times as senders write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A date or a point in time. The text stays as it came, readable or not; what it means is asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(String);

/// The seconds since 1970 that a [`Moment`] may mean, both ends included. It is one second if the text has an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

/// German local time is at most this far ahead of UTC. Text without an offset is local time; taking the whole
/// range instead of a time zone database keeps the crate pure and never flags wrongly.
const LOCAL_AHEAD: i64 = 2 * 3600;

/// Longer text is no date, whatever it is.
const MAX_TEXT: usize = 64;

impl Moment {
    /// Takes the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Moment(text.into())
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The calendar day as written (no time zone is applied), if the text is an ISO 8601 date or time.
    pub(crate) fn day(&self) -> Option<Date> {
        if self.0.len() > MAX_TEXT {
            return None;
        }
        if let Ok(local) = self.0.parse::<Date>() {
            return Some(local);
        }
        let timestamp = self.0.parse::<Timestamp>().ok()?;
        Some(timestamp.to_zoned(TimeZone::UTC).date())
    }

    /// What the text may mean, if it is an ISO 8601 date or time.
    pub(crate) fn span(&self) -> Option<Span> {
        if self.0.len() > MAX_TEXT {
            return None;
        }
        if let Ok(timestamp) = self.0.parse::<Timestamp>() {
            let second = timestamp.as_second();
            return Some(Span { earliest: second, latest: second });
        }
        let local = self.0.parse::<DateTime>().ok()?;
        let second = local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        let whole_day = self.0.len() <= "2021-11-19".len();
        let latest = if whole_day { second + 24 * 3600 - 1 } else { second };
        Some(Span { earliest: second - LOCAL_AHEAD, latest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Option<(i64, i64)> {
        Moment::new(text).span().map(|span| (span.earliest, span.latest))
    }

    #[test]
    fn text_with_an_offset_is_one_second() {
        for text in [
            "2021-11-19T17:00:00Z",
            "2021-11-19T18:00:00+01:00",
            "2021-11-19T18:00:00.123+0100",
            "2021-11-19 17:00:00Z",
            "2021-11-19T17:00Z",
        ] {
            assert_eq!(span(text), Some((1_637_341_200, 1_637_341_200)), "{text}");
        }
    }

    #[test]
    fn text_without_an_offset_is_german_local_time() {
        assert_eq!(span("2021-11-19T17:00:00"), Some((1_637_341_200 - 7200, 1_637_341_200)));
        // 2021-11-18T22:00:00Z until 2021-11-19T23:59:59Z
        assert_eq!(span("2021-11-19"), Some((1_637_272_800, 1_637_366_399)));
    }

    #[test]
    fn what_is_no_date_has_no_meaning() {
        for text in ["", "19.11.2021", "2021-02-30", "gestern", "2021-11-19T25:00:00Z", &"2".repeat(10_000)] {
            assert_eq!(span(text), None, "{text}");
            assert_eq!(Moment::new(text).day(), None, "{text}");
        }
    }

    #[test]
    fn the_day_is_the_one_written() {
        for text in ["2021-11-19", "2021-11-19T23:30:00", "2021-11-19T23:30:00Z", "2021-11-19T00:30:00+01:00"] {
            let day = Moment::new(text).day().map(|day| day.to_string());
            assert_eq!(day.as_deref(), Some("2021-11-19"), "{text}");
        }
    }
}
