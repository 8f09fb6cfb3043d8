//! What several kinds say alike: people and addresses.

use crate::shape::{Field, Record, Shape, Text};

pub(super) static ADDRESS: Record = Record {
    about: "A postal address; nothing in it is required.",
    fields: &[
        Field::text("street", Text::Line, 256, "Street without the number."),
        Field::text("houseNumber", Text::Line, 256, "Number with suffixes such as 12/3."),
        Field::text("zipCode", Text::PostCode, 10, "Postal code, as text: leading zeros count.").also(&["zip", "plz"]),
        Field::text("city", Text::Line, 256, "City."),
    ],
};

pub(super) const FIRST_NAME: Field = Field::text("firstName", Text::Name, 100, "First names.").required();
pub(super) const LAST_NAME: Field = Field::text("lastName", Text::Name, 100, "Family name.").required();
pub(super) const BORN: Field = Field::new("dateOfBirth", Shape::Birth, "Date of birth.");
pub(super) const SEX: Field =
    Field::new("sex", Shape::Code(&["MALE", "FEMALE", "OTHER", "UNKNOWN"]), "Sex, as far as the sender knows it.");
pub(super) const EMAIL: Field = Field::text("email", Text::Email, 100, "E-mail address.");
pub(super) const PHONE: Field = Field::text("phone", Text::Phone, 100, "Telephone number, as text.");
// `mobilPhone` is what a vendor library of the predecessor writes.
pub(super) const MOBILE: Field =
    Field::text("mobilePhone", Text::Phone, 100, "Mobile number, as text.").also(&["mobilPhone"]);
pub(super) const HOME: Field = Field::new("address", Shape::Record(&ADDRESS), "Where the person lives.");

/// What tells people apart who have the same names: one of these, taken in this order of groups.
pub(super) const DETAILS: [&[&str]; 2] = [&["dateOfBirth"], &["email", "phone", "mobilePhone"]];
