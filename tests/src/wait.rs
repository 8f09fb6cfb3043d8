//! Waiting for a condition, with a deadline. Nothing in the scenarios waits for a fixed time.

use std::time::{Duration, Instant};

/// Longer than anything that must happen takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

/// Polls until there is an answer.
///
/// # Panics
/// `what` did not happen in time.
pub fn until<T>(what: &str, deadline: Duration, mut poll: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(answer) = poll() {
            return answer;
        }
        assert!(since.elapsed() < deadline, "within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Polls until it is so.
///
/// # Panics
/// As [`until`].
pub fn until_true(what: &str, deadline: Duration, mut poll: impl FnMut() -> bool) {
    until(what, deadline, || poll().then_some(()));
}
