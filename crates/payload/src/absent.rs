//! What people and programs write when they have nothing to write.

/// Whether the text says that there is nothing: a blank, or a placeholder such as `-` or `k.A.`.
///
/// Null, Na and Ka are family names, so they are not among the placeholders.
pub(crate) fn is_absent(text: &str) -> bool {
    // No placeholder is longer.
    if text.len() > 40 {
        return text.trim().is_empty();
    }
    let written: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    written.chars().all(|c| "-–—._/*?".contains(c)) || PLACEHOLDERS.contains(&written.as_str())
}

const PLACEHOLDERS: [&str; 10] =
    ["k.a.", "k.a", "n/a", "n.a.", "n.v.", "keineangabe", "keineangaben", "nichtangegeben", "unbekannt", "entfällt"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_placeholders_are_absent_and_names_are_not() {
        for text in ["", " ", "\u{a0}", "-", "--", "—", "k.A.", "k. A.", "K.A", "n/a", "keine Angabe", "?", "unbekannt"]
        {
            assert!(is_absent(text), "{text:?}");
        }
        for text in ["0", "A", "Ka", "Na", "Null", "Nadia", "030", "-1", "+", &"-x".repeat(40)] {
            assert!(!is_absent(text), "{text:?}");
        }
    }
}
