//! Locks that nobody poisons.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A poisoned lock is no reason to stop: none of ours guards more than a single assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
