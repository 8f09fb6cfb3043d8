//! The root keys that a consumer pins: a small file that comes with the software or by hand, never over the network.

use serde::{Deserialize, Serialize};

use crate::error::DirectoryError;
use crate::limits::MAX_ROOTS;
use crate::parse;
use crate::values::Hex;

/// Root keys and how many of them must have signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKeys {
    threshold: usize,
    keys: Vec<Hex<32>>,
}

impl RootKeys {
    /// `threshold` of `keys` (Ed25519) must sign.
    ///
    /// # Errors
    /// The threshold is 0 or more than there are keys; a key comes twice; more than 16 keys.
    pub fn new(threshold: usize, keys: Vec<[u8; 32]>) -> Result<Self, DirectoryError> {
        Self { threshold, keys: keys.into_iter().map(Hex).collect() }.checked()
    }

    /// Reads TOML or JSON: `threshold = 2` and `keys = ["hex", …]`.
    ///
    /// # Errors
    /// The text is neither of them, or as [`new`](Self::new).
    pub fn parse(text: &str) -> Result<Self, DirectoryError> {
        parse::either::<Self>(text)?.checked()
    }

    /// The form that [`parse`](Self::parse) reads.
    ///
    /// # Errors
    /// None is known; the writer's type requires it.
    pub fn to_toml(&self) -> Result<String, DirectoryError> {
        toml::to_string_pretty(self).map_err(|error| DirectoryError::Unwritable(error.to_string()))
    }

    /// How many must have signed.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// The pinned keys.
    pub fn keys(&self) -> &[Hex<32>] {
        &self.keys
    }

    /// Whether this key is pinned.
    pub fn contains(&self, key: &Hex<32>) -> bool {
        self.keys.contains(key)
    }

    fn checked(self) -> Result<Self, DirectoryError> {
        let problem = |place: &str, text: String| Err(DirectoryError::invalid(format!("root keys: {place}"), text));
        if self.keys.len() > MAX_ROOTS {
            return problem("keys", format!("{} entries, at most {MAX_ROOTS} are accepted", self.keys.len()));
        }
        if self.threshold == 0 || self.threshold > self.keys.len() {
            return problem("threshold", format!("must be 1 to {}, the number of keys", self.keys.len()));
        }
        match self.keys.iter().enumerate().find(|(index, key)| self.keys[..*index].contains(key)) {
            Some((_, twice)) => problem("keys", format!("{twice} stands there twice")),
            None => Ok(self),
        }
    }
}
