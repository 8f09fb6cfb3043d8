//! The way in: bytes → scanned text → typed value → flags.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{self, Expectations};
use crate::error::PayloadError;
use crate::kind::{CONTACTS_AND_EVENTS, GUEST_LIST};
use crate::limits::Limits;
use crate::moment::Moment;
use crate::scan::{Outline, scan};
use crate::shape::shape;
use crate::summary::{Days, Summary};
use crate::{ContactsAndEvents, Extra, Flags, GuestList};

/// A payload that was read. The caller keeps the original bytes: they are what was sent, this is how we read it.
#[derive(Debug)]
pub struct Parsed {
    /// The content.
    pub payload: Payload,
    /// The shape it came in.
    pub form: Form,
    /// What is implausible about it.
    pub flags: Flags,
}

/// The content of a payload, by kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// Kind [`GUEST_LIST`].
    GuestList(GuestList),
    /// Kind [`CONTACTS_AND_EVENTS`].
    ContactsAndEvents(ContactsAndEvents),
}

/// The two shapes of the interchange format.
#[derive(Clone, PartialEq)]
pub enum Form {
    /// The object itself.
    Bare,
    /// `{"guestList": {…}}`, as the predecessor's calls had it.
    Wrapped {
        /// Fields next to `guestList`.
        beside: Extra,
    },
}

/// Reads a payload of the declared kind. See [`parse_expecting`].
///
/// # Errors
/// Every [`PayloadError`]: the payload breaks the format or the limits. It should be refused as a whole.
pub fn parse(kind: &str, bytes: &[u8], limits: &Limits) -> Result<Parsed, PayloadError> {
    parse_expecting(kind, bytes, limits, &Expectations::default())
}

/// Reads a payload of the declared kind and also flags what does not fit the office's expectations. A byte order
/// mark before the JSON is skipped.
///
/// # Errors
/// As [`parse`](fn@parse).
pub fn parse_expecting(
    kind: &str,
    bytes: &[u8],
    limits: &Limits,
    expect: &Expectations,
) -> Result<Parsed, PayloadError> {
    let read = match kind {
        GUEST_LIST => guest_list,
        CONTACTS_AND_EVENTS => contacts_and_events,
        _ => return Err(PayloadError::UnknownKind),
    };
    let len = bytes.len() as u64;
    if len > limits.max_bytes {
        return Err(PayloadError::TooLarge { len, max: limits.max_bytes });
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| PayloadError::NotUtf8 { offset: error.valid_up_to() as u64 })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let outline = scan(text, limits)?;
    let (payload, form) = read(text, &outline)?;
    let flags = check::flags(&payload, &form, expect, limits.max_flags);
    Ok(Parsed { payload, form, flags })
}

fn guest_list(text: &str, outline: &Outline) -> Result<(Payload, Form), PayloadError> {
    if !outline.wraps_guest_list {
        return Ok((Payload::GuestList(shape(text)?), Form::Bare));
    }
    let Wrapper { guest_list, beside } = shape(text)?;
    Ok((Payload::GuestList(guest_list), Form::Wrapped { beside }))
}

// The interchange format has no wrapper for these: contacts, events and dataProvider were the call's parameters.
fn contacts_and_events(text: &str, _: &Outline) -> Result<(Payload, Form), PayloadError> {
    Ok((Payload::ContactsAndEvents(shape(text)?), Form::Bare))
}

#[derive(Deserialize)]
struct Wrapper {
    #[serde(rename = "guestList")]
    guest_list: GuestList,
    #[serde(flatten)]
    beside: Extra,
}

impl Parsed {
    /// The payload as JSON in the shape it came in: every value of the original, except that `null` in an
    /// optional field of the format is left out.
    ///
    /// For the sender's exact bytes keep the original: order, white space and the notation of numbers are not here.
    pub fn to_json(&self) -> Value {
        let content = match &self.payload {
            Payload::GuestList(list) => to_value(list),
            Payload::ContactsAndEvents(case) => to_value(case),
        };
        match &self.form {
            Form::Bare => content,
            Form::Wrapped { beside } => {
                let mut object = beside.clone();
                object.insert("guestList".into(), content);
                Value::Object(object)
            }
        }
    }

    /// The line for the inbox.
    pub fn summary(&self) -> Summary {
        let flags = self.flags.total();
        match &self.payload {
            Payload::GuestList(list) => Summary {
                kind: GUEST_LIST,
                people: count(&list.guests),
                events: 0,
                flags,
                period: days(&[&list.start_date, &list.end_date]),
            },
            Payload::ContactsAndEvents(ContactsAndEvents { contacts, events, .. }) => Summary {
                kind: CONTACTS_AND_EVENTS,
                people: count(&contacts.contact_persons),
                events: count(&events.events),
                flags,
                period: days(&[&contacts.start_date, &contacts.end_date, &events.start_date, &events.end_date]),
            },
        }
    }
}

impl Payload {
    /// The kind this content belongs to.
    pub fn kind(&self) -> &'static str {
        match self {
            Payload::GuestList(_) => GUEST_LIST,
            Payload::ContactsAndEvents(_) => CONTACTS_AND_EVENTS,
        }
    }
}

/// Prints the shape only.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Bare => "Bare",
            Form::Wrapped { .. } => "Wrapped",
        })
    }
}

/// Our types as JSON.
pub(crate) fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("strings, booleans, arrays and maps with string keys always are JSON")
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

fn days(moments: &[&Option<Moment>]) -> Option<Days> {
    let days = || moments.iter().filter_map(|moment| moment.as_ref()?.day());
    Some(Days { from: days().min()?.to_string(), to: days().max()?.to_string() })
}

#[cfg(test)]
mod tests;
