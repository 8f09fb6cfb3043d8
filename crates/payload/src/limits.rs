//! How much of anything is read before it is refused.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

/// The format's limit of people on one guest list.
pub const MAX_GUESTS: u32 = 10_000;

/// The format's limit of contact persons of one case.
pub const MAX_CONTACTS: u32 = 1_000;

/// The format's limit of events of one case.
pub const MAX_EVENTS: u32 = 1_000;

/// The reader's own limits. The numbers of guests, contacts and events belong to the format and are constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload in bytes. A caller that streams should stop at this count before it has it all in memory.
    pub max_bytes: u64,
    /// Deepest nesting of arrays and objects; the formats need five. More than 127 is never read.
    pub max_depth: u32,
    /// Most JSON values in one payload. It bounds memory: two bytes of JSON can cost seventy once they are a value.
    pub max_values: u32,
    /// Most flags that are listed; the rest is only counted.
    pub max_flags: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_bytes: 16 << 20, max_depth: 32, max_values: 400_000, max_flags: 200 }
    }
}

/// What [`limited`] says; `shape.rs` recognises it by this.
pub(crate) const TOO_MANY: &str = "too many elements";

/// Deserialises an array and stops at the first element over `MAX`, so that nobody can make us build a huge `Vec`.
pub(crate) fn limited<'de, D, T, const MAX: u32>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(Limited::<T, MAX>(PhantomData))
}

struct Limited<T, const MAX: u32>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: u32> Visitor<'de> for Limited<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut elements = Vec::new();
        for _ in 0..MAX {
            match seq.next_element()? {
                Some(element) => elements.push(element),
                None => return Ok(elements),
            }
        }
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(elements),
            Some(_) => Err(A::Error::custom(format_args!("{TOO_MANY}: {MAX}"))),
        }
    }
}
