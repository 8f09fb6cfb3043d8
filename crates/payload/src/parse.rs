//! The way in: bytes → text → objects read by their tables → flags.

use std::fmt;

use serde_json::{Map, Value};

use crate::check::{Checker, Expectations};
use crate::encoding::{decode, guise_of_text};
use crate::error::PayloadError;
use crate::json::{self, Form, NotJson};
use crate::kinds::{self, Kind};
use crate::limits::Limits;
use crate::reader::{Read, Reader};
use crate::summary::Summary;
use crate::{Extra, Flags};

/// A payload that was read. The caller keeps the original bytes: they are what was sent, this is how we read it.
pub struct Parsed {
    pub(crate) kind: &'static dyn Kind,
    /// Under the format's names; text where the format says text.
    pub(crate) content: Map<String, Value>,
    /// Fields beside the payload, if it came in an object of its own.
    pub(crate) beside: Option<Extra>,
    /// What is implausible about it.
    pub flags: Flags,
    summary: Summary,
}

/// What was found in a payload, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The line for the inbox.
    pub summary: Summary,
    /// What is implausible.
    pub flags: Flags,
}

/// Reads a payload of the declared kind. See [`parse_expecting`].
///
/// # Errors
/// Every [`PayloadError`].
pub fn parse(kind: &str, bytes: &[u8], limits: &Limits) -> Result<Parsed, PayloadError> {
    parse_expecting(kind, bytes, limits, &Expectations::default())
}

/// Reads a payload of the declared kind and also flags what does not fit the office's expectations.
///
/// Fields are read one by one: what is not as the format says is flagged, with its place, and kept. A byte order mark is
/// skipped.
///
/// # Errors
/// Every [`PayloadError`]: this is no payload of that kind at all, or beyond the limits.
pub fn parse_expecting(
    kind: &str,
    bytes: &[u8],
    limits: &Limits,
    expect: &Expectations,
) -> Result<Parsed, PayloadError> {
    read(kind, bytes, limits, expect, true)
}

/// Finds the same as [`parse_expecting`], and builds nothing: of the longest list, one person at a time is in memory.
///
/// # Errors
/// As [`parse_expecting`].
pub fn examine(kind: &str, bytes: &[u8], limits: &Limits, expect: &Expectations) -> Result<Examined, PayloadError> {
    let Parsed { flags, summary, .. } = read(kind, bytes, limits, expect, false)?;
    Ok(Examined { summary, flags })
}

fn read(
    kind: &str,
    bytes: &[u8],
    limits: &Limits,
    expect: &Expectations,
    builds: bool,
) -> Result<Parsed, PayloadError> {
    let kind = kinds::find(kind).ok_or(PayloadError::UnknownKind)?;
    let len = bytes.len() as u64;
    if len > limits.max_bytes {
        return Err(PayloadError::TooLarge { len, max: limits.max_bytes });
    }
    let text = decode(bytes)?;
    let whole = json::check_syntax(&text).map_err(|NotJson { line, column }| match guise_of_text(&text) {
        Some(guise) => PayloadError::LooksLike(guise),
        None => PayloadError::NotJson { line, column },
    })?;
    if json::form(whole) != Form::Object {
        return Err(PayloadError::NotAnObject);
    }
    let (payload, beside) = unwrapped(kind, whole, limits)?;
    let mut reader = Reader::new(kind, limits, Checker::new(&text, expect, limits.max_places), builds);
    let beside = beside.map(|fields| reader.beside(fields)).transpose()?;
    let Read { content, head, counts } = reader.payload(payload)?;
    let flags = reader.checker.finish();
    let summary = Summary { flags: flags.total(), ..kind.summarise(&head, &counts) };
    Ok(Parsed { kind, content, beside, flags, summary })
}

type Fields<'a> = Vec<(std::borrow::Cow<'a, str>, &'a str)>;

/// The object that is the payload, and the fields beside it if it stands in an object of its own. The object must have a
/// field by which the kind is known.
fn unwrapped<'a>(
    kind: &'static dyn Kind,
    whole: &'a str,
    limits: &Limits,
) -> Result<(&'a str, Option<Fields<'a>>), PayloadError> {
    let fields_of = |raw: &'a str| {
        let too_many = |_| PayloadError::TooManyValues { path: String::new(), max: limits.max_fields };
        json::fields(raw, limits.max_fields as usize).map_err(too_many)
    };
    let is_mark = |name: &str| {
        let field = kind.shape().field(name).or_else(|| kind.shape().meant(name));
        field.is_some_and(|field| kind.marks().contains(&field.name))
    };
    let missing = |path: &str| {
        let field = kind.marks().first().copied().unwrap_or_default();
        PayloadError::MissingField { path: path.to_owned(), field }
    };
    let fields = fields_of(whole)?;
    if fields.iter().any(|(name, _)| is_mark(name)) {
        return Ok((whole, None));
    }
    let wrapper = kind.wrapper().ok_or_else(|| missing(""))?;
    let Some(at) = fields.iter().rposition(|(name, raw)| name == wrapper && json::form(raw) == Form::Object) else {
        return Err(missing(""));
    };
    let payload = fields[at].1;
    if !fields_of(payload)?.iter().any(|(name, _)| is_mark(name)) {
        return Err(missing(wrapper));
    }
    let beside = fields.into_iter().enumerate().filter(|(other, _)| *other != at).map(|(_, field)| field).collect();
    Ok((payload, Some(beside)))
}

impl Parsed {
    /// The payload as JSON in the shape it came in, as it was read: under the format's names, numbers and booleans as
    /// text where the format says text, without `null` in the format's fields.
    ///
    /// For what was sent keep the original.
    pub fn to_json(&self) -> Value {
        let content = Value::Object(self.content.clone());
        match (&self.beside, self.kind.wrapper()) {
            (Some(beside), Some(wrapper)) => {
                let mut object = beside.clone();
                object.insert(wrapper.into(), content);
                Value::Object(object)
            }
            _ => content,
        }
    }

    /// One of [`KINDS`](crate::KINDS).
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// The line for the inbox.
    pub fn summary(&self) -> Summary {
        self.summary.clone()
    }
}

/// Prints the numbers, never who they are.
impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("summary", &self.summary).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
