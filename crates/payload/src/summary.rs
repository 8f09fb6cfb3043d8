//! A line for the inbox.

use jiff::civil::Date;
use serde::Serialize;

use crate::known::Known;
use crate::moment;

/// What a list of submissions may show before anybody opens one: no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// One of [`KINDS`](crate::KINDS).
    pub kind: &'static str,
    /// Guests, contact persons or employees.
    pub people: u32,
    /// Events of a case; 0 for other kinds.
    pub events: u32,
    /// Everything flagged, see [`Flags::total`](crate::Flags::total).
    pub flags: u32,
    /// The days that the lists say they cover, if they say so readably.
    pub period: Option<Days>,
}

/// First and last calendar day in Germany, as `2021-11-19`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Days {
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
}

/// The days that these periods cover together. A period that ends at midnight does not cover the day that begins then.
pub(crate) fn days(head: &Known<'_>, periods: &[(&str, &str)]) -> Option<Days> {
    let mut covered: Vec<Date> = Vec::new();
    for (from, to) in periods {
        let from = head.text(from).and_then(moment::read);
        let to = head.text(to).and_then(moment::read);
        covered.extend(from.as_ref().map(|from| from.day));
        covered.extend(to.map(|to| match &from {
            Some(from) if to.is_midnight && to.day > from.day => to.day.yesterday().unwrap_or(to.day),
            _ => to.day,
        }));
    }
    Some(Days { from: covered.iter().min()?.to_string(), to: covered.iter().max()?.to_string() })
}
