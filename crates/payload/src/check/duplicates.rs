//! The same person twice.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

use super::Checker;
use crate::PersonRef;
use crate::flags::FlagCode;

/// The people seen so far in one list.
#[derive(Default)]
pub(super) struct Seen(HashSet<String>);

impl Checker<'_> {
    /// Two entries are the same person if the names agree and the date of birth, or without one the contact details.
    /// Two people of one name with nothing else known are not flagged.
    pub(super) fn duplicate(&mut self, seen: &mut Seen, person: PersonRef<'_>) {
        if identity(person).is_some_and(|identity| !seen.0.insert(identity)) {
            self.flag(FlagCode::DuplicatePerson);
        }
    }
}

fn identity(person: PersonRef<'_>) -> Option<String> {
    let birth = person.date_of_birth.map(|birth| birth.as_str());
    let details = match birth {
        Some(birth) => vec![birth],
        None => [person.email, person.phone, person.mobile_phone].into_iter().flatten().collect(),
    };
    if details.is_empty() {
        return None;
    }
    let mut identity = String::new();
    for part in [person.first_name, person.last_name].into_iter().chain(details) {
        // Case, spaces and the decomposition of umlauts make no other person.
        identity.extend(part.split_whitespace().flat_map(|word| word.nfc()).flat_map(char::to_lowercase));
        identity.push('\u{1f}');
    }
    Some(identity)
}
