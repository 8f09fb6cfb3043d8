//! E-mail addresses and telephone numbers: simple checks that honest input passes.

/// One `@` between a local part and a domain with a dot; letters of any script, no spaces.
pub(super) fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.trim().split_once('@') else { return false };
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '@' | '<' | '>' | ',' | ';');
    !local.is_empty()
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && local.chars().chain(domain.chars()).all(is_allowed)
}

/// Digits and the usual signs between them; E.164 allows 15 digits, habits such as `(0)` and extensions add some. Words
/// may stand beside it ("Frau Meier, +49 30 …", "… oder …"), and then more than one number.
pub(super) fn looks_like_phone(text: &str) -> bool {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_usual = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+()/.-‐‑‒–—−".contains(c);
    if text.chars().all(is_usual) {
        let plus_is_first = !text.chars().skip(2).any(|c| c == '+');
        return (5..=20).contains(&digits) && plus_is_first;
    }
    (5..=45).contains(&digits) && text.chars().all(|c| is_usual(c) || c.is_alphabetic() || ",;:&'’".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_addresses_and_numbers_pass() {
        for text in ["a@b.de", "o'brien+x@example.org", "jörg@münchen.example", " a@b.de "] {
            assert!(looks_like_email(text), "{text}");
        }
        for text in [
            "+49 (0)30 23125-123",
            "(05797) 048409",
            "0258596517",
            "030/23125 12",
            "(+49) 30 23125",
            "110 11",
            "030\u{a0}23125–117",
            "030\u{202f}23125\u{2011}117",
            "Frau Meier, +49 30 23125117",
            "030 23125117 oder 0171 3920017",
            "23125117 App. 12",
        ] {
            assert!(looks_like_phone(text), "{text}");
        }
    }

    #[test]
    fn unusual_addresses_and_numbers_do_not() {
        for text in ["", "@", "a", "a@b", "a@b.", "@b.de", "a@b@c.de", "a b@c.de", "keine", "a@b.de, c@d.de"] {
            assert!(!looks_like_email(text), "{text}");
        }
        for text in ["", "110", "keine", "+1+2+3+4+5", "123456789012345678901", "=1+12345", "1+cmd|'12345'!A0"] {
            assert!(!looks_like_phone(text), "{text}");
        }
    }
}
