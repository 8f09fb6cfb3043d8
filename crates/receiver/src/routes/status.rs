//! What the staff sees of a link.

use serde::{Deserialize, Serialize};

/// How a link to an inner proxy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The inner proxy.
    pub inner: String,
    /// Where it is dialled.
    pub address: String,
    /// Whether it is connected.
    pub up: bool,
    /// Route tokens in stock that lead here: none while it is not connected, or minted with a secret that it no longer has.
    pub tokens: u64,
    /// What went wrong last, while it is not connected.
    pub trouble: Option<String>,
    /// What it did in the last minutes that an honest one does not do, whether it is connected or not.
    #[serde(default)]
    pub complaints: Vec<String>,
}
