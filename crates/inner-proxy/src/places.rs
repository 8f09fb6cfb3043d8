//! How many streams one route token may have open here at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schleuse_protocol::wire::token::RouteNonce;

/// Streams of one token at a time, over all outer proxies. A ticket needs one; two while a sender that lost its
/// connection is back before the old stream is given up, and that may happen twice in a row. An office lets as many wait
/// for their hello, so more would only be refused there.
pub(crate) const PER_TOKEN: u32 = 4;

/// The tokens that have streams now. What is here is bounded by the number of streams.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<RouteNonce, u32>>);

impl Places {
    /// A place for a stream of this token, which must be authentic; none if all are taken.
    pub(crate) fn take(self: &Arc<Self>, nonce: RouteNonce) -> Option<Place> {
        let mut taken = self.lock();
        let of_token = taken.entry(nonce).or_default();
        if *of_token >= PER_TOKEN {
            return None;
        }
        *of_token += 1;
        Some(Place { places: self.clone(), nonce })
    }

    /// No operation under the lock can panic half-way, so a poisoned lock still guards a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<RouteNonce, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream's place; free again when it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    nonce: RouteNonce,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut of_token) = self.places.lock().entry(self.nonce) {
            *of_token.get_mut() -= 1;
            if *of_token.get() == 0 {
                of_token.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_few_places_and_takes_none_of_others() {
        let places = Arc::new(Places::default());
        let (one, other) = (RouteNonce([1; 16]), RouteNonce([2; 16]));
        let mut held: Vec<_> = (0..PER_TOKEN).map(|_| places.take(one).unwrap()).collect();
        assert!(places.take(one).is_none());
        assert!(places.take(other).is_some());
        held.pop();
        held.push(places.take(one).expect("the place that came free"));
        assert!(places.take(one).is_none(), "one place came free, not two");
    }

    #[test]
    fn a_token_without_streams_leaves_nothing_behind() {
        let places = Arc::new(Places::default());
        let held: Vec<_> = (0..2 * PER_TOKEN).map(|_| places.take(RouteNonce([1; 16]))).collect();
        assert_eq!(places.lock().len(), 1);
        drop(held);
        assert!(places.lock().is_empty());
    }
}
