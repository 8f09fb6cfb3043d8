//! What was read of an object: the texts of the format's fields, by path.

use std::borrow::Cow;

/// The readable, non-blank fields of one object, without its lists.
#[derive(Default)]
pub(crate) struct Known<'a>(Vec<Entry<'a>>);

struct Entry<'a> {
    path: String,
    value: Value<'a>,
}

/// The text of a field and its place.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    /// As it is shown.
    pub(crate) text: Cow<'a, str>,
    /// Byte offset in the payload.
    pub(crate) at: usize,
}

impl<'a> Known<'a> {
    pub(crate) fn add(&mut self, path: String, text: Cow<'a, str>, at: usize) {
        self.0.push(Entry { path, value: Value { text, at } });
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|entry| entry.path == path).map(|entry| &entry.value)
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(|value| value.text.as_ref())
    }
}

/// How many elements the lists have, by table.
#[derive(Default)]
pub(crate) struct Counts(Vec<(&'static str, u32)>);

impl Counts {
    pub(crate) fn add(&mut self, table: &'static str, count: u32) {
        self.0.push((table, count));
    }

    pub(crate) fn of(&self, table: &str) -> u32 {
        self.0.iter().filter(|(name, _)| *name == table).map(|(_, count)| count).sum()
    }
}
