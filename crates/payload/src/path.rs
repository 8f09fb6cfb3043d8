//! Positions inside a payload, as people are shown them: `guests[3].address.city`.

use std::fmt::Write as _;

/// One step into a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A field of the format.
    Field(&'static str),
    /// A field that the format does not define. Its name is content, so it is not shown.
    Unknown,
    /// An element of an array, counted from 0.
    Index(usize),
}

/// The path as text; empty for the whole payload.
pub(crate) fn render(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        if !text.is_empty() && !matches!(segment, Segment::Index(_)) {
            text.push('.');
        }
        match segment {
            Segment::Field(name) => text.push_str(name),
            Segment::Unknown => text.push('*'),
            Segment::Index(index) => write!(text, "[{index}]").expect("writing to a String cannot fail"),
        }
    }
    text
}

/// A path below another one.
pub(crate) fn below(path: &[Segment], inner: &str) -> String {
    let outer = render(path);
    if outer.is_empty() { inner.to_owned() } else { format!("{outer}.{inner}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_shows_no_name_that_the_format_does_not_define() {
        assert_eq!(render(&[Segment::Field("guests"), Segment::Index(3), Segment::Unknown]), "guests[3].*");
        assert_eq!(below(&[Segment::Field("guests"), Segment::Index(3)], "phone"), "guests[3].phone");
        assert_eq!(below(&[], "phone"), "phone");
    }
}
