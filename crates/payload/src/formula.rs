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
}
