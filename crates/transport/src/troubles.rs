//! What does not work right now, each by its name: for the one line that an operator sees first.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names of parts, and what is wrong with each.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<String, String>>);

impl Troubles {
    /// From now on `name` does not work, for this reason.
    pub fn set(&self, name: impl Into<String>, reason: impl Into<String>) {
        self.lock().insert(name.into(), reason.into());
    }

    /// It works again.
    pub fn clear(&self, name: &str) {
        self.lock().remove(name);
    }

    /// All of them in one line; none if everything works.
    pub fn summary(&self) -> Option<String> {
        let troubles: Vec<String> = self.lock().iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// No operation under the lock can panic half-way, so a poisoned lock still guards a whole map.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_work_is_named_until_it_works() {
        let troubles = Troubles::default();
        assert_eq!(troubles.summary(), None);
        troubles.set("inner-2", "no answer");
        troubles.set("inner-1", "another key");
        troubles.set("inner-2", "its address is unknown");
        assert_eq!(troubles.summary().as_deref(), Some("inner-1: another key; inner-2: its address is unknown"));
        troubles.clear("inner-1");
        troubles.clear("inner-2");
        assert_eq!(troubles.summary(), None);
    }
}
