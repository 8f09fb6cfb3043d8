//! Texts for people, in German and English.

pub use schleuse_protocol::wire::hello::Language;
use schleuse_protocol::wire::reply::Reason;

/// The language of the environment (`LC_ALL`, `LC_MESSAGES`, `LANG`): German unless it names another one.
pub fn language_from_env() -> Language {
    let name = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    language_of(name.as_deref())
}

fn language_of(locale: Option<&str>) -> Language {
    match locale {
        None => Language::German,
        Some(locale) if locale.starts_with("de") => Language::German,
        Some(_) => Language::English,
    }
}

macro_rules! texts {
    ($($name:ident = $de:literal, $en:literal;)+) => {
        /// Everything that the command line says to the staff. `{0}`, `{1}` … are filled in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Text {
            $(#[allow(missing_docs, reason = "the text says it")] $name,)+
        }

        impl Text {
            /// Every text.
            pub const ALL: &[Text] = &[$(Text::$name,)+];

            fn template(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Text::$name, Language::German) => $de, (Text::$name, Language::English) => $en,)+
                }
            }
        }
    };
}

texts! {
    Ticket = "Ticket {0}, gültig bis {1}:", "Ticket {0}, valid until {1}:";
    Tickets = "{0} Tickets, gültig bis {1}:", "{0} tickets, valid until {1}:";
    InboxEmpty = "Der Eingang ist leer.", "The inbox is empty.";
    InboxMore = "Es gibt weitere: --after {0}", "There are more: --after {0}";
    Received = "Eingegangen", "Received";
    Sender = "Absender", "Sender";
    Kind = "Art", "Kind";
    People = "Personen", "People";
    Flags = "Hinweise", "Flags";
    Bytes = "Bytes", "Bytes";
    Reference = "Aktenzeichen", "Reference";
    Id = "Nummer", "Number";
    NotNamed = "nicht angegeben", "not named";
    NotYetExamined = "wird geprüft", "being examined";
    InLine = "{0} (Zeile {1})", "{0} (line {1})";
    AndMore = "und {0} weitere", "and {0} more";
    Unreadable = "nicht lesbar ({0})", "unreadable ({0})";
    WrittenTo = "{0} Bytes nach {1} geschrieben.", "{0} bytes written to {1}.";
    OnlyToFile = "Der Inhalt hat kein bekanntes Format und wird nicht auf dem Bildschirm gezeigt: --output DATEI",
        "The content has no known format and is not shown on the screen: --output FILE";
    Deleted = "Einsendung {0} gelöscht. Ihr Schlüssel ist vernichtet.", "Submission {0} deleted. Its key is destroyed.";
    Office = "Amt", "Office";
    Links = "Verbindungen zu inneren Proxys", "Links to inner proxies";
    Up = "verbunden, {0} Wegmarken", "connected, {0} route tokens";
    Down = "nicht verbunden: {0}", "not connected: {0}";
    Complaint = "Achtung: {0}", "Attention: {0}";
    Connecting = "wird aufgebaut", "connecting";
    Submissions = "Einsendungen im Eingang: {0}, unterwegs: {1}", "Submissions in the inbox: {0}, under way: {1}";
    OpenTickets = "Offene Tickets: {0}", "Open tickets: {0}";
    Directory = "Mitgliederverzeichnis: Version {0}, gültig bis {1}", "Directory: version {0}, valid until {1}";
    DirectoryExpired = "Mitgliederverzeichnis: abgelaufen, bitte erneuern", "Directory: expired, please renew it";
    ConfigFine = "{0}: in Ordnung", "{0}: fine";
    KeyCreated = "Schlüssel {0} angelegt. Bewahren Sie eine Kopie getrennt von den Datensicherungen auf.",
        "Key {0} created. Keep a copy apart from the backups.";
    DatabaseCreated = "Datenbank {0} angelegt.", "Database {0} created.";
}

impl Text {
    /// The text, with its places filled in.
    pub fn fill(self, language: Language, values: &[&str]) -> String {
        let template = self.template(language);
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (index, behind) = after.split_once('}').unwrap_or((after, ""));
            let value = index.parse().ok().and_then(|index: usize| values.get(index));
            text.push_str(value.unwrap_or(&"…"));
            rest = behind;
        }
        text.push_str(rest);
        text
    }

    /// A text without places.
    pub fn get(self, language: Language) -> &'static str {
        self.template(language)
    }
}

/// What a sender reads when the office refuses.
pub(crate) fn refusal_text(reason: Reason, language: Language) -> String {
    let (de, en) = match reason {
        Reason::NotYetValid(_) => ("Das Ticket gilt noch nicht.", "The ticket is not valid yet."),
        Reason::Expired => (
            "Das Ticket ist abgelaufen. Bitte erbitten Sie vom Gesundheitsamt ein neues.",
            "The ticket has expired. Please ask the health office for a new one.",
        ),
        Reason::AlreadyUsed => (
            "Mit diesem Ticket wurde bereits etwas anderes übermittelt.",
            "Something else has already been submitted with this ticket.",
        ),
        Reason::Revoked => {
            ("Das Gesundheitsamt hat das Ticket zurückgezogen.", "The health office has withdrawn the ticket.")
        }
        Reason::Superseded(_) => {
            ("Für dieses Ticket läuft eine neuere Übermittlung.", "A newer submission is under way for this ticket.")
        }
        Reason::WrongKind => {
            ("Dieses Ticket ist für eine andere Art von Daten.", "This ticket is for another kind of data.")
        }
        Reason::SenderRequired => (
            "Das Gesundheitsamt erwartet hier einen bestimmten Absender mit Unterschrift.",
            "The health office expects a particular, signing sender here.",
        ),
        Reason::NotPermitted => (
            "Das Verzeichnis erlaubt diesem Absender diese Übermittlung nicht.",
            "The directory does not permit this sender this submission.",
        ),
        Reason::BadIdentity => {
            ("Die Unterschrift des Absenders ist nicht gültig.", "The sender's signature is not valid.")
        }
        Reason::TooLarge(max) => {
            return match language {
                Language::German => format!("Die Übermittlung ist zu groß: höchstens {max} Bytes."),
                Language::English => format!("The submission is too large: at most {max} bytes."),
            };
        }
        Reason::Malformed => ("Die Übermittlung verletzt das Protokoll.", "The submission breaks the protocol."),
        Reason::TryLater => (
            "Das Gesundheitsamt kann gerade nichts annehmen. Bitte versuchen Sie es später noch einmal.",
            "The health office cannot accept anything just now. Please try again later.",
        ),
    };
    match language {
        Language::German => de.to_owned(),
        Language::English => en.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use schleuse_protocol::wire::reply::MAX_REFUSAL_TEXT;

    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<_> = text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn every_text_exists_in_both_languages_with_the_same_places() {
        for text in Text::ALL {
            let (de, en) = (text.get(Language::German), text.get(Language::English));
            assert!(!de.is_empty() && !en.is_empty(), "{text:?}");
            assert_eq!(places(de), places(en), "{text:?}");
        }
    }

    #[test]
    fn places_are_filled_in() {
        let text = Text::WrittenTo.fill(Language::English, &["12", "a{0}.json"]);
        assert_eq!(text, "12 bytes written to a{0}.json.");
    }

    #[test]
    fn the_environment_chooses_the_language() {
        assert_eq!(language_of(None), Language::German);
        assert_eq!(language_of(Some("de_DE.UTF-8")), Language::German);
        assert_eq!(language_of(Some("en_GB.UTF-8")), Language::English);
        assert_eq!(language_of(Some("C")), Language::English);
    }

    #[test]
    fn refusals_fit_the_reply_in_both_languages() {
        for reason in [
            Reason::NotYetValid(1),
            Reason::Expired,
            Reason::AlreadyUsed,
            Reason::Revoked,
            Reason::Superseded(1),
            Reason::WrongKind,
            Reason::SenderRequired,
            Reason::NotPermitted,
            Reason::BadIdentity,
            Reason::TooLarge(u64::MAX),
            Reason::Malformed,
            Reason::TryLater,
        ] {
            let texts = [Language::German, Language::English].map(|language| refusal_text(reason, language));
            assert_ne!(texts[0], texts[1]);
            assert!(texts.iter().all(|text| text.len() <= MAX_REFUSAL_TEXT), "{reason:?}");
        }
    }
}
