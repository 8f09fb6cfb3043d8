//! The second pass: JSON text into a typed structure, and errors that name the place but never the content.

use serde::Deserialize;

use crate::error::PayloadError;
use crate::limits::TOO_MANY;
use crate::path::{Segment, known_field, render};

/// Reads the structure. The text must have passed [`scan`](crate::scan::scan).
pub(crate) fn shape<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, PayloadError> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| explain(&error))
}

/// serde's message quotes the offending value ("invalid type: string \"Erika\", expected a boolean"), so only the
/// parts of it that come from our own types are taken over.
fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> PayloadError {
    let inner = error.inner();
    let (line, column) = (inner.line() as u64, inner.column() as u64);
    if inner.classify() != serde_json::error::Category::Data {
        return PayloadError::NotJson { line, column };
    }
    let path = render(&error.path().iter().map(segment).collect::<Vec<_>>());
    let message = inner.to_string();
    let message = message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&message);
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let too_many = message.strip_prefix(TOO_MANY).and_then(|rest| rest.strip_prefix(": "));
    if let Some(field) = missing.and_then(known_field) {
        PayloadError::MissingField { path, field }
    } else if let Some(max) = too_many.and_then(|max| max.parse().ok()) {
        PayloadError::TooMany { path, max }
    } else {
        // The expectation is static text of a visitor and comes last; everything before it may be content.
        let expected = match message.rsplit_once(", expected ") {
            Some((_, expected)) if expected.starts_with("struct ") => "an object",
            Some((_, expected)) => expected,
            None => "another type",
        };
        PayloadError::WrongType { path, expected: expected.to_owned(), line, column }
    }
}

fn segment(segment: &serde_path_to_error::Segment) -> Segment {
    match segment {
        serde_path_to_error::Segment::Seq { index } => Segment::Index(*index),
        serde_path_to_error::Segment::Map { key } => Segment::of_key(key),
        serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => Segment::Unknown,
    }
}
