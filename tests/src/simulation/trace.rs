//! The fingerprint of a run: a hash over everything that happened, in order.

use sha2::{Digest, Sha256};

/// Hashes events. With the environment variable `SIMULATION_TRACE` it prints them as well.
pub(super) struct Trace {
    hash: Sha256,
    print: bool,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { hash: Sha256::new(), print: std::env::var_os("SIMULATION_TRACE").is_some() }
    }

    pub(super) fn note(&mut self, now: u64, what: &str) {
        self.hash.update(now.to_le_bytes());
        self.hash.update(what.as_bytes());
        if self.print {
            println!("{now:>8} {what}");
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    pub(super) fn finish(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}
