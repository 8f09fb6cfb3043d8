//! Text of any field: length, characters, normalisation, formulas, damage.

use unicode_normalization::is_nfc;

use super::Checker;
use super::damage::{has_lost_character, is_mojibake, is_spreadsheet_number};
use super::formats::{looks_like_email, looks_like_phone};
use crate::flags::FlagCode;
use crate::formula::is_suspicious;
use crate::shape::Text;
use crate::unicode::{has_hidden_character, is_bidi_control};

impl Checker<'_> {
    /// A text of the format that says something, with its maximum number of characters.
    pub(crate) fn text(&mut self, text: &str, kind: Text, max: u32, at: usize) {
        if text.len() > max as usize && text.chars().count() > max as usize {
            self.flag(FlagCode::TooLong, at);
        }
        self.characters(text, kind, at);
        let is_implausible = match kind {
            Text::Email => (!looks_like_email(text)).then_some(FlagCode::EmailImplausible),
            Text::Phone if is_spreadsheet_number(text) => Some(FlagCode::SpreadsheetNumber),
            Text::Phone => (!looks_like_phone(text)).then_some(FlagCode::PhoneImplausible),
            Text::PostCode if is_four_digits(text) => Some(FlagCode::ShortPostCode),
            Text::Line | Text::PostCode => is_spreadsheet_number(text).then_some(FlagCode::SpreadsheetNumber),
            Text::Name | Text::Free => None,
        };
        if let Some(code) = is_implausible {
            self.flag(code, at);
        }
    }

    /// What any text can have that no honest one has.
    pub(crate) fn characters(&mut self, text: &str, kind: Text, at: usize) {
        // Most texts are letters and digits; they are through with one look.
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ') {
            return;
        }
        let is_normal = |c: char| kind == Text::Free && matches!(c, '\n' | '\r' | '\t');
        for (is_found, code) in [
            (text.chars().any(|c| c.is_control() && !is_normal(c)), FlagCode::ControlCharacter),
            (text.chars().any(is_bidi_control), FlagCode::BidiCharacter),
            (has_hidden_character(text), FlagCode::InvisibleCharacter),
            (!is_nfc(text), FlagCode::NotNfc),
            (is_suspicious(text), FlagCode::FormulaStart),
            (is_mojibake(text), FlagCode::Mojibake),
            (has_lost_character(text, kind == Text::Name), FlagCode::LostCharacter),
        ] {
            if is_found {
                self.flag(code, at);
            }
        }
    }
}

fn is_four_digits(text: &str) -> bool {
    let text = text.trim();
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}
