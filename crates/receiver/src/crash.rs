//! Deterministic crashes for tests of durability, in debug builds only.
//!
//! `SCHLEUSE_CRASH_AT=<step>` makes the process abort, as `kill -9` would, when it reaches the step for the first
//! time; `<step>#3` at the third time. Steps:
//!
//! * `before-commit-<command>` and `after-commit-<command>` around the commit of a round that contains the command, of
//!   `mint`, `begin`, `store`, `finish`, `discard`, `summarise`, `delete`, `end`, `sweep`, `meta`;
//! * `after-lookup`, `after-claim`, `before-receipt`, `after-receipt-sent` in a stream;
//! * `after-mint-commit`: the ticket is durable, but was not handed out.

/// Aborts here if the environment says so.
#[cfg(debug_assertions)]
pub(crate) fn point(when: &str, what: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static SEEN: AtomicU32 = AtomicU32::new(0);
    let Some((step, times)) = WANTED.get_or_init(|| std::env::var("SCHLEUSE_CRASH_AT").ok().map(parse)) else {
        return;
    };
    let matches = match what {
        "" => step == when,
        what => step.strip_prefix(when).and_then(|rest| rest.strip_prefix('-')) == Some(what),
    };
    if matches && SEEN.fetch_add(1, Ordering::SeqCst) + 1 == *times {
        std::process::abort();
    }
}

/// Release builds have no crash points.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_when: &str, _what: &str) {}

#[cfg(debug_assertions)]
fn parse(text: String) -> (String, u32) {
    match text.split_once('#') {
        Some((step, times)) => (step.to_owned(), times.parse().unwrap_or(1)),
        None => (text, 1),
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_name_its_occurrence() {
        assert_eq!(parse("after-claim".into()), ("after-claim".into(), 1));
        assert_eq!(parse("after-commit-store#3".into()), ("after-commit-store".into(), 3));
    }
}
