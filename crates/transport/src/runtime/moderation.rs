//! Interrupt moderation, as network cards do it: a busy thread sleeps a moment before it looks for packets.
//!
//! What a packet costs a proxy is mostly the wake-up: system calls, and code and data that other processes have pushed out
//! of the caches. Packets that are handled in one wake-up share that, are sent on with one system call, and acknowledged
//! together. So before it waits, a thread that carries many streams sleeps, in proportion to their number, and whatever
//! comes meanwhile is one batch. With few streams it does not sleep at all: a packet that comes alone is never delayed.
//!
//! Proportional, because so many streams take their time anyway: at a thousand streams per second, `n` in flight take `n`
//! milliseconds each, and a few pauses of `n ×` [`PER_STREAM`] are a fraction of that.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

/// Up to so many streams nothing is delayed.
const FEW: u32 = 8;
/// The pause for each stream in flight.
const PER_STREAM: Duration = Duration::from_micros(50);
/// The longest pause: short against a path over the internet, and against every timer.
const LONGEST: Duration = Duration::from_millis(4);

thread_local! {
    static IN_FLIGHT: Cell<u32> = const { Cell::new(0) };
}

/// A stream that this thread carries, while it lasts.
///
/// Begins and ends on the same thread, as everything in a current-thread runtime does.
pub(crate) struct InFlight;

impl InFlight {
    pub(crate) fn begin() -> Self {
        IN_FLIGHT.set(IN_FLIGHT.get().saturating_add(1));
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.set(IN_FLIGHT.get().saturating_sub(1));
    }
}

/// To be called before the thread waits for events.
pub(super) fn let_packets_gather() {
    if let Some(pause) = pause(IN_FLIGHT.get()) {
        thread::sleep(pause);
    }
}

fn pause(in_flight: u32) -> Option<Duration> {
    (in_flight > FEW).then(|| (PER_STREAM * in_flight).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_streams_are_never_delayed_and_many_never_long() {
        assert_eq!(pause(0), None);
        assert_eq!(pause(FEW), None);
        assert_eq!(pause(50), Some(50 * PER_STREAM));
        assert_eq!(pause(u32::from(u16::MAX)), Some(LONGEST));
    }

    #[test]
    fn a_stream_counts_as_long_as_it_lasts() {
        let streams: Vec<_> = (0..FEW + 1).map(|_| InFlight::begin()).collect();
        assert_eq!(IN_FLIGHT.get(), FEW + 1);
        drop(streams);
        assert_eq!(IN_FLIGHT.get(), 0);
    }
}
