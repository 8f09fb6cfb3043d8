//! Scenarios that a machine cannot run: left out and said, or a failure where everything must run.
//!
//! Some scenarios need more than Rust and a C compiler: root, network namespaces, a small disk to mount. `.ci/install` installs
//! what they need. An unprivileged user's `cargo test` leaves them out, each with a line on standard error. Where `CI` or
//! `SCHLEUSE_REQUIRE_ALL` is set, that is a failure instead, unless `ALLOW_SKIPS=1`.

use std::io::Write;

/// Says that the running test is left out because of `reason`. The test returns afterwards.
///
/// # Panics
/// On a machine where nothing may be left out.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        may_skip(|name| std::env::var(name).ok()),
        "{test} would be left out: {reason}. Install what it needs with .ci/install and run as root, or set ALLOW_SKIPS=1"
    );
    // Not `eprintln!`, whose text a test that passes does not show.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {test}: {reason}");
}

fn may_skip(environment: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| environment(name).is_some_and(|value| !["", "0", "false"].contains(&value.as_str()));
    is_set("ALLOW_SKIPS") || !(is_set("CI") || is_set("SCHLEUSE_REQUIRE_ALL"))
}

#[cfg(test)]
mod tests {
    use super::may_skip;

    fn allowed(environment: &[(&str, &str)]) -> bool {
        may_skip(|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_persons_machine_may_skip_and_ci_may_not() {
        assert!(allowed(&[]));
        assert!(allowed(&[("CI", "")]));
        assert!(allowed(&[("CI", "false")]));
        assert!(!allowed(&[("CI", "true")]));
        assert!(!allowed(&[("SCHLEUSE_REQUIRE_ALL", "1")]));
        assert!(!allowed(&[("CI", "true"), ("ALLOW_SKIPS", "0")]));
        assert!(allowed(&[("CI", "true"), ("ALLOW_SKIPS", "1")]));
    }
}
