//! The first pass over the JSON: it builds nothing and refuses what would cost too much to build.
//!
//! It sees the whole document, also the fields that the formats do not define: syntax, nesting, the number of
//! values, and keys that stand twice (the typed structures would keep only the last of them).

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::PayloadError;
use crate::limits::Limits;
use crate::path::{Segment, render};

/// What the first pass learnt.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The top object has a field `guestList` and no `guests` of its own: the interchange form.
    pub(crate) wraps_guest_list: bool,
}

/// Reads the whole text within the limits.
pub(crate) fn scan(text: &str, limits: &Limits) -> Result<Outline, PayloadError> {
    let mut scan = Scan { limits, path: Vec::new(), values: 0, top: HashSet::new(), refusal: None };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Walk(&mut scan).deserialize(&mut json).and_then(|()| json.end());
    match (scan.refusal, read) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(PayloadError::NotJson { line: error.line() as u64, column: error.column() as u64 }),
        (None, Ok(())) => {
            let has = |key: &str| scan.top.contains(key);
            Ok(Outline { wraps_guest_list: has("guestList") && !has("guests") })
        }
    }
}

struct Scan<'a> {
    limits: &'a Limits,
    path: Vec<Segment>,
    values: u32,
    top: HashSet<&'static str>,
    refusal: Option<PayloadError>,
}

impl Scan<'_> {
    /// Remembers the refusal; the error returned only ends the walk.
    fn refuse<E: Error>(&mut self, refusal: PayloadError) -> E {
        self.refusal = Some(refusal);
        E::custom("refused")
    }

    fn count_value<E: Error>(&mut self) -> Result<(), E> {
        if self.values >= self.limits.max_values {
            let path = render(&self.path);
            return Err(self.refuse(PayloadError::TooManyValues { path, max: self.limits.max_values }));
        }
        self.values += 1;
        Ok(())
    }

    fn open<E: Error>(&mut self) -> Result<(), E> {
        // The path has one segment for each array or object around this one.
        if self.path.len() >= self.limits.max_depth as usize {
            let path = render(&self.path);
            return Err(self.refuse(PayloadError::TooDeep { path, max: self.limits.max_depth }));
        }
        Ok(())
    }
}

struct Walk<'s, 'a>(&'s mut Scan<'a>);

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.count_value()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
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

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let scan = self.0;
        scan.open()?;
        for index in 0.. {
            scan.path.push(Segment::Index(index));
            let element = seq.next_element_seed(Walk(&mut *scan))?;
            scan.path.pop();
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let scan = self.0;
        scan.open()?;
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let segment = Segment::of_key(&key);
            if let (true, Segment::Field(name)) = (scan.path.is_empty(), segment) {
                scan.top.insert(name);
            }
            scan.path.push(segment);
            if !seen.insert(key) {
                let path = render(&scan.path);
                return Err(scan.refuse(PayloadError::DuplicateField { path }));
            }
            map.next_value_seed(Walk(&mut *scan))?;
            scan.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> Result<Outline, PayloadError> {
        scan(text, &Limits { max_depth: 4, max_values: 20, ..Limits::default() })
    }

    #[test]
    fn nesting_is_counted_to_the_limit() {
        assert!(scanned("[[[[1]]]]").is_ok());
        assert!(scanned(r#"{"a":{"b":{"c":{}}}}"#).is_ok());
        let too_deep = |path: &str| Err(PayloadError::TooDeep { path: path.into(), max: 4 });
        assert_eq!(scanned("[[[[[]]]]]"), too_deep("[0][0][0][0]"));
        assert_eq!(scanned(r#"{"guests":[{"x":[{}]}]}"#), too_deep("guests[0].*[0]"));
        // Refused at the limit, not at serde_json's own one, and not by exhausting the stack.
        assert_eq!(scanned(&"[".repeat(1_000_000)), too_deep("[0][0][0][0]"));
    }

    #[test]
    fn values_are_counted_to_the_limit() {
        let array = |n: usize| format!("[{}]", vec!["0"; n].join(","));
        assert!(scanned(&array(19)).is_ok());
        assert_eq!(scanned(&array(20)), Err(PayloadError::TooManyValues { path: "[19]".into(), max: 20 }));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_also_in_unknown_fields() {
        let twice = |path: &str| Err(PayloadError::DuplicateField { path: path.into() });
        assert_eq!(scanned(r#"{"guests":[{"phone":"1","phone":"2"}]}"#), twice("guests[0].phone"));
        assert_eq!(scanned(r#"{"x":{"Erika":1,"\u0045rika":2}}"#), twice("*.*"));
        assert!(scanned(r#"[{"x":1},{"x":1}]"#).is_ok());
    }

    #[test]
    fn what_is_not_json_is_located() {
        let not_json = |line, column| Err(PayloadError::NotJson { line, column });
        assert_eq!(scanned("{\n \"a\": tru }"), not_json(2, 10));
        assert_eq!(scanned("{} {}"), not_json(1, 4));
        assert_eq!(scanned("[1e999]"), not_json(1, 6));
        assert_eq!(scanned(""), not_json(1, 0));
    }

    #[test]
    fn the_interchange_form_is_recognised_at_the_top_only() {
        assert_eq!(scanned(r#"{"guestList":{}}"#), Ok(Outline { wraps_guest_list: true }));
        assert_eq!(scanned(r#"{"guestList":{},"guests":[]}"#), Ok(Outline { wraps_guest_list: false }));
        assert_eq!(scanned(r#"{"x":{"guestList":{}}}"#), Ok(Outline { wraps_guest_list: false }));
    }
}
