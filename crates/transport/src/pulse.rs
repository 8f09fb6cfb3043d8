//! Whether the threads of a daemon still move.
//!
//! A thread that hangs (a deadlock, a loop without an end) neither ends nor panics. So each ticks a counter, and whoever
//! watches compares.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often each thread ticks.
pub const TICK: Duration = Duration::from_secs(1);

/// The counters of all threads of a daemon. Clones are the same counters.
#[derive(Clone)]
pub struct Pulse(Arc<[(String, AtomicU64)]>);

impl Pulse {
    /// For threads of these names.
    pub fn new(threads: impl IntoIterator<Item = String>) -> Self {
        Self(threads.into_iter().map(|name| (name, AtomicU64::new(0))).collect())
    }

    /// Ticks for the thread of this index for ever; run it on that thread's runtime.
    pub async fn beat(self, thread: usize) -> Infallible {
        loop {
            if let Some((_, counter)) = self.0.get(thread) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Watches from now on.
    pub fn watch(&self) -> Watch {
        Watch { pulse: self.clone(), seen: vec![0; self.0.len()] }
    }
}

/// What was seen of a [`Pulse`] at the last look.
pub struct Watch {
    pulse: Pulse,
    seen: Vec<u64>,
}

impl Watch {
    /// The names of the threads that have not moved since the last look, which must be more than a [`TICK`] ago.
    pub fn stuck(&mut self) -> Vec<String> {
        let mut stuck = Vec::new();
        for ((name, counter), seen) in self.pulse.0.iter().zip(&mut self.seen) {
            let now = counter.load(Ordering::Relaxed);
            if now == *seen {
                stuck.push(name.clone());
            }
            *seen = now;
        }
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thread_that_does_not_move_is_named() {
        let pulse = Pulse::new(["outer-0".to_owned(), "outer-1".to_owned()]);
        let (one, other) = (tokio::spawn(pulse.clone().beat(0)), tokio::spawn(pulse.clone().beat(1)));
        let mut watch = pulse.watch();
        tokio::time::sleep(2 * TICK).await;
        assert!(watch.stuck().is_empty());
        other.abort();
        tokio::time::sleep(3 * TICK).await;
        assert_eq!(watch.stuck(), ["outer-1"]);
        one.abort();
    }
}
