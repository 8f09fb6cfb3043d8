//! Values that the format does not define: they can be anything, so only their characters count. They are walked through,
//! not built.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::check::Checker;
use crate::flags::FlagCode;
use crate::json;
use crate::limits::Limits;
use crate::path::Segment;
use crate::shape::Text;

/// What a walk found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Walked {
    /// It can be built.
    Plain,
    /// A field twice, half a character, a number beyond a double, or nested too deeply: it stands as text.
    AsText,
    /// More values than are left.
    TooMany,
}

/// Looks at every text in a value, at the checker's present path. `values` are left, and counted down.
pub(crate) fn walk(raw: &str, checker: &mut Checker<'_>, limits: &Limits, values: &mut u32) -> Walked {
    let at = checker.lines.offset(raw);
    // The path has one segment for each array or object around this value.
    if checker.path.len() + json::depth(raw) > limits.max_depth as usize {
        checker.flag(FlagCode::TooDeep, at);
        return Walked::AsText;
    }
    let depth = checker.path.len();
    let mut walk = Walk { checker, at, limits, values, is_exhausted: false, has_twice: false };
    let mut json = serde_json::Deserializer::from_str(raw);
    let read = Step(&mut walk).deserialize(&mut json);
    let Walk { is_exhausted, has_twice, .. } = walk;
    checker.path.truncate(depth);
    if is_exhausted {
        return Walked::TooMany;
    }
    if read.is_err() {
        checker.flag(FlagCode::WrongType, at);
    }
    if read.is_err() || has_twice { Walked::AsText } else { Walked::Plain }
}

/// The value, or its JSON as text.
pub(crate) fn build(raw: &str, walked: &Walked) -> Value {
    let built = if *walked == Walked::Plain { serde_json::from_str(raw).ok() } else { None };
    built.unwrap_or_else(|| Value::String(raw.to_owned()))
}

struct Walk<'w, 'a> {
    checker: &'w mut Checker<'a>,
    at: usize,
    limits: &'w Limits,
    values: &'w mut u32,
    is_exhausted: bool,
    has_twice: bool,
}

struct Step<'s, 'w, 'a>(&'s mut Walk<'w, 'a>);

impl<'de> DeserializeSeed<'de> for Step<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.values.checked_sub(1) {
            Some(left) => *self.0.values = left,
            None => {
                self.0.is_exhausted = true;
                return Err(D::Error::custom("too many values"));
            }
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let Walk { checker, at, .. } = self.0;
        checker.characters(text, Text::Free, *at);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for index in 0.. {
            self.0.checker.path.push(Segment::Index(index));
            let element = seq.next_element_seed(Step(&mut *self.0))?;
            self.0.checker.path.pop();
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let Walk { checker, at, limits, has_twice, is_exhausted, .. } = &mut *self.0;
            checker.path.push(Segment::Unknown);
            checker.characters(&key, Text::Line, *at);
            if seen.len() >= limits.max_fields as usize {
                *is_exhausted = true;
                return Err(A::Error::custom("too many fields"));
            }
            if !seen.insert(key) {
                *has_twice = true;
                checker.flag(FlagCode::DuplicateField, *at);
            }
            map.next_value_seed(Step(&mut *self.0))?;
            self.0.checker.path.pop();
        }
        Ok(())
    }
}
