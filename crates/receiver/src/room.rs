//! Room for streams, of each inner proxy for itself: what comes over one cannot keep out what comes over another.
//!
//! A stream that has not shown an authentic hello yet may be anybody's; such *half-open* streams have a room of their own,
//! so that silent ones keep nobody out who has something to send. With the hello it takes a permit, of which there are as
//! many as may send at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::token::RouteNonce;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Half-open streams of one token. A sender opens one at a time, and sends the hello with it.
const PER_TOKEN: u32 = 4;
/// Half-open streams for each that may send: they cost little.
const HALF_OPEN_PER_PERMIT: usize = 4;
/// Half-open streams that every inner proxy may have, however many there are.
const LEAST_HALF_OPEN: usize = 64;

/// The room of all inner proxies.
#[derive(Debug)]
pub(crate) struct Room {
    /// Half-open streams of one inner proxy.
    half_open: usize,
    /// Permits that one inner proxy may hold.
    permits: usize,
    /// Permits that all of them hold together.
    shared: Arc<Semaphore>,
    inners: Mutex<HashMap<MemberId, Arc<InnerRoom>>>,
}

/// The room of one inner proxy, over all its connections.
#[derive(Debug)]
pub(crate) struct InnerRoom {
    inner: MemberId,
    half_open: Arc<Semaphore>,
    permits: Arc<Semaphore>,
    shared: Arc<Semaphore>,
    by_token: Mutex<HashMap<RouteNonce, u32>>,
}

/// A half-open stream's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    room: Arc<InnerRoom>,
    nonce: Option<RouteNonce>,
    _place: OwnedSemaphorePermit,
}

/// A sending stream's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct SendPermit {
    _of_inner: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Room {
    /// So many streams may send at a time, over so many inner proxies. One of several takes three quarters at most.
    pub(crate) fn new(max_streams: usize, inners: usize) -> Self {
        let inners = inners.max(1);
        Self {
            half_open: (max_streams.saturating_mul(HALF_OPEN_PER_PERMIT) / inners).max(LEAST_HALF_OPEN),
            permits: if inners == 1 { max_streams } else { (max_streams - max_streams / 4).max(1) },
            shared: Arc::new(Semaphore::new(max_streams)),
            inners: Mutex::default(),
        }
    }

    /// That of one inner proxy.
    pub(crate) fn of(&self, inner: MemberId) -> Arc<InnerRoom> {
        let mut inners = self.inners.lock().expect("nothing panics under this lock");
        let room = inners.entry(inner).or_insert_with(|| {
            Arc::new(InnerRoom {
                inner,
                half_open: Arc::new(Semaphore::new(self.half_open)),
                permits: Arc::new(Semaphore::new(self.permits)),
                shared: Arc::clone(&self.shared),
                by_token: Mutex::default(),
            })
        });
        Arc::clone(room)
    }
}

impl InnerRoom {
    /// Whose it is.
    pub(crate) fn inner(&self) -> MemberId {
        self.inner
    }

    /// A stream was accepted; `None` if there is no room.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<HalfOpen> {
        let place = Arc::clone(&self.half_open).try_acquire_owned().ok()?;
        Some(HalfOpen { room: Arc::clone(self), nonce: None, _place: place })
    }

    /// A stream has an authentic hello; `None` if too many send already.
    pub(crate) fn permit(&self) -> Option<SendPermit> {
        let of_inner = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.shared).try_acquire_owned().ok()?;
        Some(SendPermit { _of_inner: of_inner, _of_all: of_all })
    }

    fn by_token(&self) -> MutexGuard<'_, HashMap<RouteNonce, u32>> {
        self.by_token.lock().expect("nothing panics under this lock")
    }
}

impl HalfOpen {
    /// The stream has named its token. Returns false if too many of this token are half-open already.
    pub(crate) fn name(&mut self, nonce: RouteNonce) -> bool {
        let mut by_token = self.room.by_token();
        let waiting = by_token.entry(nonce).or_default();
        if *waiting >= PER_TOKEN {
            return false;
        }
        *waiting += 1;
        self.nonce = Some(nonce);
        true
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let Some(nonce) = self.nonce else { return };
        let mut by_token = self.room.by_token();
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

    fn inner(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    fn fill<T>(take: impl FnMut() -> Option<T>) -> Vec<T> {
        std::iter::from_fn(take).take(10_000).collect()
    }

    #[test]
    fn one_token_does_not_take_the_room_of_others() {
        let room = Room::new(16, 1).of(inner("a"));
        let (one, other) = (RouteNonce([1; 16]), RouteNonce([2; 16]));
        let mut silent: Vec<_> = (0..4).map(|_| room.enter().unwrap()).collect();
        assert!(silent.iter_mut().all(|half_open| half_open.name(one)));
        let mut fifth = room.enter().unwrap();
        assert!(!fifth.name(one));
        drop(fifth);
        assert!(room.enter().unwrap().name(other));
        silent.pop();
        assert!(room.enter().unwrap().name(one), "a place that came free is not given again");
        silent.clear();
        assert!(room.by_token().is_empty());
    }

    #[test]
    fn silent_streams_of_one_inner_proxy_leave_the_others_their_room() {
        let room = Room::new(256, 2);
        let silent = fill(|| room.of(inner("a")).enter());
        assert_eq!(silent.len(), 512);
        assert_eq!(fill(|| room.of(inner("b")).enter()).len(), 512);
        drop(silent);
        assert!(room.of(inner("a")).enter().is_some());
    }

    #[test]
    fn senders_over_one_of_several_inner_proxies_leave_a_quarter_to_the_others() {
        let room = Room::new(8, 2);
        let held = fill(|| room.of(inner("a")).permit());
        assert_eq!(held.len(), 6);
        let others = fill(|| room.of(inner("b")).permit());
        assert_eq!(others.len(), 2, "all together are bounded");
        drop(held);
        assert!(room.of(inner("b")).permit().is_some());
        for (most, inners, taken) in [(8, 1, 8), (1, 3, 1)] {
            let room = Room::new(most, inners);
            assert_eq!(fill(|| room.of(inner("a")).permit()).len(), taken, "{most} over {inners}");
        }
    }
}
