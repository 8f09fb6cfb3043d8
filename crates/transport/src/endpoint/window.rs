//! How much a peer may send on one connection before we read: little at first, more while it moves, within a budget that
//! all connections of a process share.
//!
//! Credit that was given cannot be taken back (RFC 9000, 4.1). quinn adds a growing window to the credit at once, and takes
//! a shrinking one out of the credit for what is read later: until then the peer may still use it. So what a connection
//! occupies is its window *and* what it still owes, and growing again pays that debt first. A connection that grew and
//! shrank a hundred times occupies what it did the first time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use schleuse_protocol::time::Millis;
use tokio::time::timeout;

use super::Limits;
use crate::net::Connection;

/// No connection takes more than this part of what is free, so that there is always something left for the next one. This
/// settles at equal shares without counting anybody (Choudhury and Hahne, "Dynamic queue length thresholds").
const SHARE: u64 = 4;
/// Shorter periods are not measured: a round trip on one machine is over before its bytes are read.
const SHORTEST_PERIOD: Duration = Duration::from_millis(2);
/// What a connection wants as soon as it carries something.
const FIRST: u64 = 256 * 1024;
/// A stream that waits as long as this for its next hop may pin all that it may send.
const BRIEF: Duration = Duration::from_millis(100);

/// Bytes of receive windows that a process may give out beyond what each connection has from the start.
#[derive(Debug)]
pub struct WindowBudget {
    bytes: u64,
    taken: AtomicU64,
}

impl WindowBudget {
    /// All of it is free.
    pub fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { bytes, taken: AtomicU64::new(0) })
    }

    /// Bytes that are given out.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether more than three quarters are given out: then nobody should keep what it does not use.
    pub fn is_scarce(&self) -> bool {
        self.taken() > self.bytes - self.bytes / 4
    }

    /// Gives as much of `wanted` as leaves `held`, with it, a fair part of what is free.
    fn take(&self, held: u64, wanted: u64) -> u64 {
        let mut given = 0;
        let taking = |taken: u64| {
            // The largest x with held + x <= (free - x) / SHARE.
            let free = self.bytes.saturating_sub(taken);
            let fair = free.saturating_sub(SHARE * held) / (SHARE + 1);
            given = wanted.min(fair);
            (given > 0).then_some(taken + given)
        };
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taking) {
            Ok(_) => given,
            Err(_) => 0,
        }
    }

    fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The receive window of one connection. Dropping it gives back what it took; the connection should be over by then.
#[derive(Debug)]
pub struct ReceiveWindow {
    connection: Connection,
    budget: Arc<WindowBudget>,
    /// Bytes at first, and of which the budget knows nothing.
    least: u64,
    most: u64,
    /// What one stream may pin.
    stream_window: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// As the carrier knows it.
    window: u64,
    /// What the window has shrunk by and was not read since.
    debt: u64,
    /// What the bytes that move need.
    moving: u64,
    /// What streams that wait for their next hop may pin.
    waiting: u64,
    /// When the period began that is measured, and what was read in it.
    since: Millis,
    read: u64,
}

impl ReceiveWindow {
    /// Of a connection that was set up with `limits`; it may become as large as `most`.
    pub fn new(connection: Connection, limits: &Limits, most: u32, budget: Arc<WindowBudget>) -> Arc<Self> {
        let window = u64::from(limits.connection_window);
        let state = State { window, debt: 0, moving: 0, waiting: 0, since: Millis(0), read: 0 };
        Arc::new(Self {
            connection,
            budget,
            least: window,
            most: u64::from(most),
            stream_window: u64::from(limits.stream_window),
            state: Mutex::new(state),
        })
    }

    /// Something is carried on this connection now.
    pub fn handle_used(&self) {
        let mut state = self.state();
        state.moving = state.moving.max(FIRST);
        self.adjust(&mut state);
    }

    /// Counts bytes that were read and handed on. Once a round trip it is looked how many there were: twice as many may
    /// then be on their way, so a peer that is held up by its window gets a larger one each time.
    pub fn handle_read(&self, bytes: usize, now: Millis) {
        let mut state = self.state();
        let bytes = bytes as u64;
        self.repay(&mut state, bytes);
        state.read = state.read.saturating_add(bytes);
        let elapsed = now.since(state.since);
        let round_trip = self.connection.rtt().max(SHORTEST_PERIOD);
        if elapsed < round_trip {
            return;
        }
        let per_round_trip = scaled(state.read, round_trip, elapsed);
        (state.since, state.read) = (now, 0);
        let wanted = per_round_trip.saturating_mul(2);
        if wanted > state.moving || self.budget.is_scarce() {
            state.moving = wanted.max(state.moving / 2);
        }
        self.adjust(&mut state);
    }

    /// Nothing is carried on this connection any more: it goes back to what it had at first.
    pub fn handle_idle(&self) {
        let mut state = self.state();
        state.moving = 0;
        self.adjust(&mut state);
    }

    /// Whether it occupies more than at first.
    pub fn is_grown(&self) -> bool {
        let state = self.state();
        state.window + state.debt > self.least
    }

    /// Does what needs a stream's next hop. While that lets it wait, the connection has one stream's window more, if the
    /// budget allows: what waits here must not hold up the connection's other streams.
    pub async fn while_waiting<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
            return done;
        }
        if let Ok(done) = timeout(BRIEF, &mut work).await {
            return done;
        }
        let _waiting = Waiting::new(self);
        work.await
    }

    /// What was read pays what is owed.
    fn repay(&self, state: &mut State, bytes: u64) {
        let repaid = state.debt.min(bytes);
        state.debt -= repaid;
        self.budget.give_back(repaid);
    }

    fn adjust(&self, state: &mut State) {
        let target = (state.moving.min(self.most) + state.waiting).clamp(self.least, self.most);
        let occupied = state.window + state.debt;
        if target > occupied {
            let given = self.budget.take(occupied - self.least, target - occupied);
            state.window += given;
            if given > 0 {
                self.set(state.window);
            }
        } else if target < state.window {
            state.debt += state.window - target;
            state.window = target;
            self.set(target);
        }
    }

    fn set(&self, window: u64) {
        self.connection.set_receive_window(u32::try_from(window).unwrap_or(u32::MAX));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReceiveWindow {
    fn drop(&mut self) {
        let occupied = {
            let state = self.state();
            state.window + state.debt
        };
        self.budget.give_back(occupied - self.least);
    }
}

/// A stream that waits for its next hop.
struct Waiting<'a>(&'a ReceiveWindow);

impl<'a> Waiting<'a> {
    fn new(window: &'a ReceiveWindow) -> Self {
        let mut state = window.state();
        state.waiting += window.stream_window;
        window.adjust(&mut state);
        drop(state);
        Self(window)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting -= self.0.stream_window;
        self.0.adjust(&mut state);
    }
}

/// What there would have been of `bytes` in `period` instead of in `elapsed`.
fn scaled(bytes: u64, period: Duration, elapsed: Duration) -> u64 {
    let micros = u128::from(bytes) * period.as_micros() / elapsed.as_micros().max(1);
    u64::try_from(micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
