//! Fields that are text, numbers, yes or no: what is meant is read, and said if it is not what the format says.

use std::borrow::Cow;

use serde_json::Value;

use super::Reader;
use crate::absent::is_absent;
use crate::flags::FlagCode;
use crate::json::{self, Form};
use crate::known::Known;
use crate::moment;
use crate::path::render;
use crate::shape::{Field, Shape, Text};

impl<'a> Reader<'a> {
    /// Reads a string, a number or a boolean, at the checker's present path. Returns what is shown.
    pub(super) fn leaf(&mut self, field: &'static Field, raw: &'a str, known: &mut Known<'a>) -> Value {
        let at = self.checker.lines.offset(raw);
        let form = json::form(raw);
        if let (Shape::Bool, Form::Bool) = (&field.shape, form) {
            self.known(known, Cow::Borrowed(raw), at);
            return Value::Bool(raw == "true");
        }
        let (text, is_whole) = if form == Form::String { json::string(raw) } else { (Cow::Borrowed(raw), true) };
        if !is_whole {
            self.checker.flag(FlagCode::WrongType, at);
        }
        if is_absent(&text) {
            if field.required {
                self.checker.flag(FlagCode::Missing, at);
            }
            return self.shown(text);
        }
        match &field.shape {
            Shape::Text(kind, max) => {
                if form != Form::String {
                    self.checker.flag(FlagCode::Converted, at);
                }
                self.checker.text(&text, *kind, *max, at);
                self.known(known, text.clone(), at);
                self.shown(text)
            }
            Shape::Bool => self.yes_or_no(text, form, at, known),
            Shape::Code(codes) => self.code(codes, text, at, known),
            Shape::Moment | Shape::Birth => self.moment(field, text, form, at, known),
            // Not asked for: they are read elsewhere.
            Shape::Record(_) | Shape::List(_) | Shape::Any => Value::Null,
        }
    }

    fn yes_or_no(&mut self, text: Cow<'a, str>, form: Form, at: usize, known: &mut Known<'a>) -> Value {
        let word = text.trim().to_lowercase();
        let meant = match word.as_str() {
            "true" | "yes" | "ja" | "1" => true,
            "false" | "no" | "nein" | "0" => false,
            _ => {
                self.checker.flag(FlagCode::WrongType, at);
                self.checker.characters(&text, Text::Line, at);
                return if form == Form::String { self.shown(text) } else { self.number(&text) };
            }
        };
        self.checker.flag(FlagCode::Converted, at);
        self.known(known, Cow::Borrowed(if meant { "true" } else { "false" }), at);
        Value::Bool(meant)
    }

    fn code(&mut self, codes: &[&'static str], text: Cow<'a, str>, at: usize, known: &mut Known<'a>) -> Value {
        // "female" is FEMALE.
        if let Some(code) = codes.iter().find(|code| code.eq_ignore_ascii_case(text.trim())) {
            self.known(known, Cow::Borrowed(code), at);
            return self.shown(Cow::Borrowed(code));
        }
        self.checker.flag(FlagCode::UnknownValue, at);
        self.checker.characters(&text, Text::Line, at);
        self.known(known, text.clone(), at);
        self.shown(text)
    }

    fn moment(
        &mut self,
        field: &'static Field,
        text: Cow<'a, str>,
        form: Form,
        at: usize,
        known: &mut Known<'a>,
    ) -> Value {
        let Some(moment) = moment::read(&text).filter(|_| form != Form::Bool) else {
            self.checker.flag(FlagCode::DateUnreadable, at);
            self.checker.characters(&text, Text::Line, at);
            return if form == Form::String { self.shown(text) } else { self.number(&text) };
        };
        if !moment.is_iso {
            self.checker.flag(FlagCode::DateNotIso, at);
        }
        if let Shape::Birth = field.shape {
            self.checker.birth(&moment, at);
        }
        // Nobody reads seconds since 1970.
        let epoch = if form == Form::Number { moment::of_number(&text) } else { None };
        let text = epoch.map_or(text, Cow::Owned);
        self.known(known, text.clone(), at);
        self.shown(text)
    }

    fn known(&self, known: &mut Known<'a>, text: Cow<'a, str>, at: usize) {
        known.add(render(&self.checker.path[self.base..]), text, at);
    }

    fn shown(&self, text: Cow<'a, str>) -> Value {
        if self.builds { Value::String(text.into_owned()) } else { Value::Null }
    }

    /// A number or a boolean that stays what it is.
    fn number(&self, raw: &str) -> Value {
        if self.builds {
            serde_json::from_str(raw).unwrap_or_else(|_| Value::String(raw.to_owned()))
        } else {
            Value::Null
        }
    }
}
