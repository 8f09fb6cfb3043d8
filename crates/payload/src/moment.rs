//! Dates and times as senders write them. The text stays as it came; this says what it means.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// What a text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// First second since 1970 that it may mean.
    pub(crate) earliest: i64,
    /// Last second that it may mean.
    pub(crate) latest: i64,
    /// The calendar day in Germany.
    pub(crate) day: Date,
    /// Whether it is a point in time that is midnight in Germany.
    pub(crate) is_midnight: bool,
    /// Whether it is written as ISO 8601 says.
    pub(crate) is_iso: bool,
}

/// Longer text is no date, whatever it is.
const MAX_TEXT: usize = 64;

/// German time by the rule that has held since 1996, without a time zone database.
static GERMANY: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a POSIX time zone"));

/// Reads a date or a time.
///
/// A time with an offset is one second, a day without a time is that day in Germany. A time without an offset is German
/// time, or UTC from a program that forgot to say so: both are possible, and what could be right is not flagged.
pub(crate) fn read(text: &str) -> Option<Moment> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return None;
    }
    if let Some(timestamp) = epoch(text) {
        return at(timestamp, false);
    }
    let iso = text.strip_suffix("[Europe/Berlin]").unwrap_or(text);
    if let Ok(timestamp) = iso.parse::<Timestamp>() {
        return at(timestamp, true);
    }
    if let Some((day, rest)) = iso.split_once("T24:00") {
        let is_rest_empty = matches!(rest, "" | ":00");
        return is_rest_empty.then(|| local(day.parse::<Date>().ok()?.tomorrow().ok()?.at(0, 0, 0, 0), true))?;
    }
    if iso.len() <= "2021-11-19".len() {
        return match iso.parse::<Date>() {
            Ok(date) => whole_day(date, true),
            Err(_) => german(iso),
        };
    }
    iso.parse::<DateTime>().ok().and_then(|time| local(time, true)).or_else(|| german(iso))
}

/// A number of seconds, or of milliseconds, since 1970, as ISO 8601 in UTC.
pub(crate) fn of_number(digits: &str) -> Option<String> {
    epoch(digits).map(|timestamp| timestamp.to_string())
}

/// Nine or ten digits are seconds, twelve or thirteen milliseconds: from 1973 to 2286.
fn epoch(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        9 | 10 => Timestamp::from_second(text.parse().ok()?).ok(),
        12 | 13 => Timestamp::from_millisecond(text.parse().ok()?).ok(),
        _ => None,
    }
}

fn at(timestamp: Timestamp, is_iso: bool) -> Option<Moment> {
    let german = GERMANY.to_datetime(timestamp);
    let second = timestamp.as_second();
    let is_midnight = german.time() == Time::midnight();
    Some(Moment { earliest: second, latest: second, day: german.date(), is_midnight, is_iso })
}

fn local(time: DateTime, is_iso: bool) -> Option<Moment> {
    let german = GERMANY.to_ambiguous_timestamp(time).earlier().ok()?.as_second();
    let utc = TimeZone::UTC.to_timestamp(time).ok()?.as_second();
    let is_midnight = time.time() == Time::midnight();
    Some(Moment { earliest: german, latest: utc, day: time.date(), is_midnight, is_iso })
}

fn whole_day(day: Date, is_iso: bool) -> Option<Moment> {
    let begin = |day: Date| GERMANY.to_timestamp(day.at(0, 0, 0, 0)).ok().map(Timestamp::as_second);
    let (earliest, next) = (begin(day)?, begin(day.tomorrow().ok()?)?);
    Some(Moment { earliest, latest: next - 1, day, is_midnight: false, is_iso })
}

/// `19.11.2021`, `19.11.2021 18:00`, `19.11.2021, 18:00:30`.
fn german(text: &str) -> Option<Moment> {
    let (day, time) = match text.split_once([' ', ',']) {
        Some((day, time)) => (day, time.trim_start_matches([' ', ',']).trim_end_matches("Uhr").trim_end()),
        None => (text, ""),
    };
    let numbers = |text: &str, separator: char| -> Option<Vec<i16>> {
        text.split(separator).map(|number| (number.len() <= 4).then(|| number.parse().ok())?).collect()
    };
    let &[day, month, year] = numbers(day, '.')?.as_slice() else { return None };
    let day = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok().filter(|_| year >= 1000)?;
    if time.is_empty() {
        return whole_day(day, false);
    }
    let (hour, minute, second) = match numbers(time, ':')?.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let part = |number: i16| i8::try_from(number).ok();
    let time = Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()?;
    local(day.to_datetime(time), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Option<(i64, i64)> {
        read(text).map(|moment| (moment.earliest, moment.latest))
    }

    #[test]
    fn text_with_an_offset_is_one_second() {
        for text in [
            "2021-11-19T17:00:00Z",
            "2021-11-19t17:00:00z",
            "2021-11-19T18:00:00+01:00",
            "2021-11-19T18:00:00+01",
            "2021-11-19T18:00:00.123+0100",
            "2021-11-19 17:00:00Z",
            "2021-11-19T17:00Z",
            " 2021-11-19T17:00:00,5Z ",
            "1637341200",
            "1637341200000",
        ] {
            assert_eq!(span(text), Some((1_637_341_200, 1_637_341_200)), "{text}");
        }
    }

    #[test]
    fn text_without_an_offset_is_german_time_or_utc() {
        let both = Some((1_637_341_200 - 3600, 1_637_341_200));
        for text in ["2021-11-19T17:00:00", "2021-11-19 17:00", "19.11.2021 17:00", "19.11.2021, 17:00:00 Uhr"] {
            assert_eq!(span(text), both, "{text}");
        }
        assert_eq!(span("2021-11-19T17:00:00[Europe/Berlin]"), both);
        assert_eq!(span("2021-07-19T17:00:00"), Some((1_626_714_000 - 7200, 1_626_714_000)));
        assert_eq!(span("2021-11-18T24:00:00"), span("2021-11-19T00:00:00"));
    }

    #[test]
    fn a_day_is_that_day_in_germany() {
        // 2021-11-18T23:00:00Z until 2021-11-19T22:59:59Z
        assert_eq!(span("2021-11-19"), Some((1_637_276_400, 1_637_362_799)));
        assert_eq!(span("19.11.2021"), span("2021-11-19"));
    }

    #[test]
    fn the_missing_and_the_doubled_hour_have_a_meaning() {
        assert!(span("2021-03-28T02:30:00").is_some());
        // Twice: 00:30Z and 01:30Z.
        assert_eq!(span("2021-10-31T02:30:00").unwrap().0, 1_635_640_200);
    }

    #[test]
    fn what_is_no_date_has_no_meaning() {
        for text in [
            "",
            "19.11.21",
            "11/19/2021",
            "2021-02-30",
            "30.02.2021",
            "gestern",
            "18:00",
            "2021-11-19T25:00:00Z",
            "2021-11-19T18.00.00",
            "0000-00-00T00:00:00Z",
            "12345",
            &"2".repeat(10_000),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_german_days() {
        for (text, day, is_midnight) in [
            ("2021-11-18T23:00:00Z", "2021-11-19", true),
            ("2021-11-19T22:59:59Z", "2021-11-19", false),
            ("2021-07-18T22:00:00Z", "2021-07-19", true),
            ("2021-11-19T00:30:00+03:00", "2021-11-18", false),
            ("2021-11-19T23:30:00", "2021-11-19", false),
            ("2021-11-19", "2021-11-19", false),
        ] {
            let read = read(text).unwrap();
            assert_eq!((read.day.to_string().as_str(), read.is_midnight), (day, is_midnight), "{text}");
        }
    }

    #[test]
    fn numbers_become_readable() {
        assert_eq!(of_number("1637341200000").as_deref(), Some("2021-11-19T17:00:00Z"));
        assert_eq!(of_number("17"), None);
    }
}
