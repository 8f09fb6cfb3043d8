//! Streams per connection: few slots at first, more when they are used.
//!
//! quinn allocates a slot for every stream that the peer *may* open (37 kB for a connection with 4, 171 kB with
//! 1,024), and most connections never use them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::limits::Limits;
use crate::net::Connection;

/// Counts the streams that the peer has open and allows it more before it runs out.
pub struct StreamBudget {
    connection: Connection,
    open: Arc<AtomicU32>,
    allowed: AtomicU32,
    max: u32,
}

impl StreamBudget {
    /// For a connection that was set up with `limits`.
    pub fn new(connection: Connection, limits: &Limits) -> Self {
        let allowed = AtomicU32::new(limits.first_streams);
        Self { connection, open: Arc::default(), allowed, max: limits.max_streams }
    }

    /// Call for every stream that was accepted, and keep the slot as long as the stream.
    pub fn accepted(&self) -> StreamSlot {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        let allowed = self.allowed.load(Ordering::Relaxed);
        if let Some(more) = raised(open, allowed, self.max) {
            self.allowed.store(more, Ordering::Relaxed);
            self.connection.set_max_streams(more);
        }
        StreamSlot(self.open.clone())
    }

    /// Streams that are open now.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

/// One accepted stream; dropping it gives the slot back.
pub struct StreamSlot(Arc<AtomicU32>);

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Four times as many once half of the slots are taken. They are not taken back: quinn does not shrink its tables.
fn raised(open: u32, allowed: u32, max: u32) -> Option<u32> {
    (open >= allowed.div_ceil(2) && allowed < max).then(|| allowed.saturating_mul(4).min(max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_grow_with_use_up_to_the_maximum() {
        assert_eq!(raised(3, 8, 4096), None);
        assert_eq!(raised(4, 8, 4096), Some(32));
        assert_eq!(raised(2048, 2048, 4096), Some(4096));
        assert_eq!(raised(4096, 4096, 4096), None);
        assert_eq!(raised(1, 0, 0), None);
    }
}
