//! The way out. Every output escapes for itself, and none of them loses anything.
//!
//! HTML and spreadsheet files are not here.

pub mod csv;
pub mod plain;

use serde_json::Value;

use crate::parse::{Form, Parsed, Payload};

/// One of the lists in a payload.
struct Rows {
    name: &'static str,
    rows: Vec<Value>,
}

/// A payload as JSON, its lists taken apart: what is left (the head of the list, the fields beside it), and the rows.
fn split(parsed: &Parsed) -> (Value, Vec<Rows>) {
    let mut head = parsed.to_json();
    let mut rows = |name, path: &str| match take(&mut head, path) {
        Some(Value::Array(rows)) => Rows { name, rows },
        _ => Rows { name, rows: Vec::new() },
    };
    let lists = match (&parsed.payload, &parsed.form) {
        (Payload::GuestList(_), Form::Bare) => vec![rows("guests", "guests")],
        (Payload::GuestList(_), Form::Wrapped { .. }) => vec![rows("guests", "guestList.guests")],
        (Payload::ContactsAndEvents(_), _) => {
            vec![rows("contacts", "contacts.contactPersons"), rows("events", "events.events")]
        }
    };
    (head, lists)
}

/// Takes the value at a path such as `address.city` out of an object, and with it objects that become empty.
fn take(value: &mut Value, path: &str) -> Option<Value> {
    let object = value.as_object_mut()?;
    let Some((first, rest)) = path.split_once('.') else { return object.shift_remove(path) };
    let inner = object.get_mut(first)?;
    let taken = take(inner, rest)?;
    if inner.as_object().is_some_and(serde_json::Map::is_empty) {
        object.shift_remove(first);
    }
    Some(taken)
}

#[cfg(test)]
mod tests;
