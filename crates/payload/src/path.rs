//! Positions inside a payload, as people are shown them: `guests[3].address.city`.

use std::fmt::Write as _;

/// One step into a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A field of the formats.
    Field(&'static str),
    /// A field that the formats do not define. Its name is content, so it is not shown.
    Unknown,
    /// An element of an array, counted from 0.
    Index(usize),
}

impl Segment {
    /// The segment for a key found in the input.
    pub(crate) fn of_key(key: &str) -> Segment {
        known_field(key).map_or(Segment::Unknown, Segment::Field)
    }
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

/// The format's own spelling of a field name, if the format has such a field.
pub(crate) fn known_field(name: &str) -> Option<&'static str> {
    FIELDS.binary_search(&name).ok().map(|at| FIELDS[at])
}

/// Every field of both formats, sorted.
const FIELDS: [&str; 34] = [
    "additionalInformation",
    "address",
    "attendFrom",
    "attendTo",
    "attendanceInformation",
    "basicConditions",
    "city",
    "contactCategory",
    "contactInformation",
    "contactPersons",
    "contacts",
    "dataProvider",
    "dateOfBirth",
    "descriptionOfParticipation",
    "email",
    "endDate",
    "events",
    "firstContactDate",
    "firstName",
    "guestList",
    "guests",
    "houseNumber",
    "identityChecked",
    "lastContactDate",
    "lastName",
    "mobilePhone",
    "name",
    "phone",
    "pointOfContact",
    "sex",
    "startDate",
    "street",
    "workPlace",
    "zipCode",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_names_are_sorted_and_distinct() {
        assert!(FIELDS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_path_shows_no_name_that_the_format_does_not_define() {
        let path = [Segment::of_key("guests"), Segment::Index(3), Segment::of_key("Erika Mustermann")];
        assert_eq!(render(&path), "guests[3].*");
    }
}
