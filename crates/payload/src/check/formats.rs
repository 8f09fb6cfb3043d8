//! E-mail addresses and telephone numbers: simple checks that honest input passes.

use super::Checker;
use super::text::Text;
use crate::flags::FlagCode;

impl Checker<'_> {
    pub(super) fn email(&mut self, name: &'static str, text: Option<&str>, max: usize) {
        self.text(name, text, Text::Line, max);
        if text.is_some_and(|text| !looks_like_email(text)) {
            self.field(name, |this| this.flag(FlagCode::EmailImplausible));
        }
    }

    pub(super) fn phone(&mut self, name: &'static str, text: Option<&str>, max: usize) {
        self.text(name, text, Text::Phone, max);
        if text.is_some_and(|text| !looks_like_phone(text)) {
            self.field(name, |this| this.flag(FlagCode::PhoneImplausible));
        }
    }
}

/// One `@` between a local part and a domain with a dot; letters of any script, no spaces.
fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.trim().split_once('@') else { return false };
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '@' | '<' | '>' | ',' | ';');
    !local.is_empty()
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && local.chars().chain(domain.chars()).all(is_allowed)
}

/// Digits and the usual signs between them; E.164 allows 15 digits, habits such as `(0)` and extensions add some.
fn looks_like_phone(text: &str) -> bool {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let only_usual = text.chars().all(|c| c.is_ascii_digit() || "+ ()/.-–\u{a0}".contains(c));
    let plus_is_first = !text.chars().skip(2).any(|c| c == '+');
    (5..=20).contains(&digits) && only_usual && plus_is_first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_addresses_and_numbers_pass() {
        for text in ["a@b.de", "o'brien+x@example.org", "jörg@münchen.example", " a@b.de "] {
            assert!(looks_like_email(text), "{text}");
        }
        for text in ["+49 (0)30 23125-123", "(05797) 048409", "0258596517", "030/23125 12", "(+49) 30 23125", "110 11"]
        {
            assert!(looks_like_phone(text), "{text}");
        }
    }

    #[test]
    fn unusual_addresses_and_numbers_do_not() {
        for text in ["", "@", "a", "a@b", "a@b.", "@b.de", "a@b@c.de", "a b@c.de", "keine", "a@b.de, c@d.de"] {
            assert!(!looks_like_email(text), "{text}");
        }
        for text in ["", "110", "keine", "0171 39200 x", "+1+2+3+4+5", "123456789012345678901", "=1+12345"] {
            assert!(!looks_like_phone(text), "{text}");
        }
    }
}
