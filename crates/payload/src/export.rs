//! The way out. Every output escapes for itself, and none of them loses anything.
//!
//! HTML and spreadsheet files are not here.

pub mod csv;
pub mod plain;

use serde_json::{Map, Value};

use crate::parse::Parsed;

/// One of the lists in a payload.
struct Rows {
    name: &'static str,
    columns: Vec<String>,
    rows: Vec<Value>,
}

/// A payload as JSON, its lists taken apart: what is left (the head of the list, the fields beside it), and the rows.
fn split(parsed: &Parsed) -> (Value, Vec<Rows>) {
    let mut head = Value::Object(parsed.content.clone());
    let mut lists = Vec::new();
    for (path, list) in parsed.kind.shape().lists() {
        let taken = take(&mut head, &path);
        let (rows, other) = match taken {
            Some(Value::Array(rows)) => (rows, None),
            other => (Vec::new(), other),
        };
        if let (Some(other), Value::Object(head)) = (other, &mut head) {
            // No list, but something else that is kept.
            head.insert(path, other);
        }
        lists.push(Rows { name: list.table, columns: list.of.columns(), rows });
    }
    (with_beside(head, parsed.beside.as_ref()), lists)
}

/// Fields beside the payload stand with its own; of two with one name, the payload's stands first.
fn with_beside(head: Value, beside: Option<&Map<String, Value>>) -> Value {
    let Value::Object(mut head) = head else { return head };
    for (name, value) in beside.into_iter().flatten() {
        let mut name = name.clone();
        while head.contains_key(&name) {
            name.push_str(" (beside)");
        }
        head.insert(name, value.clone());
    }
    Value::Object(head)
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
