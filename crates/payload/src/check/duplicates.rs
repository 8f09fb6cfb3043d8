//! The same person twice.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

use super::Checker;
use crate::flags::FlagCode;
use crate::known::Known;

/// The people seen so far in one list.
#[derive(Default)]
pub(super) struct Seen(HashSet<String>);

impl Checker<'_> {
    /// Two entries are the same if names, times and one group of details agree: the first group of which something is
    /// known. Two people of one name with nothing else known are not flagged.
    pub(crate) fn duplicate(&mut self, row: &Known<'_>, details: &[&[&str]], times: &[&str]) {
        let Some(identity) = identity(row, details, times) else { return };
        if !self.seen.0.insert(identity) {
            let at = ["firstName", "lastName"].iter().find_map(|name| row.get(name)).map_or(0, |name| name.at);
            self.flag(FlagCode::DuplicatePerson, at);
        }
    }
}

fn identity(row: &Known<'_>, details: &[&[&str]], times: &[&str]) -> Option<String> {
    let is_known = |group: &&&[&str]| group.iter().any(|path| row.get(path).is_some());
    let details = details.iter().find(is_known)?;
    let mut identity = String::new();
    for path in ["firstName", "lastName"].iter().chain(*details).chain(times) {
        // Case, spaces and the decomposition of umlauts make no other person.
        let words = row.text(path).unwrap_or("").split_whitespace();
        identity.extend(words.flat_map(|word| word.nfc()).flat_map(char::to_lowercase));
        identity.push('\u{1f}');
    }
    Some(identity)
}
