//! What is refused, and how it is said.

use crate::kind::KINDS;

/// Why a payload was refused: it breaks the format. No text here contains anything that stood in a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The declared kind is not one this crate reads.
    #[error("the payload's kind is not known here: use one of {}", KINDS.join(", "))]
    UnknownKind,
    /// More bytes than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("the payload has {len} bytes, at most {max} are accepted: split it and send each part with its own ticket")]
    TooLarge {
        /// Bytes that came.
        len: u64,
        /// Bytes that are accepted.
        max: u64,
    },
    /// Not UTF-8.
    #[error("the payload is not UTF-8 at byte {offset}: write the JSON as UTF-8")]
    NotUtf8 {
        /// Offset of the first wrong byte.
        offset: u64,
    },
    /// Not JSON, or a number outside what a double can hold.
    #[error("the payload is not readable as JSON at line {line}, column {column}: write it with a JSON library")]
    NotJson {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
    },
    /// Arrays and objects are nested more deeply than [`Limits::max_depth`](crate::Limits::max_depth).
    #[error("{}: nested more than {max} levels deep: send flatter data", at(.path))]
    TooDeep {
        /// Where the limit was passed.
        path: String,
        /// Levels that are accepted.
        max: u32,
    },
    /// More JSON values than [`Limits::max_values`](crate::Limits::max_values).
    #[error("{}: the payload has more than {max} values: leave out additional fields, or split it", at(.path))]
    TooManyValues {
        /// Where the limit was passed.
        path: String,
        /// Values that are accepted.
        max: u32,
    },
    /// An array is longer than the format allows.
    #[error("{}: more than {max} elements: split the list and send each part with its own ticket", at(.path))]
    TooMany {
        /// The array.
        path: String,
        /// Elements that are accepted.
        max: u32,
    },
    /// An object has one field twice. Two readers would see two different values, so neither is taken.
    #[error("{}: the field stands there twice: send it once", at(.path))]
    DuplicateField {
        /// The field.
        path: String,
    },
    /// A field that the format requires is not there.
    #[error("{}: the field `{field}` is missing: add it", at(.path))]
    MissingField {
        /// The object that lacks the field.
        path: String,
        /// The field's name.
        field: &'static str,
    },
    /// A field has another JSON type than the format says.
    #[error("{}: expected {expected} (line {line}, column {column}): send that type", at(.path))]
    WrongType {
        /// The field.
        path: String,
        /// What the format wants there.
        expected: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
    },
}

impl PayloadError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            PayloadError::UnknownKind => "unknown-kind",
            PayloadError::TooLarge { .. } => "too-large",
            PayloadError::NotUtf8 { .. } => "not-utf8",
            PayloadError::NotJson { .. } => "not-json",
            PayloadError::TooDeep { .. } => "too-deep",
            PayloadError::TooManyValues { .. } => "too-many-values",
            PayloadError::TooMany { .. } => "too-many",
            PayloadError::DuplicateField { .. } => "duplicate-field",
            PayloadError::MissingField { .. } => "missing-field",
            PayloadError::WrongType { .. } => "wrong-type",
        }
    }
}

fn at(path: &str) -> &str {
    if path.is_empty() { "at the top of the payload" } else { path }
}
