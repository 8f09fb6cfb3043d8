//! What is refused, and how it is said.

use crate::KINDS;

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
    /// It looks like something else than JSON in UTF-8.
    #[error("the payload {}", .0.text())]
    LooksLike(Guise),
    /// Not UTF-8.
    #[error("the payload is not UTF-8 at byte {offset}: write the JSON as UTF-8")]
    NotUtf8 {
        /// Offset of the first wrong byte.
        offset: u64,
    },
    /// Not JSON.
    #[error("the payload is not readable as JSON at line {line}, column {column}: write it with a JSON library")]
    NotJson {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
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
    /// An object without any field by which the kind is known.
    #[error("{}: the field `{field}` is missing, so this is no such payload: add it, or name the right kind", at(.path))]
    MissingField {
        /// The object that lacks the field.
        path: String,
        /// The field's name.
        field: &'static str,
    },
    /// The payload as a whole is no object.
    #[error("the payload is no JSON object, as {{…}}: put the list into an object as docs/payloads.md shows it")]
    NotAnObject,
}

/// What bytes can be that are no JSON in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guise {
    /// Nothing, or nothing but white space.
    Empty,
    /// UTF-16, of either byte order.
    Utf16,
    /// Windows-1252, or another encoding with one byte for each character.
    Windows1252,
    /// A compressed file.
    Gzip,
    /// A ZIP archive, or a spreadsheet: XLSX is one.
    Zip,
    /// PDF.
    Pdf,
    /// XML or HTML.
    Xml,
    /// CSV.
    Csv,
}

impl Guise {
    fn text(self) -> &'static str {
        match self {
            Guise::Empty => "is empty: is it the right file?",
            Guise::Utf16 => "looks like UTF-16: save it as UTF-8",
            Guise::Windows1252 => "looks like Windows-1252: save it as UTF-8",
            Guise::Gzip => "looks like gzip: send the JSON itself",
            Guise::Zip => "looks like a ZIP archive or a spreadsheet (XLSX): send JSON",
            Guise::Pdf => "looks like PDF: send JSON",
            Guise::Xml => "looks like XML or HTML: send JSON",
            Guise::Csv => "looks like CSV: send JSON",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Guise::Empty => "empty",
            Guise::Utf16 => "utf-16",
            Guise::Windows1252 => "windows-1252",
            Guise::Gzip => "gzip",
            Guise::Zip => "zip",
            Guise::Pdf => "pdf",
            Guise::Xml => "xml",
            Guise::Csv => "csv",
        }
    }
}

impl PayloadError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            PayloadError::UnknownKind => "unknown-kind",
            PayloadError::TooLarge { .. } => "too-large",
            PayloadError::LooksLike(guise) => guise.code(),
            PayloadError::NotUtf8 { .. } => "not-utf8",
            PayloadError::NotJson { .. } => "not-json",
            PayloadError::TooManyValues { .. } => "too-many-values",
            PayloadError::TooMany { .. } => "too-many",
            PayloadError::MissingField { .. } => "missing-field",
            PayloadError::NotAnObject => "not-an-object",
        }
    }
}

fn at(path: &str) -> &str {
    if path.is_empty() { "at the top of the payload" } else { path }
}
