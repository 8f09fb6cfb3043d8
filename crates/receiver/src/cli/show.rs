//! Tables and lists for a person. What comes from outside is escaped.

use schleuse_payload::export::plain::escape;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::Language;

use crate::api::model::{PageView, SubmissionView, time};
use crate::findings::{Findings, FoundGroup, FoundPlace};
use crate::inbox::Status;
use crate::texts::Text;

/// Places of a flag that are shown; the API names more.
const PLACES: usize = 3;

/// The inbox as a table.
pub(super) fn inbox(page: &PageView, language: Language) -> String {
    if page.submissions.is_empty() {
        return format!("{}\n", Text::InboxEmpty.get(language));
    }
    let head = [Text::Received, Text::Sender, Text::Kind, Text::People, Text::Flags, Text::Bytes, Text::Id];
    let mut rows = vec![head.map(|text| text.get(language).to_owned())];
    for submission in &page.submissions {
        let (people, flags) = counts(submission.findings.as_ref(), language);
        rows.push([
            submission.stored_at.clone(),
            submission.sender.clone().unwrap_or_else(|| Text::NotNamed.get(language).to_owned()),
            submission.kind.clone(),
            people,
            flags,
            submission.bytes.to_string(),
            submission.id.clone(),
        ]);
    }
    let mut text = table(&rows);
    if let Some(next) = &page.next {
        text.push_str(&Text::InboxMore.fill(language, &[next]));
        text.push('\n');
    }
    text
}

fn counts(findings: Option<&Findings>, language: Language) -> (String, String) {
    match findings {
        None => (Text::NotYetExamined.get(language).to_owned(), String::new()),
        Some(findings) if findings.readable => (findings.people.to_string(), findings.flags.to_string()),
        Some(findings) => {
            let reason = findings.reason.as_deref().unwrap_or("?");
            (Text::Unreadable.fill(language, &[reason]), String::new())
        }
    }
}

fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// One submission, without its content.
pub(super) fn submission(submission: &SubmissionView, language: Language) -> String {
    let (people, flags) = counts(submission.findings.as_ref(), language);
    let sender = submission.sender.clone().unwrap_or_else(|| Text::NotNamed.get(language).to_owned());
    let mut lines = vec![
        (Text::Id, submission.id.clone()),
        (Text::Received, submission.stored_at.clone()),
        (Text::Sender, sender),
        (Text::Kind, submission.kind.clone()),
        (Text::Bytes, submission.bytes.to_string()),
        (Text::People, people),
        (Text::Flags, flags),
    ];
    if let Some(reference) = &submission.reference {
        lines.push((Text::Reference, escape(reference)));
    }
    let mut text: String = lines.iter().map(|(name, value)| format!("{}: {value}\n", name.get(language))).collect();
    for group in submission.findings.iter().flat_map(|findings| &findings.groups) {
        text.push_str(&flagged(group, language));
    }
    text.push('\n');
    text
}

/// What was flagged, how often, and the first places.
fn flagged(group: &FoundGroup, language: Language) -> String {
    let shown = |place: &FoundPlace| Text::InLine.fill(language, &[&escape(&place.path), &place.line.to_string()]);
    let mut places: Vec<String> = group.places.iter().take(PLACES).map(shown).collect();
    let more = (group.count as usize).saturating_sub(places.len());
    if more > 0 {
        places.push(Text::AndMore.fill(language, &[&more.to_string()]));
    }
    format!("  {}x {}\n     {}\n", group.count, flag_text(&group.code, language), places.join(", "))
}

fn flag_text(code: &str, language: Language) -> String {
    let language = match language {
        Language::German => schleuse_payload::Language::De,
        Language::English => schleuse_payload::Language::En,
    };
    let known = schleuse_payload::FlagCode::ALL.iter().find(|flag| flag.as_str() == code);
    known.map_or_else(|| escape(code), |flag| flag.text(language).to_owned())
}

/// How the daemon is.
pub(super) fn status(status: &Status, language: Language) -> String {
    let mut text = format!("{}: {}\n{}:\n", Text::Office.get(language), status.office, Text::Links.get(language));
    for link in &status.links {
        let state = match (&link.trouble, link.up) {
            (_, true) => Text::Up.fill(language, &[&link.tokens.to_string()]),
            (Some(trouble), false) => Text::Down.fill(language, &[&escape(trouble)]),
            (None, false) => Text::Connecting.get(language).to_owned(),
        };
        text.push_str(&format!("  {} ({}): {state}\n", link.inner, escape(&link.address)));
        for complaint in &link.complaints {
            text.push_str(&format!("    {}\n", Text::Complaint.fill(language, &[&escape(complaint)])));
        }
    }
    let (submissions, running) = (status.store.submissions.to_string(), status.running.to_string());
    let directory = match status.directory_holds_until {
        Some(until) => {
            Text::Directory.fill(language, &[&status.directory_version.to_string(), &time(UnixSeconds(until))])
        }
        None => Text::DirectoryExpired.get(language).to_owned(),
    };
    for line in [
        Text::Submissions.fill(language, &[&submissions, &running]),
        Text::OpenTickets.fill(language, &[&status.store.open_tickets.to_string()]),
        directory,
    ] {
        text.push_str(&line);
        text.push('\n');
    }
    if let Some(trouble) = &status.trouble {
        text.push_str(&format!("! {}\n", escape(trouble)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(findings: Option<Findings>) -> SubmissionView {
        SubmissionView {
            id: "00".repeat(16),
            kind: "guest-list".into(),
            sender: Some("vendor-1".into()),
            bytes: 1234,
            content_hash: "00".repeat(32),
            stored_at: "2021-11-19T17:00:00Z".into(),
            reference: Some("Az. 53\u{1b}[2J".into()),
            findings,
            receipt: String::new(),
        }
    }

    #[test]
    fn the_inbox_names_what_matters_in_both_languages() {
        let findings = Findings { readable: true, people: 30, flags: 2, ..Findings::default() };
        let page = PageView { submissions: vec![view(Some(findings)), view(None)], next: Some("1-00".into()) };
        let (german, english) = (inbox(&page, Language::German), inbox(&page, Language::English));
        assert!(german.contains("Absender") && german.contains("wird geprüft"), "{german}");
        assert!(
            english.contains("vendor-1") && english.contains("30") && english.contains("--after 1-00"),
            "{english}"
        );
        let empty = PageView { submissions: vec![], next: None };
        assert_eq!(inbox(&empty, Language::English), "The inbox is empty.\n");
    }

    #[test]
    fn nothing_from_outside_controls_the_terminal() {
        let text = submission(&view(None), Language::German);
        assert!(text.contains("Az. 53") && !text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn what_was_flagged_is_told_with_its_number_and_first_places() {
        let place = |index: u32| FoundPlace { path: format!("guests[{index}].phone"), line: index + 3 };
        let places = (0..20).map(place).collect();
        let group = FoundGroup { code: "phone-implausible".into(), count: 600, places };
        let text = flagged(&group, Language::German);
        assert!(text.starts_with("  600x Sieht nicht wie eine Telefonnummer aus.\n"), "{text}");
        assert!(text.contains("guests[2].phone (Zeile 5), und 597 weitere\n"), "{text}");
    }

    #[test]
    fn a_flag_is_told_in_words() {
        assert!(flag_text("too-long", Language::German).contains("Länger"));
        assert_eq!(flag_text("of-a-later-version", Language::English), "of-a-later-version");
    }
}
