//! Text of any field: length, characters, normalisation, formulas.

use serde_json::Value;
use unicode_normalization::is_nfc;

use super::Checker;
use crate::Extra;
use crate::flags::FlagCode;
use crate::formula::dangers;
use crate::path::Segment;
use crate::unicode::{is_bidi_control, is_invisible};

/// The kinds of text, by what is normal in them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// One line.
    Line,
    /// Line breaks and tabs are normal.
    Free,
    /// A leading `+` is normal.
    Phone,
}

impl Checker<'_> {
    /// A text of the format, with its maximum number of characters.
    pub(super) fn text(&mut self, name: &'static str, text: Option<&str>, kind: Text, max: usize) {
        let Some(text) = text else { return };
        self.field(name, |this| {
            if text.chars().count() > max {
                this.flag(FlagCode::TooLong);
            }
            this.characters(text, kind);
        });
    }

    /// Text that must say something.
    pub(super) fn required_line(&mut self, name: &'static str, text: &str, max: usize) {
        if text.trim().is_empty() {
            self.field(name, |this| this.flag(FlagCode::Empty));
        }
        self.text(name, Some(text), Text::Line, max);
    }

    /// What any text can have that no honest one has.
    pub(super) fn characters(&mut self, text: &str, kind: Text) {
        let is_normal = |c: char| kind == Text::Free && matches!(c, '\n' | '\r' | '\t');
        if text.chars().any(|c| c.is_control() && !is_normal(c)) {
            self.flag(FlagCode::ControlCharacter);
        }
        if text.chars().any(is_bidi_control) {
            self.flag(FlagCode::BidiCharacter);
        }
        if text.chars().any(is_invisible) {
            self.flag(FlagCode::InvisibleCharacter);
        }
        if !is_nfc(text) {
            self.flag(FlagCode::NotNfc);
        }
        // "+49 30 …" would be neutralised on export like every other cell, but it is nothing to be told about.
        let is_number = kind == Text::Phone && text.chars().all(|c| c.is_ascii_digit() || "+ ()/.-".contains(c));
        if !is_number && !dangers(text).is_empty() {
            self.flag(FlagCode::FormulaStart);
        }
    }

    /// Fields that the format does not define: names and values can be anything, so only their characters count.
    pub(super) fn extra(&mut self, extra: &Extra) {
        for (name, value) in extra {
            self.within(Segment::Unknown, |this| {
                this.characters(name, Text::Line);
                this.any_value(value);
            });
        }
    }

    // The recursion is bounded by the nesting limit of the scan.
    fn any_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.characters(text, Text::Free),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.within(Segment::Index(index), |this| this.any_value(element));
                }
            }
            Value::Object(object) => self.extra(object),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
