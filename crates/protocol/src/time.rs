//! The two kinds of time that the machines take as arguments. Nothing in this crate asks a clock.

use core::time::Duration;

use bincode::{Decode, Encode};

/// Milliseconds of a monotonic clock with an arbitrary start: for timers only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// This time plus `duration`, saturating.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long from `earlier` to this time; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Seconds since 1970-01-01T00:00:00Z (POSIX time): for validity and for what is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// This time plus `duration` (whole seconds), saturating.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

/// Both clocks, read together once per event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub millis: Millis,
    /// For validity.
    pub unix: UnixSeconds,
}
