//! What is implausible about a payload, without its content.

use serde::{Serialize, Serializer};

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Relative to the payload itself: `guests[3].phone`. `*` is a field that the format does not define.
    pub path: String,
    /// Line in the content, from 1.
    pub line: u32,
}

/// Everything that was flagged with one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What.
    pub code: FlagCode,
    /// How often.
    pub count: u32,
    /// The first places, see [`Limits::max_places`](crate::Limits::max_places).
    pub places: Vec<Place>,
}

/// The flags of one payload: a group for each code, so that what happened once is not lost behind what happened 600 times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// In the order of [`FlagCode::ALL`]: what a person should look at first comes first.
    pub groups: Vec<Group>,
}

impl Flags {
    /// How many there are in all groups.
    pub fn total(&self) -> u32 {
        self.groups.iter().fold(0, |total: u32, group| total.saturating_add(group.count))
    }

    /// The group of a code, if there is one.
    pub fn of(&self, code: FlagCode) -> Option<&Group> {
        self.groups.iter().find(|group| group.code == code)
    }

    /// Counts a flag; its place is only asked for if it will be listed.
    pub(crate) fn add(&mut self, code: FlagCode, max_places: u32, place: impl FnOnce() -> Place) {
        let at = match self.groups.binary_search_by_key(&code, |group| group.code) {
            Ok(at) => at,
            Err(at) => {
                self.groups.insert(at, Group { code, count: 0, places: Vec::new() });
                at
            }
        };
        let group = &mut self.groups[at];
        group.count = group.count.saturating_add(1);
        if group.places.len() < max_places as usize {
            group.places.push(place());
        }
    }
}

/// The languages of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Deutsch.
    De,
    /// English.
    En,
}

macro_rules! flag_codes {
    ($($(#[$meta:meta])* $variant:ident = $code:literal, $de:literal, $en:literal;)+) => {
        /// What can be implausible. What a person should look at first comes first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FlagCode {
            $($(#[$meta])* $variant,)+
        }

        impl FlagCode {
            /// Every code.
            pub const ALL: &[FlagCode] = &[$(FlagCode::$variant,)+];

            /// The stable code for programs.
            pub fn as_str(self) -> &'static str {
                match self { $(FlagCode::$variant => $code,)+ }
            }

            /// The text for people.
            pub fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((FlagCode::$variant, Language::De) => $de, (FlagCode::$variant, Language::En) => $en,)+
                }
            }
        }
    };
}

flag_codes! {
    /// Another JSON type than the format says, and not readable as what the format says. It is kept as it came.
    WrongType = "wrong-type",
        "Hier steht etwas anderes, als das Format vorsieht; es ist nicht in der Spalte, aber aufbewahrt.",
        "This is something else than the format says; it is kept, but not in its column.";
    /// A required field is not there, or says nothing.
    Missing = "missing",
        "Pflichtfeld fehlt oder ist leer.", "A required field is missing or empty.";
    /// An object has a field twice. The last one is in its column, the others stand under the name with a number.
    DuplicateField = "duplicate-field",
        "Das Feld steht mehrmals da; gelesen wurde das letzte, die anderen sind aufbewahrt.",
        "The field is there more than once; the last one was read, the others are kept.";
    /// Nested too deeply to be shown as what it is; it stands as text.
    TooDeep = "too-deep",
        "Zu tief verschachtelt; steht als Text da.", "Nested too deeply; it stands as text.";
    /// Not readable as a date or a time.
    DateUnreadable = "date-unreadable",
        "Datum nicht lesbar (erwartet wird ISO 8601).", "The date is not readable (ISO 8601 is expected).";
    /// The end is before the beginning.
    PeriodReversed = "period-reversed",
        "Das Ende liegt vor dem Anfang.", "The end is before the beginning.";
    /// Outside the time that the office asked for.
    OutsideRequestedPeriod = "outside-requested-period",
        "Liegt außerhalb des angefragten Zeitraums.", "Lies outside the period asked for.";
    /// Outside the time that the list says it covers.
    OutsideListPeriod = "outside-list-period",
        "Liegt außerhalb des Zeitraums der Liste.", "Lies outside the period of the list.";
    /// A spreadsheet could take it for a formula.
    FormulaStart = "formula-start",
        "Beginnt wie eine Tabellenformel; nur über den Export in eine Tabelle übernehmen.",
        "Begins like a spreadsheet formula; move it into a spreadsheet by the export only.";
    /// A character that changes the direction of text.
    BidiCharacter = "bidi-character",
        "Enthält Zeichen, die die Schreibrichtung ändern; der Text kann anders aussehen, als er ist.",
        "Contains characters that change the writing direction; the text may look different from what it is.";
    /// A character that cannot be seen, other than those with which some languages are spelled.
    InvisibleCharacter = "invisible-character",
        "Enthält unsichtbare Zeichen.", "Contains invisible characters.";
    /// A control character (in one-line fields also a line break).
    ControlCharacter = "control-character",
        "Enthält Steuerzeichen.", "Contains control characters.";
    /// UTF-8 that was read as something else and written again: `MÃ¼ller`.
    Mojibake = "mojibake",
        "Umlaute sind beschädigt (etwa MÃ¼ller statt Müller).", "Umlauts are damaged (such as MÃ¼ller for Müller).";
    /// U+FFFD, or a question mark in a name: a character was lost.
    LostCharacter = "lost-character",
        "Ein Zeichen ging beim Absender verloren (� oder ?).", "The sender's software lost a character (� or ?).";
    /// A number as a spreadsheet shows long ones: `4.91711E+11`. Digits are lost.
    SpreadsheetNumber = "spreadsheet-number",
        "Zahl in Tabellenschreibweise (etwa 4,91711E+11): Ziffern sind verloren.",
        "A number as spreadsheets write it (such as 4.91711E+11): digits are lost.";
    /// Four digits: a leading zero may be lost.
    ShortPostCode = "short-post-code",
        "Postleitzahl mit vier Ziffern: womöglich fehlt die führende Null.",
        "A postal code of four digits: the leading zero may be missing.";
    /// Born after today.
    BirthInFuture = "birth-in-future",
        "Das Geburtsdatum liegt in der Zukunft.", "The date of birth is in the future.";
    /// Born more than 125 years ago.
    BirthTooLongAgo = "birth-too-long-ago",
        "Das Geburtsdatum liegt mehr als 125 Jahre zurück.", "The date of birth is more than 125 years ago.";
    /// The same person with the same times stands further up already.
    DuplicatePerson = "duplicate-person",
        "Dieselbe Person steht weiter oben schon einmal mit denselben Zeiten.",
        "The same person already stands further up with the same times.";
    /// No e-mail address.
    EmailImplausible = "email-implausible",
        "Sieht nicht wie eine E-Mail-Adresse aus.", "Does not look like an e-mail address.";
    /// No telephone number.
    PhoneImplausible = "phone-implausible",
        "Sieht nicht wie eine Telefonnummer aus.", "Does not look like a telephone number.";
    /// A code that the format does not know.
    UnknownValue = "unknown-value",
        "Wert ist im Format nicht vorgesehen.", "The format does not know this value.";
    /// Longer than the format's maximum.
    TooLong = "too-long",
        "Länger, als das Format erlaubt.", "Longer than the format allows.";
    /// Another JSON type than the format says, but it is plain what is meant.
    Converted = "converted",
        "Anderer JSON-Typ als vorgesehen (etwa Zahl statt Text); gelesen wie gemeint.",
        "Another JSON type than the format says (such as a number for a text); read as it was meant.";
    /// A readable date that is not ISO 8601.
    DateNotIso = "date-not-iso",
        "Datum lesbar, aber nicht nach ISO 8601 geschrieben.", "The date is readable, but not written as ISO 8601.";
    /// Not in Unicode normalisation form C: a search may miss it.
    NotNfc = "not-nfc",
        "Zeichen in ungewöhnlicher Zerlegung (nicht NFC); eine Suche findet den Text womöglich nicht.",
        "Characters in an unusual decomposition (not NFC); a search may not find the text.";
}

impl Serialize for FlagCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_every_text_exists_in_both_languages() {
        let codes: HashSet<_> = FlagCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), FlagCode::ALL.len());
        for code in FlagCode::ALL {
            assert!(code.text(Language::De).ends_with('.') && code.text(Language::En).ends_with('.'), "{code:?}");
            assert_ne!(code.text(Language::De), code.text(Language::En));
        }
    }
}
