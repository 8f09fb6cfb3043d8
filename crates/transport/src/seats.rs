//! How many connections a daemon holds at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The seats of a daemon, over all its threads.
pub struct Seats {
    most: usize,
    taken: AtomicUsize,
}

impl Seats {
    /// So many, all free.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: AtomicUsize::new(0) })
    }

    /// None if all are taken.
    pub fn take(self: &Arc<Self>) -> Option<Seat> {
        let one_more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Seat(self.clone()))
    }

    /// Whether more than three quarters are taken: then nobody should sit on one without using it.
    pub fn are_scarce(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > self.most - self.most / 4
    }
}

/// One connection's seat; free again when it is dropped.
pub struct Seat(Arc<Seats>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_scarce_and_free_again() {
        let seats = Seats::new(4);
        let mut held: Vec<_> = (0..3).map(|_| seats.take().unwrap()).collect();
        assert!(!seats.are_scarce());
        held.extend(seats.take());
        assert!(seats.are_scarce());
        assert!(seats.take().is_none());
        held.pop();
        assert!(!seats.are_scarce());
        assert!(seats.take().is_some());
    }
}
