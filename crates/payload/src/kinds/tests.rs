use super::*;
use crate::{Limits, parse, schema};

#[test]
fn every_example_is_read_without_a_flag_and_comes_back() {
    for kind in KINDS {
        let example = example(kind).unwrap();
        let parsed = parse(kind, example.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(parsed.flags.groups, [], "{kind}");
        assert_eq!(parsed.to_json(), serde_json::from_str::<serde_json::Value>(example).unwrap(), "{kind}");
        assert!(parsed.kind() == *kind && parsed.summary().kind == *kind);
    }
}

#[test]
fn no_table_has_a_name_twice_and_every_mark_is_a_field() {
    fn check(record: &'static Record) {
        for (at, field) in record.fields.iter().enumerate() {
            for name in field.also.iter().chain([&field.name]) {
                let earlier = &record.fields[..at];
                let clash = earlier.iter().find(|one| record.meant(name).is_some_and(|meant| meant.name == one.name));
                assert!(clash.is_none(), "{} in {}", name, record.about);
            }
            match &field.shape {
                crate::shape::Shape::Record(inner) => check(inner),
                crate::shape::Shape::List(list) => check(list.of),
                _ => {}
            }
        }
    }
    for kind in REGISTRY {
        check(kind.shape());
        assert!(kind.marks().iter().all(|mark| kind.shape().field(mark).is_some()), "{}", kind.name());
        assert!(!kind.marks().is_empty());
    }
}

/// The published schemas are the ones that the tables give. `SCHLEUSE_WRITE_SCHEMAS=1` writes them anew.
#[test]
fn the_published_schemas_are_those_of_the_tables() {
    for kind in KINDS {
        let file = format!("{}/../../docs/schema/{kind}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let made = format!("{:#}\n", schema::of(kind).unwrap());
        if std::env::var_os("SCHLEUSE_WRITE_SCHEMAS").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), made, "{file} is not up to date");
    }
}

#[test]
fn the_schema_asks_for_what_the_reader_misses() {
    for (kind, pointer) in [
        ("guest-list", "/properties/guests/items/properties/attendanceInformation"),
        ("contacts-and-events", "/properties/contacts/properties/contactPersons/items"),
        ("vaccination-report", "/properties/employees/items"),
        ("office-message", "/properties/hdRecipient"),
    ] {
        let schema = schema::of(kind).unwrap();
        let required: Vec<_> = schema.pointer(pointer).unwrap()["required"].as_array().unwrap().clone();
        let mut example: serde_json::Value = serde_json::from_str(example(kind).unwrap()).unwrap();
        let place = pointer.replace("/properties", "").replace("/items", "/0");
        for name in required {
            let object = example.pointer_mut(&place).unwrap().as_object_mut().unwrap();
            let name = name.as_str().unwrap();
            let value = object.remove(name).unwrap();
            let flags = parse(kind, example.to_string().as_bytes(), &Limits::default()).unwrap().flags;
            assert_eq!(flags.groups[0].code, crate::FlagCode::Missing, "{kind}: {name}");
            assert!(flags.groups[0].places[0].path.ends_with(name));
            example.pointer_mut(&place).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
        }
    }
}
