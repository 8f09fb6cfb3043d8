//! Streams that have not shown an authentic hello yet: strangers, for all we know. They have a budget of their own, so that
//! silent ones keep nobody out who has something to send.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use schleuse_protocol::wire::token::RouteNonce;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Streams of one token that may wait for their hello. A sender opens one at a time, and sends the hello with it.
const PER_TOKEN: u32 = 4;

/// All waiting streams.
#[derive(Debug)]
pub(crate) struct Arrivals {
    room: Arc<Semaphore>,
    by_token: Mutex<HashMap<RouteNonce, u32>>,
}

/// A waiting stream's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Arrival {
    arrivals: Arc<Arrivals>,
    nonce: Option<RouteNonce>,
    _place: OwnedSemaphorePermit,
}

impl Arrivals {
    /// Room for so many waiting streams.
    pub(crate) fn new(room: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(room)), by_token: Mutex::default() }
    }

    /// A stream was accepted; `None` if there is no room.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Arrival> {
        let place = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Arrival { arrivals: Arc::clone(self), nonce: None, _place: place })
    }
}

impl Arrival {
    /// The stream has named its token. Returns false if too many of this token wait already.
    pub(crate) fn name(&mut self, nonce: RouteNonce) -> bool {
        let mut by_token = self.arrivals.by_token.lock().expect("nothing panics under this lock");
        let waiting = by_token.entry(nonce).or_default();
        if *waiting >= PER_TOKEN {
            return false;
        }
        *waiting += 1;
        self.nonce = Some(nonce);
        true
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let Some(nonce) = self.nonce else { return };
        let mut by_token = self.arrivals.by_token.lock().expect("nothing panics under this lock");
        if let Some(waiting) = by_token.get_mut(&nonce) {
            *waiting -= 1;
            if *waiting == 0 {
                by_token.remove(&nonce);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_does_not_take_the_room_of_others() {
        let arrivals = Arc::new(Arrivals::new(6));
        let (one, other) = (RouteNonce([1; 16]), RouteNonce([2; 16]));
        let mut silent: Vec<_> = (0..4).map(|_| arrivals.enter().unwrap()).collect();
        assert!(silent.iter_mut().all(|arrival| arrival.name(one)));
        let mut fifth = arrivals.enter().unwrap();
        assert!(!fifth.name(one));
        drop(fifth);
        assert!(arrivals.enter().unwrap().name(other));
        silent.pop();
        assert!(arrivals.enter().unwrap().name(one), "a place that came free is not given again");
        silent.clear();
        assert!(arrivals.by_token.lock().unwrap().is_empty());
    }

    #[test]
    fn the_room_is_bounded() {
        let arrivals = Arc::new(Arrivals::new(2));
        let held = (arrivals.enter().unwrap(), arrivals.enter().unwrap());
        assert!(arrivals.enter().is_none());
        drop(held);
        assert!(arrivals.enter().is_some());
    }
}
