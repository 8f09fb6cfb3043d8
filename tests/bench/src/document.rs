//! The tables in docs/performance.md, between two marks. All other text of the page is written by hand.

use std::path::Path;

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- bench: begin; written by `just bench` -->\n";
const END: &str = "<!-- bench: end -->";

/// Replaces the tables.
pub(crate) fn update(path: &Path, tables: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let page = replaced(&page, tables).with_context(|| format!("{} lacks the marks for the tables", path.display()))?;
    std::fs::write(path, page).with_context(|| format!("{}", path.display()))
}

fn replaced(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = format!("# Title\n{BEGIN}old\n{END}\n## Log\n");
        let new = replaced(&page, "| new |").unwrap();
        assert_eq!(new, format!("# Title\n{BEGIN}\n| new |\n{END}\n## Log\n"));
        assert_eq!(replaced(&new, "| new |").unwrap(), new);
        assert_eq!(replaced("# Title", "| new |"), None);
    }

    #[test]
    fn the_page_has_the_marks() {
        let page = std::fs::read_to_string(crate::workspace().join("docs/performance.md")).unwrap();
        assert!(replaced(&page, "").is_some());
    }
}
