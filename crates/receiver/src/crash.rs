//! Deterministic crashes and stops for tests, in debug builds only.
//!
//! `SCHLEUSE_CRASH_AT=<step>` makes the process abort, as `kill -9` would, when it reaches the step for the first
//! time; `<step>#3` at the third time. `SCHLEUSE_HOLD_AT=<step>:<socket>` makes the step wait, as for a slow disk: it connects
//! to the Unix socket, and goes on when the other side closes that connection. It holds a whole thread up, so it is meant
//! for the writer's steps. `SCHLEUSE_PANIC_AT=<step>` makes the thread or task panic there. Steps:
//!
//! * `before-commit-<command>` and `after-commit-<command>` around the commit of a round that contains the command, of
//!   `mint`, `begin`, `store`, `finish`, `discard`, `summarise`, `delete`, `end`, `sweep`, `meta`;
//! * `after-lookup`, `after-claim`, `before-receipt`, `after-receipt-sent` in a stream;
//! * `after-mint-commit`: the ticket is durable, but was not handed out.

#[cfg(debug_assertions)]
use std::sync::LazyLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

/// Aborts, panics or waits here if the environment says so.
#[cfg(debug_assertions)]
pub(crate) fn point(when: &str, what: &str) {
    static CRASH: LazyLock<Option<Step>> = LazyLock::new(|| std::env::var("SCHLEUSE_CRASH_AT").ok().map(Step::parse));
    static PANIC: LazyLock<Option<Step>> = LazyLock::new(|| std::env::var("SCHLEUSE_PANIC_AT").ok().map(Step::parse));
    static HOLD: LazyLock<Option<(Step, String)>> = LazyLock::new(|| {
        let wanted = std::env::var("SCHLEUSE_HOLD_AT").ok()?;
        let (step, socket) = wanted.split_once(':')?;
        Some((Step::parse(step.to_owned()), socket.to_owned()))
    });
    if CRASH.as_ref().is_some_and(|step| step.is_reached(when, what)) {
        std::process::abort();
    }
    assert!(!PANIC.as_ref().is_some_and(|step| step.is_reached(when, what)), "a panic that a test asked for");
    if let Some((_, socket)) = HOLD.as_ref().filter(|(step, _)| step.is_reached(when, what)) {
        hold(socket);
    }
}

/// Release builds have neither.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_when: &str, _what: &str) {}

/// Waits until the test closes the connection; not at all if there is no test any more.
#[cfg(debug_assertions)]
fn hold(socket: &str) {
    if let Ok(mut connection) = std::os::unix::net::UnixStream::connect(socket) {
        let _ = std::io::Read::read(&mut connection, &mut [0]);
    }
}

/// A step, at one of the times that it is reached.
#[cfg(debug_assertions)]
struct Step {
    name: String,
    time: u32,
    seen: AtomicU32,
}

#[cfg(debug_assertions)]
impl Step {
    fn parse(text: String) -> Self {
        let (name, time) = match text.split_once('#') {
            Some((name, time)) => (name.to_owned(), time.parse().unwrap_or(1)),
            None => (text, 1),
        };
        Self { name, time, seen: AtomicU32::new(0) }
    }

    /// Counts; whether this is the step, and the time.
    fn is_reached(&self, when: &str, what: &str) -> bool {
        let matches = match what {
            "" => self.name == when,
            what => self.name.strip_prefix(when).and_then(|rest| rest.strip_prefix('-')) == Some(what),
        };
        matches && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.time
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_name_its_occurrence() {
        let first = Step::parse("after-claim".into());
        assert_eq!([first.is_reached("after-claim", ""), first.is_reached("after-claim", "")], [true, false]);
        let second = Step::parse("after-commit-store#2".into());
        let seen = [("after-commit", "begin"), ("after-commit", "store"), ("after-commit", "store")];
        assert_eq!(seen.map(|(when, what)| second.is_reached(when, what)), [false, false, true]);
    }
}
