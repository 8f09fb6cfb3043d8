//! Plain text for terminals and logs of a single reader: nothing in it can move the cursor, change colours or turn
//! the writing direction.

use serde_json::Value;

use super::split;
use crate::parse::Parsed;
use crate::unicode::is_unprintable;

/// The whole payload, one `path: text` per line.
pub fn render(parsed: &Parsed) -> String {
    let (head, lists) = split(parsed);
    let mut lines = String::new();
    leaves(&mut lines, "", &head);
    for list in lists {
        for (index, row) in list.rows.iter().enumerate() {
            leaves(&mut lines, &format!("{}[{index}]", list.name), row);
        }
    }
    lines
}

/// Text with control, bidirectional and invisible characters as `\n`, `\t`, `\r`, `\u{202e}`, and `\` as `\\`, so that
/// the original can be told from it.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\n' | '\t' | '\r' => escaped.extend(c.escape_default()),
            c if is_unprintable(c) => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}

fn leaves(lines: &mut String, path: &str, value: &Value) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            let dot = if path.is_empty() { "" } else { "." };
            for (key, value) in object {
                leaves(lines, &format!("{path}{dot}{}", name(key)), value);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                leaves(lines, &format!("{path}[{index}]"), element);
            }
        }
        Value::String(text) => line(lines, path, text),
        other => line(lines, path, &other.to_string()),
    }
}

fn line(lines: &mut String, path: &str, text: &str) {
    lines.push_str(path);
    lines.push_str(": ");
    lines.push_str(&escape(text));
    lines.push('\n');
}

/// A field name that could be mistaken for a piece of path or text is quoted.
fn name(key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_plain { key.to_owned() } else { format!("\"{}\"", escape(&key.replace('"', "\\\""))) }
}
