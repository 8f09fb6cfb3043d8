//! `schleuse payload …`: what vendors need to know of the formats.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use schleuse_payload::{
    Examined, Expectations, FlagCode, Flags, Group, KINDS, Language, Limits, PayloadError, examine, example, schema,
};
use schleuse_transport::exit::{self, AppError};
use serde_json::{Value, json};

use super::output::{Output, now, shown};
use crate::files;

/// Places of a flag that are shown; JSON has more.
const PLACES: usize = 3;

#[derive(Debug, Subcommand)]
pub(super) enum PayloadCommand {
    /// Check a file as the office will read it, without sending it.
    ///
    /// Ends with 0 if the office can read it, also when something in it is odd; with 1 if it cannot.
    Check(Check),
    /// Print the JSON Schema of a kind.
    Schema(OfKind),
    /// Print an example of a kind, with made-up values.
    Example(OfKind),
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The file.
    file: PathBuf,
    /// What it is; without it, what it looks like.
    #[arg(long, value_parser = known_kind)]
    kind: Option<&'static str>,
    /// Language of the texts.
    #[arg(long, value_parser = language, default_value = "en")]
    language: Language,
}

#[derive(Debug, Args)]
pub(super) struct OfKind {
    /// guest-list, contacts-and-events, vaccination-report or office-message.
    #[arg(value_parser = known_kind)]
    kind: &'static str,
}

impl PayloadCommand {
    pub(super) fn run(self) -> Result<Output, AppError> {
        match self {
            Self::Check(check) => check.run(),
            Self::Schema(OfKind { kind }) => Ok(document(schema::of(kind).unwrap_or_default())),
            Self::Example(OfKind { kind }) => {
                let example = example(kind).unwrap_or_default();
                Ok(Output::new(example, serde_json::from_str(example).unwrap_or_default()))
            }
        }
    }
}

impl Check {
    fn run(self) -> Result<Output, AppError> {
        let expect = Expectations { now: Some(now().0), requested: None };
        let bytes = read(&self.file)?;
        let examined = match self.kind {
            Some(kind) => examine(kind, &bytes, &Limits::default(), &expect),
            None => of_any_kind(&bytes, &expect),
        };
        let Examined { summary, flags } = examined.map_err(|error| unreadable(&self.file, &error))?;
        let mut text = format!("{}: {}, readable", shown(&self.file), summary.kind);
        for (count, what) in [(summary.people, "people"), (summary.events, "events"), (summary.flags, "findings")] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        text.push('\n');
        text.push_str(&told(&flags, self.language));
        let json = json!({
            "file": shown(&self.file),
            "readable": true,
            "kind": summary.kind,
            "people": summary.people,
            "events": summary.events,
            "flags": summary.flags,
            "groups": flags.groups.iter().map(|group| object(group, self.language)).collect::<Vec<_>>(),
        });
        Ok(Output::new(text, json))
    }
}

/// Examines a file before a ticket is used for it, by the code and the limits of the office. A kind that is not known here
/// is the office's own matter. What is odd is told on standard error.
///
/// # Errors
/// The file cannot be read, or the office could not read its content.
pub(super) fn before_sending(
    file: &Path,
    kind: Option<&str>,
    expect: &Expectations,
    language: Language,
) -> Result<(), AppError> {
    let Some(kind) = kind.filter(|kind| KINDS.contains(kind)) else { return Ok(()) };
    let bytes = read(file)?;
    let refused = |error| {
        let hint = "nothing was sent and the ticket is unused; --no-check sends it all the same";
        AppError::new(exit::FAILURE, format_args!("{} ({hint})", unreadable(file, &error)))
    };
    let examined = examine(kind, &bytes, &Limits::default(), expect).map_err(refused)?;
    if examined.flags.total() > 0 {
        eprintln!("note: the office will see {} findings in it:", examined.flags.total());
        eprint!("{}", told(&examined.flags, language));
    }
    Ok(())
}

/// The whole file, unless it is larger than what can be read anyhow.
fn read(file: &Path) -> Result<Vec<u8>, AppError> {
    let max = Limits::default().max_bytes;
    match std::fs::metadata(file) {
        Ok(facts) if facts.len() > max => Err(unreadable(file, &PayloadError::TooLarge { len: facts.len(), max })),
        _ => Ok(files::read(file)?),
    }
}

fn unreadable(file: &Path, error: &PayloadError) -> AppError {
    AppError::new(exit::FAILURE, format_args!("{}: {error}", shown(file)))
}

/// The first kind as which it is readable. If there is none, it is most useful to hear why it is no guest list.
fn of_any_kind(bytes: &[u8], expect: &Expectations) -> Result<Examined, PayloadError> {
    let mut examined = KINDS.iter().map(|kind| examine(kind, bytes, &Limits::default(), expect));
    let first = examined.next().unwrap_or(Err(PayloadError::UnknownKind));
    match first {
        Ok(found) => Ok(found),
        Err(error) => examined.find_map(Result::ok).ok_or(error),
    }
}

fn told(flags: &Flags, language: Language) -> String {
    let mut text = String::new();
    for group in &flags.groups {
        let places = group.places.iter().take(PLACES).map(|place| format!("{} (line {})", place.path, place.line));
        let mut places: Vec<String> = places.collect();
        let more = (group.count as usize).saturating_sub(places.len());
        if more > 0 {
            places.push(format!("and {more} more"));
        }
        let _ = writeln!(text, "  {}x {}\n     {}", group.count, group.code.text(language), places.join(", "));
    }
    text
}

fn object(group: &Group, language: Language) -> Value {
    let code: FlagCode = group.code;
    json!({ "code": code, "text": code.text(language), "count": group.count, "places": group.places })
}

fn document(value: Value) -> Output {
    Output::new(format!("{value:#}"), value)
}

fn known_kind(text: &str) -> Result<&'static str, String> {
    KINDS.iter().copied().find(|kind| *kind == text).ok_or_else(|| format!("known are {}", KINDS.join(", ")))
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "de" => Ok(Language::De),
        "en" => Ok(Language::En),
        _ => Err("known are de and en".to_owned()),
    }
}
