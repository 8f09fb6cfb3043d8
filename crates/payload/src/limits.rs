//! How much of anything is read before it is refused.

/// The limits of one payload. Offices, the command line and programs that embed this crate use the same default, so that
/// what a sender's check reads an office reads, too. Numbers of guests, contacts and events belong to the formats and are
/// constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload in bytes. A caller that streams should stop at this count before it has it all in memory.
    pub max_bytes: u64,
    /// Deepest nesting of arrays and objects; the formats need five. What is nested deeper stands as text.
    pub max_depth: u32,
    /// Most JSON values in one payload. It bounds memory: two bytes of JSON can cost seventy once they are a value.
    pub max_values: u32,
    /// Most fields in one object.
    pub max_fields: u32,
    /// Most places that are listed for each code; the rest is only counted.
    pub max_places: u32,
}

impl Default for Limits {
    /// 10,000 guests with 30 fields each, indented, are 10 MB and 340,000 values.
    fn default() -> Self {
        Limits { max_bytes: 16 << 20, max_depth: 32, max_values: 1_000_000, max_fields: 1_000, max_places: 20 }
    }
}
