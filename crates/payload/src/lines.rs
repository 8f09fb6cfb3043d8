//! From a byte's offset to its line.

use std::cell::OnceCell;

/// The lines of a text. They are looked for when somebody asks.
pub(crate) struct Lines<'a> {
    text: &'a str,
    ends: OnceCell<Vec<usize>>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Lines { text, ends: OnceCell::new() }
    }

    /// Where a part of the text begins in it.
    pub(crate) fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len())
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        let ends = self.ends.get_or_init(|| {
            let bytes = self.text.bytes().enumerate();
            bytes.filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect()
        });
        u32::try_from(ends.partition_point(|end| *end < offset) + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_knows_its_line() {
        let text = "a\nbc\n\nd";
        let lines = Lines::of(text);
        let line = |part| lines.line(lines.offset(part));
        assert_eq!([line(text), line(&text[3..]), line(&text[6..])], [1, 2, 4]);
    }
}
