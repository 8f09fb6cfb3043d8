//! Where a spreadsheet would start to calculate.
//!
//! A program that opens a CSV file may guess another separator than the writer used, and then a cell begins in the
//! middle of ours: `Max;"Menü 1,=cmd"` read with commas has a cell `=cmd"`. So text is dangerous where a formula
//! character stands at its start or after *any* separator or line break, with nothing but spaces, quotes and
//! characters that readers drop before it.

/// Characters after which some reader starts a new cell.
fn separates(c: char) -> bool {
    matches!(c, ',' | ';' | '|' | '\t' | '\n' | '\r')
}

/// Characters that start a formula when a cell begins with them; the wide forms count in East Asian settings.
fn triggers(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠')
}

/// Characters that readers drop or step over at the start of a cell.
fn is_stepped_over(c: char) -> bool {
    matches!(c, '"' | '\'') || c.is_whitespace() || crate::unicode::is_unprintable(c)
}

/// The byte offsets at which a cell could begin with a formula, ascending. Linear in the length of the text.
pub(crate) fn dangers(text: &str) -> Vec<usize> {
    let mut dangers = Vec::new();
    // From the end: does the text from here on begin with a formula?
    let mut begins_formula = false;
    for (at, c) in text.char_indices().rev() {
        if begins_formula && separates(c) {
            dangers.push(at + c.len_utf8());
            // What is put there also protects a cell that begins further left.
            begins_formula = triggers(c);
        } else {
            begins_formula = triggers(c) || (begins_formula && is_stepped_over(c));
        }
    }
    if begins_formula {
        dangers.push(0);
    }
    dangers.reverse();
    dangers
}

/// Whether somebody should be told. Every place of [`dangers`] is neutralised on the way out; but a list with hyphens and
/// a number with a plus sign begin like that, too, and calculate nothing that could harm.
pub(crate) fn is_suspicious(text: &str) -> bool {
    dangers(text).into_iter().any(|at| {
        let cell = text[at..].trim_start_matches(is_stepped_over);
        let cell = cell.split([',', ';', '\t', '\n', '\r']).next().unwrap_or("");
        match cell.chars().next() {
            Some('=' | '@' | '＝' | '＠') => true,
            Some('+' | '-' | '＋' | '－') => reaches_out(cell),
            _ => false,
        }
    })
}

/// Whether what begins with a sign calls a function, another table or another program. `Schüler(in)` does not.
fn reaches_out(cell: &str) -> bool {
    let calls = cell.match_indices('(').any(|(at, _)| {
        let inside = cell[at + 1..].split(')').next().unwrap_or("");
        let ends_word = inside.chars().all(char::is_lowercase) && !inside.is_empty();
        cell[..at].ends_with(|c: char| c.is_ascii_alphabetic()) && !ends_word
    });
    let refers =
        cell.match_indices('!').any(|(at, _)| cell[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '$'));
    calls || refers || cell.contains('|') || cell.contains('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_found_at_the_start_and_after_separators() {
        for (text, expected) in [
            ("=1+1", vec![0]),
            ("  \u{a0}\u{feff}@SUM(A1)", vec![0]),
            ("\"=1\"", vec![0]),
            ("'=1", vec![0]),
            ("\t", vec![0]),
            ("Menü 1,=cmd", vec![8]),
            ("a;b; -1", vec![4]),
            ("a\r\n+1", vec![3]),
            ("\n=1", vec![1]),
            ("\n\t=1", vec![1, 2]),
            ("-a|=b", vec![0, 3]),
            ("＝1", vec![0]),
        ] {
            assert_eq!(dangers(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_and_numbers_of_people_are_left_alone() {
        for text in ["", "O'Brien", "12/3", "Meyer-Lübke", "Anna -Maria", "a=b", "x@example.org", "Tisch 3, am Fenster"]
        {
            assert_eq!(dangers(text), Vec::<usize>::new(), "{text:?}");
        }
    }

    #[test]
    fn lists_and_numbers_are_not_suspicious_and_formulas_are() {
        for text in [
            "Allergien:\n- Nüsse",
            "Allergien:\r\n\r\n- Nüsse (roh)\r\n- Soja!",
            "- Schüler(in)",
            "Frau Meier, +49 30 23125117",
            "+49 (0)30 23125-117",
            "-5",
            "a;+1",
            "\ttext",
            "- post@example.org",
        ] {
            assert!(!is_suspicious(text), "{text:?}");
        }
        for text in [
            "=1",
            " @SUM(A1)",
            "a;=1",
            "Menü 1,=cmd",
            "+1+cmd|' /C calc'!A0",
            "-HYPERLINK(A1)",
            "x\n+SUM(1)",
            "-1+Tabelle2!A1",
            "＝1",
            "\t=1",
            "+a=b",
        ] {
            assert!(is_suspicious(text), "{text:?}");
        }
    }
}
