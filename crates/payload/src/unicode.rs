//! Characters that make text look like something it is not.

/// Changes the direction of the text around it (Unicode's `Bidi_Control`): "Trojan source".
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Takes no visible place although it is neither a control character nor a space.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200D}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether there is an invisible character that is not part of a spelling.
pub(crate) fn has_hidden_character(text: &str) -> bool {
    let mut before = None;
    text.chars().any(|c| {
        let is_hidden = is_invisible(c) && !before.is_some_and(|before| is_spelling(before, c));
        before = Some(c);
        is_hidden
    })
}

/// Not to be written to a terminal as it is.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control() || is_bidi_control(c) || is_invisible(c)
}

/// Persian and the scripts of India are spelled with joiners and non-joiners; emoji are put together with joiners,
/// variation selectors and tags.
fn is_spelling(before: char, c: char) -> bool {
    match c {
        '\u{200C}' => joins_letters(before),
        '\u{200D}' => joins_letters(before) || is_emoji(before),
        '\u{FE0E}' | '\u{FE0F}' => is_emoji(before) || matches!(before, '0'..='9' | '#' | '*'),
        '\u{180B}'..='\u{180F}' => matches!(before, '\u{1800}'..='\u{18AF}'),
        '\u{E0020}'..='\u{E007F}' => before == '\u{1F3F4}' || matches!(before, '\u{E0020}'..='\u{E007E}'),
        _ => false,
    }
}

fn joins_letters(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{8FF}' | '\u{900}'..='\u{DFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{18AF}'
        | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21FF}'
        | '\u{2300}'..='\u{23FF}' | '\u{2460}'..='\u{27BF}' | '\u{2900}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}'
        | '\u{3297}' | '\u{3299}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_not_hidden() {
        for text in [
            "علی\u{200c}رضا",
            "क्\u{200d}ष",
            "❤\u{fe0f}",
            "👩\u{200d}👧",
            "👁\u{fe0f}\u{200d}🗨\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
        ] {
            assert!(!has_hidden_character(text), "{text:?}");
        }
        for text in ["a\u{200c}b", "\u{200d}", "Mül\u{ad}ler", "a\u{200b}", "\u{feff}a", "a\u{fe0f}", "ب\u{200b}ب"] {
            assert!(has_hidden_character(text), "{text:?}");
        }
    }
}
