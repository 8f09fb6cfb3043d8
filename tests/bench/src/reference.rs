//! References that need no network: primitives, and plain SQLite.

pub(crate) mod primitives;
pub(crate) mod sqlite;
