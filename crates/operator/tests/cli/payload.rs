//! `schleuse payload …`

use std::fs;

use crate::run;

#[test]
fn a_file_is_checked_as_the_office_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.json");
    fs::write(&file, "{\"guests\":[\n{\"firstName\":\"Erika\",\"lastName\":\"Mustermann\",\n\"phone\":4930231250}]}")
        .unwrap();
    let checked = run!("payload", "check", file);
    assert_eq!(checked.code, 0, "{checked:?}");
    for said in [
        "guest-list, readable, 1 people, 2 findings",
        "guests[0].phone (line 3)",
        "guests[0].attendanceInformation (line 2)",
    ] {
        assert!(checked.stdout.contains(said), "{checked:?}");
    }
    let json = run!("payload", "check", file, "--language", "de", "--json").json();
    assert_eq!((&json["groups"][0]["code"], &json["groups"][0]["places"][0]["line"]), (&"missing".into(), &2.into()));
    let other = run!("payload", "check", file, "--kind", "contacts-and-events");
    assert!(other.error(1).contains("`contacts` is missing"), "{other:?}");
    fs::write(&file, "").unwrap();
    assert!(run!("payload", "check", file).error(1).contains("is empty"));
}

#[test]
fn schemas_and_examples_are_printed_for_every_kind() {
    for kind in schleuse_payload::KINDS {
        let schema = run!("payload", "schema", kind);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&schema.stdout).unwrap()["title"], *kind);
        let example = run!("payload", "example", kind);
        assert_eq!(Some(example.stdout.as_str()), schleuse_payload::example(kind));
    }
    assert!(run!("payload", "schema", "menu").stderr.contains("known are guest-list"));
}
