//! Which of an object's fields is which of the format's.

use std::borrow::Cow;

use crate::json::{Form, form};
use crate::shape::{Field, Record};

/// What a field of an object is.
pub(super) enum Role {
    /// This one of the format.
    Field(&'static Field),
    /// One of the format, but there is a later one, which is taken, as JSON libraries do.
    Earlier(&'static Field),
    /// One of the format without a value.
    Null,
    /// None of the format.
    Unknown,
}

/// The role of each field, in their order. A name that is merely meant counts only where the right one has no value.
pub(super) fn roles(shape: &'static Record, fields: &[(Cow<'_, str>, &str)]) -> Vec<Role> {
    let has_value = |raw: &str| form(raw) != Form::Null;
    let exact: Vec<_> = fields.iter().map(|(name, _)| shape.field(name)).collect();
    let last = |field: &Field| {
        let of_field = |at: &usize| exact[*at].is_some_and(|one| one.name == field.name) && has_value(fields[*at].1);
        (0..fields.len()).rev().find(of_field)
    };
    let mut taken: Vec<&str> = Vec::new();
    let mut roles: Vec<Role> = Vec::with_capacity(fields.len());
    for (at, ((_, raw), field)) in fields.iter().zip(&exact).enumerate() {
        roles.push(match field {
            Some(_) if !has_value(raw) => Role::Null,
            Some(field) if last(field) == Some(at) => {
                taken.push(field.name);
                Role::Field(field)
            }
            Some(field) => Role::Earlier(field),
            None => Role::Unknown,
        });
    }
    for ((name, raw), role) in fields.iter().zip(&mut roles) {
        if !matches!(role, Role::Unknown) || !has_value(raw) {
            continue;
        }
        if let Some(field) = shape.meant(name).filter(|field| !taken.contains(&field.name)) {
            taken.push(field.name);
            *role = Role::Field(field);
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    fn told(json: &str) -> Vec<String> {
        let guests = kinds::find(crate::GUEST_LIST).unwrap().shape().lists()[0].1;
        let fields = crate::json::fields(json, 99).unwrap();
        let name = |role: Role| match role {
            Role::Field(field) => field.name.to_owned(),
            Role::Earlier(field) => format!("{} before", field.name),
            Role::Null => "null".to_owned(),
            Role::Unknown => "?".to_owned(),
        };
        roles(guests.of, &fields).into_iter().map(name).collect()
    }

    #[test]
    fn a_misspelt_name_reaches_its_field_unless_the_right_one_is_there() {
        assert_eq!(
            told(r#"{"mobilPhone":"1","FirstName":"2","last_name":"3","e-mail":"4","seat":5}"#),
            ["mobilePhone", "firstName", "lastName", "email", "?"]
        );
        assert_eq!(told(r#"{"mobilPhone":"1","mobilePhone":"2"}"#), ["?", "mobilePhone"]);
        assert_eq!(told(r#"{"mobilePhone":null,"mobilPhone":"1","MobilePhone":"2"}"#), ["null", "mobilePhone", "?"]);
    }

    #[test]
    fn of_a_name_twice_the_last_with_a_value_counts() {
        assert_eq!(told(r#"{"phone":"1","phone":"2","phone":null}"#), ["phone before", "phone", "null"]);
    }
}
