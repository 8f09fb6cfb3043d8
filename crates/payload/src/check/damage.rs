//! What other programs did to a text before it was sent.

/// UTF-8 that was read as Windows-1252 or Latin-1: `MÃ¼ller`, `StraÃŸe`, `Åukasz`, `â€“`.
pub(super) fn is_mojibake(text: &str) -> bool {
    let bytes: Vec<Option<u8>> = text.chars().map(as_byte).collect();
    bytes.windows(2).enumerate().any(|(at, pair)| {
        let next = || bytes.get(at + 2).copied().flatten();
        match pair {
            // U+0080 to U+00FF: what is left of Ä, ö, ß, é, a no-break space …
            [Some(0xC2 | 0xC3), Some(0x80..=0xBF)] => true,
            // U+0100 to U+017F: ł, ş, ž … An Ä or Å before a closing quotation mark is none of them.
            [Some(0xC4 | 0xC5), Some(second @ 0x80..=0xBF)] => !matches!(second, 0x84 | 0x91..=0x94 | 0xAB | 0xBB),
            // Dashes, quotation marks, the euro sign.
            [Some(0xE2), Some(0x80 | 0x82)] => matches!(next(), Some(0x80..=0xBF)),
            _ => false,
        }
    })
}

/// The byte of a character that Windows-1252 or Latin-1 has, from 0x80 on.
fn as_byte(c: char) -> Option<u8> {
    if let Some(at) = WINDOWS_1252.iter().position(|one| *one == c) {
        return u8::try_from(at + 0x80).ok();
    }
    u8::try_from(u32::from(c)).ok().filter(|byte| *byte >= 0x80)
}

/// 0x80 to 0x9F; the five that are not assigned stay as they are.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// U+FFFD; in a name also a question mark before a letter: `M?ller`.
pub(super) fn has_lost_character(text: &str, is_name: bool) -> bool {
    let question = |(at, _): (usize, &str)| text[at + 1..].chars().next().is_some_and(char::is_alphabetic);
    text.contains('\u{FFFD}') || (is_name && text.match_indices('?').any(question))
}

/// `4.91711E+11`: what a spreadsheet makes of a long number.
pub(super) fn is_spreadsheet_number(text: &str) -> bool {
    let Some((number, exponent)) = text.trim().split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    // Without a sign it could be a house number or a flat: 12E1.
    digits(whole) && digits(fraction) && exponent.strip_prefix(['+', '-']).is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_seen_and_rare_spellings_are_none() {
        for text in
            ["MÃ¼ller", "StraÃŸe", "Stra\u{c3}\u{9f}e", "JÃ¶rg", "Å‚ukasz", "YÄ±ldÄ±z", "a â€“ b", "5 â‚¬", "aÂ\u{a0}b"]
        {
            assert!(is_mojibake(text), "{text}");
        }
        for text in ["Müller", "São Paulo", "SÃO", "»CAFÉ«", "»Ä«", "„Ä“", "Åse", "Ängström", "Łukasz", "5 €", "ÂÄÃ"]
        {
            assert!(!is_mojibake(text), "{text}");
        }
    }

    #[test]
    fn lost_characters_and_digits_are_seen() {
        assert!(has_lost_character("M\u{fffd}ller", false) && has_lost_character("M?ller", true));
        assert!(!has_lost_character("Kommt sie?", true) && !has_lost_character("a?b", false));
        for text in ["4.91711E+11", "4,91711E+11", "1e+5", " 4.9E+11 "] {
            assert!(is_spreadsheet_number(text), "{text}");
        }
        for text in ["12E1", "E+1", "4.9E", "A4E+1", "12", "1.2.3E+4"] {
            assert!(!is_spreadsheet_number(text), "{text}");
        }
    }
}
