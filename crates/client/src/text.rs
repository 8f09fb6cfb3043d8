//! Forms of values for people.

use std::fmt;

use jiff::Timestamp;
use schleuse_protocol::time::UnixSeconds;

/// RFC 3339, in UTC.
pub(crate) struct Moment(pub(crate) UnixSeconds);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0.0).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()) {
            Some(moment) => moment.fmt(f),
            None => write!(f, "second {} after 1970", self.0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_has_a_text() {
        assert_eq!(Moment(UnixSeconds(1_790_000_000)).to_string(), "2026-09-21T14:13:20Z");
        assert!(Moment(UnixSeconds(u64::MAX)).to_string().contains("after 1970"));
    }
}
