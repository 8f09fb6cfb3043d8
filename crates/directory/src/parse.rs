//! Text to values, with the line in every error. Derived readers of structs refuse a field that comes twice, and there
//! are no maps in this crate's types, so duplicates in JSON and TOML cannot hide.

use serde::de::DeserializeOwned;

use crate::error::DirectoryError;
use crate::limits::MAX_FILE;

pub(crate) fn toml<T: DeserializeOwned>(text: &str) -> Result<T, DirectoryError> {
    refuse_large(text.len())?;
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        DirectoryError::Syntax { line: before.matches('\n').count() + 1, what: one_line(error.message()) }
    })
}

pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DirectoryError> {
    refuse_large(bytes.len())?;
    serde_json::from_slice(bytes)
        .map_err(|error| DirectoryError::Syntax { line: error.line(), what: one_line(&error.to_string()) })
}

/// JSON begins with a brace, TOML cannot.
pub(crate) fn either<T: DeserializeOwned>(text: &str) -> Result<T, DirectoryError> {
    if text.trim_start().starts_with('{') { json(text.as_bytes()) } else { toml(text) }
}

fn refuse_large(length: usize) -> Result<(), DirectoryError> {
    if length > MAX_FILE { Err(DirectoryError::TooLarge { length }) } else { Ok(()) }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
