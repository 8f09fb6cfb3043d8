//! Waiting for a condition, with a deadline. Nothing in the scenarios waits for a fixed time.

use std::time::{Duration, Instant};

/// Longer than anything that must happen takes on a slow machine that stands still now and then.
pub const SOON: Duration = Duration::from_secs(60);

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

/// Does something that must take less than `bound`, and returns how long it took. A machine that stands still meanwhile
/// proves nothing, so it is done again; what has to wait for a timer of its own is late each time.
///
/// # Panics
/// It was late three times.
pub fn quickly(what: &str, bound: Duration, mut attempt: impl FnMut() -> Duration) -> Duration {
    const TRIES: usize = 3;
    let mut late = Vec::new();
    while late.len() < TRIES {
        let took = attempt();
        println!("{what} after {took:?}");
        if took < bound {
            return took;
        }
        late.push(took);
    }
    panic!("{what} never within {bound:?}: {late:?}");
}

/// Polls until it is so.
///
/// # Panics
/// As [`until`].
pub fn until_true(what: &str, deadline: Duration, mut poll: impl FnMut() -> bool) {
    until(what, deadline, || poll().then_some(()));
}
