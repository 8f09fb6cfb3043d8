use super::*;
use crate::{CONTACTS_AND_EVENTS, Days, FlagCode, GUEST_LIST, Guise, MAX_CONTACTS, MAX_EVENTS, MAX_GUESTS};

const GUESTS: &str = include_str!("../kinds/guest_list/example.json");
const CASE: &str = include_str!("../kinds/contacts_and_events/example.json");

/// Every flag as `code path line`.
fn told(parsed: &Parsed) -> Vec<String> {
    let group = |group: &crate::Group| {
        let code = group.code.as_str();
        group.places.iter().map(|place| format!("{code} {} {}", place.path, place.line)).collect::<Vec<_>>()
    };
    parsed.flags.groups.iter().flat_map(group).collect()
}

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
    assert_eq!((list.kind(), list.beside.is_none()), (GUEST_LIST, true));
    assert_eq!(list.summary(), Summary { kind: GUEST_LIST, people: 5, events: 0, flags: 0, period: days });

    let contacts = case(CASE).unwrap();
    let days = period("2026-11-06", "2026-11-20");
    assert_eq!(contacts.summary(), Summary { kind: CONTACTS_AND_EVENTS, people: 2, events: 1, flags: 0, period: days });
}

#[test]
fn the_interchange_form_is_recorded_and_comes_back() {
    let wrapped = format!(r#"{{"dataAuthorizationToken":"t-1","guestList":{GUESTS}}}"#);
    let parsed = guests(&wrapped).unwrap();
    assert_eq!(parsed.beside.as_ref().map(Map::len), Some(1));
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
fn only_what_is_no_such_payload_at_all_is_refused() {
    let missing = |path: &str, field| PayloadError::MissingField { path: path.into(), field };
    assert_eq!(guests("{}").unwrap_err(), missing("", "guests"));
    assert_eq!(guests(r#"{"guestList":{}}"#).unwrap_err(), missing("guestList", "guests"));
    assert_eq!(guests(CASE).unwrap_err(), missing("", "guests"));
    assert_eq!(case(GUESTS).unwrap_err(), missing("", "contacts"));
    assert_eq!(guests("[]").unwrap_err(), PayloadError::NotAnObject);
    assert_eq!(guests("\"guests\"").unwrap_err(), PayloadError::NotAnObject);

    let half = case(r#"{"contacts":{"contactPersons":[]}}"#).unwrap();
    assert_eq!(told(&half), ["missing events 1"]);
    assert_eq!(told(&guests(r#"{"guests":null}"#).unwrap()), ["missing guests 1"]);
}

#[test]
fn one_odd_field_is_flagged_with_its_place_and_takes_nothing_along() {
    let ok = r#"{"firstName":"Erika","lastName":"Mustermann","attendanceInformation":{"attendFrom":"2026-11-20"}}"#;
    let odd = |fields: &str, flags: &[&str]| {
        let json =
            format!("{{\"guests\":[\n{ok},\n{}]}}", ok.replace("\"attendance", &format!("{fields},\n\"attendance")));
        let parsed = guests(&json).unwrap();
        let expected: Vec<_> = flags.iter().map(|flag| flag.replace('@', "guests[1]")).collect();
        assert_eq!(told(&parsed), expected, "{fields}");
        let people = &parsed.to_json()["guests"];
        assert_eq!((parsed.summary().people, people[0]["lastName"].as_str()), (2, Some("Mustermann")));
        people[1].clone()
    };
    assert_eq!(odd(r#""phone":4917112345"#, &["converted @.phone 3"])["phone"], "4917112345");
    assert_eq!(odd(r#""identityChecked":"true""#, &["converted @.identityChecked 3"])["identityChecked"], true);
    assert_eq!(odd(r#""identityChecked":"Ja""#, &["converted @.identityChecked 3"])["identityChecked"], true);
    assert_eq!(odd(r#""identityChecked":7"#, &["wrong-type @.identityChecked 3"])["identityChecked"], 7);
    assert_eq!(odd(r#""sex":"female""#, &[])["sex"], "FEMALE");
    assert_eq!(odd(r#""sex":"""#, &[])["sex"], "");
    assert_eq!(odd(r#""address":"Köln""#, &["wrong-type @.address 3"])["address"], "Köln");
    assert_eq!(
        odd(r#""address":{"zipCode":1097}"#, &["short-post-code @.address.zipCode 3", "converted @.address.zipCode 3"])
            ["address"]["zipCode"],
        "1097"
    );
    assert_eq!(odd(r#""phone":{"a":["b"]}"#, &["wrong-type @.phone 3"])["phone"]["a"][0], "b");
    assert_eq!(odd(r#""phone":1e999"#, &["phone-implausible @.phone 3", "converted @.phone 3"])["phone"], "1e999");
    assert_eq!(odd(r#""seat":1e999"#, &["wrong-type @.* 3"])["seat"], "1e999");
    assert_eq!(
        odd(
            r#""phone":"030 23125\ud83d""#,
            &["wrong-type @.phone 3", "lost-character @.phone 3", "phone-implausible @.phone 3"]
        )["phone"],
        "030 23125\u{fffd}"
    );
    assert_eq!(odd(r#""mobilPhone":"0171 3920017""#, &[])["mobilePhone"], "0171 3920017");
    let twice = odd(r#""phone":"030 23125001","phone":"030 23125002""#, &["duplicate-field @.phone 3"]);
    assert_eq!((&twice["phone"], &twice["phone (1)"]), (&"030 23125002".into(), &"030 23125001".into()));
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(odd(&format!("\"x\":{deep}"), &["too-deep @.* 3"])["x"], deep);
    let twice = odd(r#""x":{"y":1,"y":2}"#, &["duplicate-field @.*.* 3"]);
    assert_eq!(twice["x"], r#"{"y":1,"y":2}"#);
}

/// With all numbers tried each time, these would be 200 million names.
#[test]
fn an_unknown_name_that_comes_again_is_numbered_at_once() {
    let again = [r#""a":1"#; 490].join(",");
    let guest = format!(r#"{{"a (3)":0,{again},"phone":"1",{}}}"#, [r#""phone":"2""#; 490].join(","));
    let guests = guests(&format!(r#"{{"guests":[{}]}}"#, [guest.as_str(); 900].join(","))).unwrap().to_json();
    let last = &guests["guests"][899];
    assert_eq!(
        (&last["a"], &last["a (2)"], &last["a (3)"], &last["a (491)"]),
        (&1.into(), &1.into(), &0.into(), &1.into())
    );
    assert_eq!((&last["a (492)"], &last["phone (1) (490)"]), (&Value::Null, &"2".into()));
}

#[test]
fn what_is_no_person_is_kept_in_its_place() {
    let ok = r#"{"firstName":"E","lastName":"M","attendanceInformation":{"attendFrom":"2026-11-20"}}"#;
    let parsed = guests(&format!("{{\"guests\":[null,\n{ok},\n\"Erika\",{{}}]}}")).unwrap();
    assert_eq!(
        told(&parsed),
        [
            "wrong-type guests[0] 1",
            "wrong-type guests[2] 3",
            "missing guests[3].firstName 3",
            "missing guests[3].lastName 3",
            "missing guests[3].attendanceInformation 3",
        ]
    );
    assert_eq!(parsed.summary().people, 2);
    assert_eq!(parsed.to_json()["guests"][2], "Erika");
}

#[test]
fn times_of_every_notation_are_read_or_flagged() {
    let from = |value: &str| {
        let json = format!(
            r#"{{"guests":[{{"firstName":"E","lastName":"M","attendanceInformation":{{"attendFrom":{value}}}}}]}}"#
        );
        let parsed = guests(&json).unwrap();
        let shown = parsed.to_json()["guests"][0]["attendanceInformation"]["attendFrom"].clone();
        (shown, parsed.flags.groups.iter().map(|group| group.code.as_str()).collect::<Vec<_>>())
    };
    assert_eq!(from("1637341200000"), ("2021-11-19T17:00:00Z".into(), vec!["date-not-iso"]));
    assert_eq!(from("1637341200"), ("2021-11-19T17:00:00Z".into(), vec!["date-not-iso"]));
    assert_eq!(from("\"19.11.2021 18:00\""), ("19.11.2021 18:00".into(), vec!["date-not-iso"]));
    assert_eq!(from("\"\""), ("".into(), vec!["missing"]));
    assert_eq!(from("12"), (12.into(), vec!["date-unreadable"]));
    assert_eq!(from("true"), (true.into(), vec!["date-unreadable"]));
    assert_eq!(from("\"gestern\""), ("gestern".into(), vec!["date-unreadable"]));
    assert_eq!(from("[1]"), (serde_json::json!([1]), vec!["wrong-type"]));
}

#[test]
fn examining_finds_what_parsing_finds() {
    for (kind, json) in
        [(GUEST_LIST, GUESTS), (CONTACTS_AND_EVENTS, CASE), (GUEST_LIST, r#"{"guests":[{"x":[{"y":"=1"}]},7]}"#)]
    {
        let limits = Limits::default();
        let parsed = parse(kind, json.as_bytes(), &limits).unwrap();
        let examined = examine(kind, json.as_bytes(), &limits, &Expectations::default()).unwrap();
        assert_eq!((examined.summary, examined.flags), (parsed.summary(), parsed.flags));
    }
}

#[test]
fn the_days_of_a_list_are_german_days() {
    let days = |from: &str, to: &str| {
        let list = format!(r#"{{"startDate":"{from}","endDate":"{to}","guests":[]}}"#);
        guests(&list).unwrap().summary().period.map(|days| (days.from, days.to)).unwrap()
    };
    let day = |text: &str| (text.to_owned(), text.to_owned());
    assert_eq!(days("2021-11-18T23:00:00Z", "2021-11-19T22:59:59Z"), day("2021-11-19"));
    assert_eq!(days("2021-11-18T23:00:00Z", "2021-11-19T23:00:00Z"), day("2021-11-19"));
    assert_eq!(days("2021-07-18T22:00:00Z", "2021-07-19T21:00:00Z"), day("2021-07-19"));
}

#[test]
fn not_utf8_not_json_and_unknown_kinds_are_refused() {
    let refused = |kind, bytes: &[u8]| parse(kind, bytes, &Limits::default()).unwrap_err();
    assert_eq!(refused("menu", b"{}"), PayloadError::UnknownKind);
    assert_eq!(refused(GUEST_LIST, b"{\"\x81\"}"), PayloadError::NotUtf8 { offset: 2 });
    assert_eq!(refused(GUEST_LIST, b""), PayloadError::LooksLike(Guise::Empty));
    assert_eq!(refused(GUEST_LIST, b"Vorname;Nachname\n"), PayloadError::LooksLike(Guise::Csv));
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
fn errors_and_flags_never_repeat_what_stood_in_a_field() {
    let secret = "Xaver, expected y at line 1 column 1";
    for fields in [
        format!(r#","phone":{{"{secret}":1}}"#),
        format!(r#","address":"{secret}""#),
        format!(r#","identityChecked":"{secret}""#),
        format!(r#","{secret}":1,"{secret}":2"#),
        format!(r#","{secret}":{}1{}"#, "[".repeat(40), "]".repeat(40)),
        format!(r#","missing field `{secret}`":tru"#),
    ] {
        let shown = match guests(&one_guest(&fields)) {
            Err(error) => format!("{error} {error:?}"),
            Ok(parsed) => format!("{parsed:?} {:?}", parsed.flags),
        };
        assert!(!shown.contains("Xaver") && !shown.contains("expected y"), "{shown}");
        assert!(!shown.contains("Mustermann"), "{shown}");
    }
}

#[test]
fn debug_output_has_no_content() {
    let wrapped = format!(r#"{{"guestList":{GUESTS},"Erika":"Mustermann"}}"#);
    let shown = format!("{:?}", guests(&wrapped).unwrap());
    assert!(shown.contains("people: 5") && !shown.contains("Erika") && !shown.contains("Tisch"), "{shown}");
}

#[test]
fn the_longest_list_with_thirty_fields_each_is_readable() {
    let mut list = crate::generate::guest_list(MAX_GUESTS, 1);
    for guest in list["guests"].as_array_mut().unwrap() {
        for number in 0..14 {
            guest[format!("zusatz{number}")] = format!("wert {number}").into();
        }
    }
    let json = format!("{list:#}");
    let examined = examine(GUEST_LIST, json.as_bytes(), &Limits::default(), &Expectations::default()).unwrap();
    assert_eq!((examined.summary.people, examined.flags.total()), (MAX_GUESTS, 0));
    assert!(parse(GUEST_LIST, json.as_bytes(), &Limits::default()).is_ok());
}

#[test]
fn values_and_fields_are_bounded() {
    let limits = Limits { max_values: 20, max_fields: 5, ..Limits::default() };
    let refused =
        |json: &str| parse(GUEST_LIST, json.as_bytes(), &limits).map_err(|error| error.code()).map(|_| ()).unwrap_err();
    let values = |n: usize| vec!["0"; n].join(",");
    assert_eq!(refused(&format!(r#"{{"guests":[],"x":[{}]}}"#, values(30))), "too-many-values");
    assert_eq!(refused(&format!(r#"{{"guests":[{}]}}"#, values(30))), "too-many-values");
    assert_eq!(refused(r#"{"guests":[{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}]}"#), "too-many-values");
    assert_eq!(refused(r#"{"guests":[],"x":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}}"#), "too-many-values");
}

#[test]
fn a_flag_that_stands_once_is_not_lost_behind_hundreds() {
    let one = r#"{"firstName":"E","lastName":"M","email":"keine","attendanceInformation":{"attendFrom":"2026-11-20T18:00:00Z","attendTo":"2026-11-20T20:00:00Z"}}"#;
    // Otherwise they would be duplicates.
    let number = |n: u32| one.replace("keine", &format!("keine {n}"));
    let reversed = one.replace("T20:", "T17:");
    let list = format!("{{\"guests\":[{},{reversed}]}}", (0..299).map(number).collect::<Vec<_>>().join(","));
    let flags = guests(&list).unwrap().flags;
    assert_eq!(flags.groups[0].code, FlagCode::PeriodReversed);
    assert_eq!(flags.groups[0].places[0].path, "guests[299].attendanceInformation.attendTo");
    let emails = flags.of(FlagCode::EmailImplausible).unwrap();
    assert_eq!((emails.count, emails.places.len(), flags.total()), (300, 20, 301));
}
