//! JSON text taken apart one level at a time, without building what is inside. A place is a slice of the whole text, so it
//! knows its line.
//!
//! [`check_syntax`] comes first. It accepts more than a value can hold: numbers beyond a double, escapes of half a
//! character, any nesting. Whoever reads such a value finds out then, so that only this one value is unreadable.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Where the text stops being JSON: line and column, from 1.
pub(crate) struct NotJson {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// There are more elements than were asked for.
#[derive(Debug)]
pub(crate) struct TooMany;

/// The whole text as one value, without the white space around it.
pub(crate) fn check_syntax(text: &str) -> Result<&str, NotJson> {
    let located = |error: serde_json::Error| NotJson { line: error.line() as u64, column: error.column() as u64 };
    serde_json::from_str::<&RawValue>(text).map(RawValue::get).map_err(located)
}

/// What kind of value this is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// The form of a value whose syntax was checked.
pub(crate) fn form(raw: &str) -> Form {
    match raw.as_bytes().first() {
        Some(b'{') => Form::Object,
        Some(b'[') => Form::Array,
        Some(b'"') => Form::String,
        Some(b't' | b'f') => Form::Bool,
        Some(b'n') | None => Form::Null,
        Some(_) => Form::Number,
    }
}

/// Name and value of each field of an object, at most `max`. A name that stands there twice comes twice.
pub(crate) fn fields(raw: &str, max: usize) -> Result<Vec<(Cow<'_, str>, &str)>, TooMany> {
    let mut json = serde_json::Deserializer::from_str(raw);
    let read = json.deserialize_map(Fields { max });
    read.map_err(|_| TooMany)
}

/// The elements of an array, at most `max`.
pub(crate) fn elements(raw: &str, max: usize) -> Result<Vec<&str>, TooMany> {
    let mut json = serde_json::Deserializer::from_str(raw);
    json.deserialize_seq(Elements { max }).map_err(|_| TooMany)
}

/// The text of a string. `false` if a half of a character stood there alone: it is U+FFFD in the text.
pub(crate) fn string(raw: &str) -> (Cow<'_, str>, bool) {
    match serde_json::from_str::<Text<'_>>(raw) {
        Ok(Text(text)) => (text, true),
        Err(_) => (Cow::Owned(unescape(raw)), false),
    }
}

/// How deep arrays and objects are nested in it: 0 for anything else.
pub(crate) fn depth(raw: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// As JSON unescapes, with U+FFFD for what is no character.
fn unescape(raw: &str) -> String {
    let inside = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
    let mut units: Vec<u16> = Vec::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        let unit = match chars.next() {
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                u16::from_str_radix(&digits, 16).unwrap_or(0xFFFD)
            }
            Some('n') => 0x0A,
            Some('r') => 0x0D,
            Some('t') => 0x09,
            Some('b') => 0x08,
            Some('f') => 0x0C,
            Some(other) => u16::try_from(u32::from(other)).unwrap_or(0xFFFD),
            None => 0xFFFD,
        };
        units.push(unit);
    }
    String::from_utf16_lossy(&units)
}

struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsItIs;
        impl<'de> Visitor<'de> for AsItIs {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(AsItIs).map(Text)
    }
}

struct Fields {
    max: usize,
}

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        // The name as raw text, too: half a character in it must not take the other fields along.
        while let Some(name) = map.next_key::<&RawValue>()? {
            if fields.len() == self.max {
                return Err(A::Error::custom("too many"));
            }
            fields.push((string(name.get()).0, map.next_value::<&RawValue>()?.get()));
        }
        Ok(fields)
    }
}

struct Elements {
    max: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < self.max {
            match seq.next_element::<&RawValue>()? {
                Some(element) => elements.push(element.get()),
                None => return Ok(elements),
            }
        }
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(elements),
            Some(_) => Err(A::Error::custom("too many")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_spoils_only_itself() {
        let raw = r#"{"a\ud800":"\"b\ud83d\n","c":1e999,"c":[[]]}"#;
        let Ok(whole) = check_syntax(raw) else { panic!("refused") };
        let fields = fields(whole, 9).unwrap();
        assert_eq!(fields.iter().map(|(name, _)| name.as_ref()).collect::<Vec<_>>(), ["a\u{fffd}", "c", "c"]);
        assert_eq!(string(fields[0].1), (Cow::Borrowed("\"b\u{fffd}\n"), false));
        assert_eq!(string(r#""\ud83d\ude00""#), (Cow::Borrowed("😀"), true));
        assert_eq!((fields[1].1, depth(fields[2].1)), ("1e999", 2));
    }

    #[test]
    fn any_nesting_has_a_syntax_and_a_depth() {
        let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
        assert!(check_syntax(&deep).is_ok_and(|raw| depth(raw) == 500_000));
        assert_eq!(depth(r#"["]","\"[{"]"#), 1);
    }

    #[test]
    fn elements_and_fields_are_counted_to_the_limit() {
        assert_eq!(elements("[1, 2]", 2).unwrap(), ["1", "2"]);
        assert!(elements("[1,2,3]", 2).is_err() && fields(r#"{"a":1,"b":2}"#, 1).is_err());
    }

    #[test]
    fn what_is_not_json_is_located() {
        let place = |text| check_syntax(text).map_err(|at| (at.line, at.column)).err();
        assert_eq!(place("{\n \"a\": tru }"), Some((2, 10)));
        assert_eq!(place("{} {}"), Some((1, 4)));
        assert_eq!(place(" {} "), None);
    }
}
