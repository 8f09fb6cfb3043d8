//! Reads a payload object by object, by the tables of its kind. What can be read is read, what cannot is flagged and kept.
//!
//! Either everything is built ([`parse`](fn@crate::parse)), or nothing but the element that is just being read, so that
//! even the longest list costs little memory ([`examine`](fn@crate::examine)).

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::Extra;
use crate::any::{self, Walked};
use crate::check::Checker;
use crate::error::PayloadError;
use crate::flags::FlagCode;
use crate::json::{self, Form};
use crate::kinds::Kind;
use crate::known::{Counts, Known};
use crate::limits::Limits;
use crate::path::{Segment, render};
use crate::shape::{Field, List, Record, Shape};

mod leaf;
mod names;

use names::{Role, roles};

/// What was read.
pub(crate) struct Read<'a> {
    /// The payload, if it was to be built.
    pub(crate) content: Map<String, Value>,
    /// What is known of it outside its lists.
    pub(crate) head: Known<'a>,
    pub(crate) counts: Counts,
}

pub(crate) struct Reader<'a> {
    kind: &'static dyn Kind,
    limits: &'a Limits,
    pub(crate) checker: Checker<'a>,
    builds: bool,
    /// JSON values that may still come.
    values: u32,
    /// Steps of the path that lead to the object whose fields are being read.
    base: usize,
    /// Lists whose elements are read once all else is known.
    lists: Vec<Pending<'a>>,
}

/// A list that waits.
struct Pending<'a> {
    path: Vec<Segment>,
    list: &'static List,
    raw: &'a str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(kind: &'static dyn Kind, limits: &'a Limits, checker: Checker<'a>, builds: bool) -> Self {
        Reader { kind, limits, checker, builds, values: limits.max_values, base: 0, lists: Vec::new() }
    }

    /// Reads the payload itself, which is an object.
    pub(crate) fn payload(&mut self, raw: &'a str) -> Result<Read<'a>, PayloadError> {
        let mut head = Known::default();
        let mut content = self.record(self.kind.shape(), raw, &mut head)?;
        self.kind.check_head(&head, &mut self.checker);
        let mut counts = Counts::default();
        for pending in std::mem::take(&mut self.lists) {
            let path = pending.path.clone();
            let rows = self.list(pending, &head, &mut counts)?;
            if self.builds {
                put(&mut content, &path, Value::Array(rows));
            }
        }
        Ok(Read { content, head, counts })
    }

    /// Fields beside the payload.
    pub(crate) fn beside(&mut self, fields: Vec<(Cow<'a, str>, &'a str)>) -> Result<Extra, PayloadError> {
        let (mut beside, mut next) = (Extra::new(), Next::new());
        for (name, raw) in fields {
            self.extra(&name, raw, &mut beside, &mut next)?;
        }
        Ok(beside)
    }

    fn list(
        &mut self,
        Pending { path, list, raw }: Pending<'a>,
        head: &Known<'a>,
        counts: &mut Counts,
    ) -> Result<Vec<Value>, PayloadError> {
        let elements = json::elements(raw, list.max as usize)
            .map_err(|_| PayloadError::TooMany { path: render(&path), max: list.max })?;
        self.checker.begin_list();
        self.checker.path = path;
        let (mut rows, mut count) = (Vec::new(), 0);
        for (index, raw) in elements.into_iter().enumerate() {
            self.checker.path.push(Segment::Index(index));
            self.base = self.checker.path.len();
            let row = match json::form(raw) {
                Form::Object => {
                    let mut known = Known::default();
                    let row = self.record(list.of, raw, &mut known)?;
                    self.kind.check_row(list.table, head, &known, &mut self.checker);
                    count += 1;
                    Value::Object(row)
                }
                _ => self.unreadable(raw)?,
            };
            self.checker.path.pop();
            if self.builds {
                rows.push(row);
            }
        }
        self.checker.path.clear();
        self.base = 0;
        counts.add(list.table, count);
        Ok(rows)
    }

    /// Reads the fields of an object. What is known of it is added to `known`.
    fn record(
        &mut self,
        shape: &'static Record,
        raw: &'a str,
        known: &mut Known<'a>,
    ) -> Result<Map<String, Value>, PayloadError> {
        let fields = json::fields(raw, self.limits.max_fields as usize).map_err(|_| self.too_many_values())?;
        self.count()?;
        let roles = roles(shape, &fields);
        let (mut object, mut next) = (Map::new(), Next::new());
        for ((name, raw), role) in fields.iter().zip(&roles) {
            match role {
                Role::Field(field) => self.field(field, raw, known, &mut object)?,
                Role::Null => {}
                Role::Earlier(field) => {
                    self.within(Segment::Field(field.name), |this| {
                        let at = this.checker.lines.offset(raw);
                        this.checker.flag(FlagCode::DuplicateField, at);
                    });
                    self.extra(&format!("{} (1)", field.name), raw, &mut object, &mut next)?;
                }
                Role::Unknown => self.extra(name, raw, &mut object, &mut next)?,
            }
        }
        let is_there =
            |field: &Field| roles.iter().any(|role| matches!(role, Role::Field(other) if other.name == field.name));
        for field in shape.fields.iter().filter(|field| field.required && !is_there(field)) {
            let at = self.checker.lines.offset(raw);
            self.checker.flag_field(field.name, FlagCode::Missing, at);
        }
        Ok(object)
    }

    fn field(
        &mut self,
        field: &'static Field,
        raw: &'a str,
        known: &mut Known<'a>,
        object: &mut Map<String, Value>,
    ) -> Result<(), PayloadError> {
        self.checker.path.push(Segment::Field(field.name));
        let value = match (&field.shape, json::form(raw)) {
            (Shape::Record(record), Form::Object) => Value::Object(self.record(record, raw, known)?),
            (Shape::List(list), Form::Array) => {
                let path = self.checker.path.clone();
                self.lists.push(Pending { path, list, raw });
                self.count()?;
                // Its place among the fields.
                Value::Null
            }
            (Shape::Any, _) => self.any(raw)?,
            (Shape::Record(_) | Shape::List(_), _) | (_, Form::Object | Form::Array) => self.unreadable(raw)?,
            _ => {
                self.count()?;
                self.leaf(field, raw, known)
            }
        };
        self.checker.path.pop();
        if self.builds {
            object.insert(field.name.to_owned(), value);
        }
        Ok(())
    }

    /// A field that the format does not define.
    fn extra(
        &mut self,
        name: &str,
        raw: &'a str,
        object: &mut Map<String, Value>,
        next: &mut Next,
    ) -> Result<(), PayloadError> {
        self.checker.path.push(Segment::Unknown);
        let at = self.checker.lines.offset(raw);
        self.checker.characters(name, crate::shape::Text::Line, at);
        let mut free = name.to_owned();
        if self.builds && object.contains_key(name) {
            self.checker.flag(FlagCode::DuplicateField, at);
            let number = next.entry(name.to_owned()).or_insert(2);
            // Others may really be called so.
            loop {
                free = format!("{name} ({number})");
                *number += 1;
                if !object.contains_key(&free) {
                    break;
                }
            }
        }
        let value = self.any(raw)?;
        self.checker.path.pop();
        if self.builds {
            object.insert(free, value);
        }
        Ok(())
    }

    /// Something else than the format says; it is kept as it is.
    fn unreadable(&mut self, raw: &'a str) -> Result<Value, PayloadError> {
        let at = self.checker.lines.offset(raw);
        self.checker.flag(FlagCode::WrongType, at);
        self.any(raw)
    }

    fn any(&mut self, raw: &'a str) -> Result<Value, PayloadError> {
        match any::walk(raw, &mut self.checker, self.limits, &mut self.values) {
            Walked::TooMany => Err(self.too_many_values()),
            walked if self.builds => Ok(any::build(raw, &walked)),
            _ => Ok(Value::Null),
        }
    }

    fn within(&mut self, segment: Segment, act: impl FnOnce(&mut Self)) {
        self.checker.path.push(segment);
        act(self);
        self.checker.path.pop();
    }

    fn count(&mut self) -> Result<(), PayloadError> {
        self.values = self.values.checked_sub(1).ok_or_else(|| self.too_many_values())?;
        Ok(())
    }

    fn too_many_values(&self) -> PayloadError {
        PayloadError::TooManyValues { path: render(&self.checker.path), max: self.limits.max_values }
    }
}

/// The number to be tried next for a name that comes again in an object: one that comes a thousand times must not have a
/// thousand numbers tried each time.
type Next = HashMap<String, u32>;

/// Puts a list in its place.
fn put(content: &mut Map<String, Value>, path: &[Segment], rows: Value) {
    let names = path.iter().filter_map(|segment| match segment {
        Segment::Field(name) => Some(*name),
        _ => None,
    });
    let mut names = names.peekable();
    let mut object = content;
    while let Some(name) = names.next() {
        let Some(value) = object.get_mut(name) else { return };
        if names.peek().is_none() {
            *value = rows;
            return;
        }
        let Value::Object(inner) = value else { return };
        object = inner;
    }
}
