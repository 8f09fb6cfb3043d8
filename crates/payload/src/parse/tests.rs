use super::*;
use crate::{MAX_CONTACTS, MAX_EVENTS, MAX_GUESTS};

const GUESTS: &str = include_str!("../../fixtures/guest-list-5.json");
const CASE: &str = include_str!("../../fixtures/contacts-and-events.json");

fn guests(json: &str) -> Result<Parsed, PayloadError> {
    parse(GUEST_LIST, json.as_bytes(), &Limits::default())
}

fn case(json: &str) -> Result<Parsed, PayloadError> {
    parse(CONTACTS_AND_EVENTS, json.as_bytes(), &Limits::default())
}

/// A guest list with these further fields in its only guest.
fn one_guest(fields: &str) -> String {
    let attendance = r#""attendanceInformation":{"attendFrom":"2026-11-20T17:00:00Z"}"#;
    format!(r#"{{"guests":[{{"firstName":"Erika","lastName":"Mustermann",{attendance}{fields}}}]}}"#)
}

#[test]
fn both_kinds_are_read_with_their_counts() {
    let list = guests(GUESTS).unwrap();
    let period = |from: &str, to: &str| Some(Days { from: from.into(), to: to.into() });
    let days = period("2026-11-20", "2026-11-20");
    assert_eq!(list.form, Form::Bare);
    assert_eq!(list.payload.kind(), GUEST_LIST);
    assert_eq!(list.summary(), Summary { kind: GUEST_LIST, people: 5, events: 0, flags: 0, period: days });

    let contacts = case(CASE).unwrap();
    let days = period("2026-11-06", "2026-11-20");
    assert_eq!(contacts.summary(), Summary { kind: CONTACTS_AND_EVENTS, people: 2, events: 1, flags: 0, period: days });
}

#[test]
fn typed_fields_are_where_they_belong() {
    let Payload::ContactsAndEvents(read) = case(CASE).unwrap().payload else { panic!("another kind") };
    let contact = &read.contacts.contact_persons[0];
    assert_eq!(contact.last_name, "O'Brien");
    assert!(contact.sex == Some(crate::Sex::Female));
    let information = contact.contact_information.as_ref().unwrap();
    assert!(information.contact_category == Some(crate::ContactCategory::HighRisk));
    assert_eq!(contact.address.as_ref().unwrap().house_number.as_deref(), Some("12/3"));
}

#[test]
fn the_interchange_form_is_recorded_and_comes_back() {
    let wrapped = format!(r#"{{"dataAuthorizationToken":"t-1","guestList":{GUESTS}}}"#);
    let parsed = guests(&wrapped).unwrap();
    let Form::Wrapped { beside } = &parsed.form else { panic!("recorded as bare") };
    assert_eq!(beside.len(), 1);
    assert_eq!(parsed.summary().people, 5);
    assert_eq!(parsed.to_json(), serde_json::from_str::<Value>(&wrapped).unwrap());
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert!(guests(&format!("\u{FEFF}{GUESTS}")).is_ok());
}

#[test]
fn unknown_fields_and_values_are_kept_as_they_came() {
    let json = one_guest(r#","sex":"DIVERS","seat":{"row":[1,null,-2.5]},"address":{"country":"DE"}"#);
    let parsed = guests(&json).unwrap();
    assert_eq!(parsed.to_json(), serde_json::from_str::<Value>(&json).unwrap());
}

#[test]
fn null_in_an_optional_field_reads_as_absent() {
    let parsed = guests(&one_guest(r#","phone":null"#)).unwrap();
    assert_eq!(parsed.to_json(), serde_json::from_str::<Value>(&one_guest("")).unwrap());
}

#[test]
fn what_breaks_the_format_is_named_with_its_place() {
    let missing = |path: &str, field| PayloadError::MissingField { path: path.into(), field };
    assert_eq!(guests("{}").unwrap_err(), missing("", "guests"));
    assert_eq!(guests(r#"{"guestList":{}}"#).unwrap_err(), missing("guestList", "guests"));
    assert_eq!(guests(r#"{"guests":[{"lastName":"x"}]}"#).unwrap_err(), missing("guests[0]", "firstName"));
    assert_eq!(case(r#"{"contacts":{"contactPersons":[]}}"#).unwrap_err(), missing("", "events"));

    let wrong = |json: &str| match guests(json).unwrap_err() {
        PayloadError::WrongType { path, expected, .. } => (path, expected),
        other => panic!("{other}"),
    };
    assert_eq!(wrong(&one_guest(r#","phone":30"#)), ("guests[0].phone".into(), "a string".into()));
    assert_eq!(wrong(&one_guest(r#","address":"Köln""#)), ("guests[0].address".into(), "an object".into()));
    assert_eq!(wrong(r#"{"guests":{}}"#), ("guests".into(), "an array".into()));
    assert_eq!(wrong("[]"), (String::new(), "an object".into()));
    assert_eq!(guests(&one_guest(r#","x":{"y":1,"y":2}"#)).unwrap_err().code(), "duplicate-field");
}

#[test]
fn not_utf8_not_json_and_unknown_kinds_are_refused() {
    let refused = |kind, bytes: &[u8]| parse(kind, bytes, &Limits::default()).unwrap_err();
    assert_eq!(refused("menu", b"{}"), PayloadError::UnknownKind);
    assert_eq!(refused(GUEST_LIST, b"{\"\xff\"}"), PayloadError::NotUtf8 { offset: 2 });
    assert_eq!(refused(GUEST_LIST, b"{'a'}"), PayloadError::NotJson { line: 1, column: 2 });
}

#[test]
fn the_size_limit_is_exact() {
    let limits = |max_bytes| Limits { max_bytes, ..Limits::default() };
    let len = GUESTS.len() as u64;
    assert!(parse(GUEST_LIST, GUESTS.as_bytes(), &limits(len)).is_ok());
    let refused = parse(GUEST_LIST, GUESTS.as_bytes(), &limits(len - 1)).unwrap_err();
    assert_eq!(refused, PayloadError::TooLarge { len, max: len - 1 });
}

#[test]
fn too_many_elements_are_refused_and_the_most_allowed_are_read() {
    let people = |n: u32| {
        let one = r#"{"firstName":"E","lastName":"M","attendanceInformation":{"attendFrom":"2026-11-20"}}"#;
        vec![one; n as usize].join(",")
    };
    let list = |n| format!(r#"{{"guests":[{}]}}"#, people(n));
    assert_eq!(guests(&list(MAX_GUESTS)).unwrap().summary().people, MAX_GUESTS);
    let too_many = |path: &str, max| PayloadError::TooMany { path: path.into(), max };
    assert_eq!(guests(&list(MAX_GUESTS + 1)).unwrap_err(), too_many("guests", MAX_GUESTS));

    let both = |contacts, events: u32| {
        let events = vec!["{}"; events as usize].join(",");
        format!(r#"{{"contacts":{{"contactPersons":[{}]}},"events":{{"events":[{events}]}}}}"#, people(contacts))
    };
    assert!(case(&both(MAX_CONTACTS, MAX_EVENTS)).is_ok());
    let refused = case(&both(MAX_CONTACTS + 1, 0)).unwrap_err();
    assert_eq!(refused, too_many("contacts.contactPersons", MAX_CONTACTS));
    assert_eq!(case(&both(0, MAX_EVENTS + 1)).unwrap_err(), too_many("events.events", MAX_EVENTS));
}

#[test]
fn errors_never_repeat_what_stood_in_a_field() {
    let secret = "Xaver, expected y at line 1 column 1";
    for fields in [
        format!(r#","phone":{{"{secret}":1}}"#),
        format!(r#","address":"{secret}""#),
        format!(r#","identityChecked":"{secret}""#),
        format!(r#","{secret}":1,"{secret}":2"#),
        format!(r#","{secret}":{}1{}"#, "[".repeat(40), "]".repeat(40)),
        format!(r#","missing field `{secret}`":tru"#),
    ] {
        let error = guests(&one_guest(&fields)).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("Xaver") && !shown.contains("expected y"), "{shown}");
        assert!(!shown.contains("Mustermann"), "{shown}");
    }
}

#[test]
fn debug_output_has_no_content() {
    let wrapped = format!(r#"{{"guestList":{GUESTS},"Erika":"Mustermann"}}"#);
    let shown = format!("{:?}", guests(&wrapped).unwrap());
    assert!(shown.contains("5 guests") && !shown.contains("Erika") && !shown.contains("Tisch"), "{shown}");
}
