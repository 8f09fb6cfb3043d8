//! What is implausible about a payload, without its content.

use serde::{Serialize, Serializer};

/// One thing that a person at the office should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// Where, relative to the payload itself: `guests[3].phone`. `*` is a field that the format does not define.
    pub path: String,
    /// What.
    pub code: FlagCode,
}

/// The flags of one payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// The first ones, in the order of the payload.
    pub list: Vec<Flag>,
    /// How many more there are.
    pub more: u32,
}

impl Flags {
    /// All of them, listed or only counted.
    pub fn total(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX).saturating_add(self.more)
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
        /// What can be implausible.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Longer than the format's maximum.
    TooLong = "too-long",
        "Länger, als das Format erlaubt.", "Longer than the format allows.";
    /// A required text is empty.
    Empty = "empty",
        "Pflichtfeld ohne Inhalt.", "A required field without content.";
    /// A control character (in one-line fields also a line break).
    ControlCharacter = "control-character",
        "Enthält Steuerzeichen.", "Contains control characters.";
    /// A character that changes the direction of text.
    BidiCharacter = "bidi-character",
        "Enthält Zeichen, die die Schreibrichtung ändern; der Text kann anders aussehen, als er ist.",
        "Contains characters that change the writing direction; the text may look different from what it is.";
    /// A character that cannot be seen.
    InvisibleCharacter = "invisible-character",
        "Enthält unsichtbare Zeichen.", "Contains invisible characters.";
    /// Not in Unicode normalisation form C: a search may miss it.
    NotNfc = "not-nfc",
        "Zeichen in ungewöhnlicher Zerlegung (nicht NFC); eine Suche findet den Text womöglich nicht.",
        "Characters in an unusual decomposition (not NFC); a search may not find the text.";
    /// A spreadsheet could take it for a formula.
    FormulaStart = "formula-start",
        "Beginnt wie eine Tabellenformel; nur über den Export in eine Tabelle übernehmen.",
        "Begins like a spreadsheet formula; move it into a spreadsheet by the export only.";
    /// A code that the format does not know.
    UnknownValue = "unknown-value",
        "Wert ist im Format nicht vorgesehen.", "The format does not know this value.";
    /// No e-mail address.
    EmailImplausible = "email-implausible",
        "Sieht nicht wie eine E-Mail-Adresse aus.", "Does not look like an e-mail address.";
    /// No telephone number.
    PhoneImplausible = "phone-implausible",
        "Sieht nicht wie eine Telefonnummer aus.", "Does not look like a telephone number.";
    /// Not an ISO 8601 date or time.
    DateUnreadable = "date-unreadable",
        "Datum nicht lesbar (erwartet wird ISO 8601).", "The date is not readable (ISO 8601 is expected).";
    /// The end is before the beginning.
    PeriodReversed = "period-reversed",
        "Das Ende liegt vor dem Anfang.", "The end is before the beginning.";
    /// Outside the time that the list says it covers.
    OutsideListPeriod = "outside-list-period",
        "Liegt außerhalb des Zeitraums der Liste.", "Lies outside the period of the list.";
    /// Outside the time that the office asked for.
    OutsideRequestedPeriod = "outside-requested-period",
        "Liegt außerhalb des angefragten Zeitraums.", "Lies outside the period asked for.";
    /// Born after today.
    BirthInFuture = "birth-in-future",
        "Das Geburtsdatum liegt in der Zukunft.", "The date of birth is in the future.";
    /// Born more than 125 years ago.
    BirthTooLongAgo = "birth-too-long-ago",
        "Das Geburtsdatum liegt mehr als 125 Jahre zurück.", "The date of birth is more than 125 years ago.";
    /// The same person stands further up already.
    DuplicatePerson = "duplicate-person",
        "Dieselbe Person steht weiter oben schon einmal.", "The same person already stands further up.";
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
