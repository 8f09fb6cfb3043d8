//! A line for the inbox.

use serde::Serialize;

/// What a list of submissions may show before anybody opens one: no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// One of [`KINDS`](crate::KINDS).
    pub kind: &'static str,
    /// Guests or contact persons.
    pub people: u32,
    /// Events of a case; 0 for a guest list.
    pub events: u32,
    /// Everything flagged, see [`Flags::total`](crate::Flags::total).
    pub flags: u32,
    /// The days that the lists say they cover, if they say so readably.
    pub period: Option<Days>,
}

/// First and last calendar day as `2021-11-19`, in the sender's notation of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Days {
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
}
