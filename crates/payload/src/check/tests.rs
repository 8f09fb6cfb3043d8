use super::*;
use crate::{CONTACTS_AND_EVENTS, GUEST_LIST, Group, Limits, parse_expecting};

fn flagged_with(json: &str, expect: &Expectations) -> Vec<(String, &'static str)> {
    let kind = if json.contains("\"contacts\"") { CONTACTS_AND_EVENTS } else { GUEST_LIST };
    let parsed = parse_expecting(kind, json.as_bytes(), &Limits::default(), expect).unwrap();
    let places = |group: Group| group.places.into_iter().map(move |place| (place.path, group.code.as_str()));
    parsed.flags.groups.into_iter().flat_map(places).collect()
}

/// What is flagged about a guest with these further fields, with `guests[0].` left out.
fn flagged(fields: &str) -> Vec<(String, &'static str)> {
    let flags = flagged_with(&list(&[&guest("Erika", "2026-11-20T18:00:00Z", None, fields)]), &Expectations::default());
    let shorten = |path: String| path.strip_prefix("guests[0].").map(str::to_owned).unwrap_or(path);
    flags.into_iter().map(|(path, code)| (shorten(path), code)).collect()
}

fn guest(name: &str, from: &str, to: Option<&str>, fields: &str) -> String {
    let to = to.map(|to| format!(r#","attendTo":"{to}""#)).unwrap_or_default();
    let attendance = format!(r#""attendanceInformation":{{"attendFrom":"{from}"{to}}}"#);
    format!(r#"{{"firstName":"{name}","lastName":"Mustermann",{attendance}{fields}}}"#)
}

fn list(guests: &[&str]) -> String {
    let period = r#""startDate":"2026-11-20T17:00:00Z","endDate":"2026-11-20T23:00:00Z""#;
    format!(r#"{{{period},"guests":[{}]}}"#, guests.join(","))
}

fn one(path: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(path.to_owned(), code)]
}

#[test]
fn length_is_counted_in_characters() {
    let city = |n| format!(r#","address":{{"city":"{}"}}"#, "ü".repeat(n));
    assert_eq!(flagged(&city(256)), []);
    assert_eq!(flagged(&city(257)), one("address.city", "too-long"));
    assert_eq!(flagged(r#","address":{"zipCode":"12345678901"}"#), one("address.zipCode", "too-long"));
}

#[test]
fn deceptive_characters_are_flagged() {
    let city = |text: &str| flagged(&format!(r#","address":{{"city":"{text}"}}"#));
    for (text, code) in [
        ("a\\u0000b", "control-character"),
        ("a\\nb", "control-character"),
        ("a\u{85}b", "control-character"),
        ("a\u{202e}b", "bidi-character"),
        ("a\u{2066}b", "bidi-character"),
        ("a\u{200b}b", "invisible-character"),
        ("Ko\u{308}ln", "not-nfc"),
        ("=HYPERLINK(1)", "formula-start"),
        (" @SUM", "formula-start"),
        ("a;=1", "formula-start"),
        ("+SUM(A1)", "formula-start"),
        ("MÃ¼ller", "mojibake"),
        ("K\u{fffd}ln", "lost-character"),
    ] {
        assert_eq!(city(text), one("address.city", code), "{text:?}");
    }
    assert_eq!(city("Köln"), []);
}

#[test]
fn line_breaks_are_normal_in_free_text_only() {
    let json = |text| list(&[]).replace("\"guests\"", &format!(r#""additionalInformation":"{text}","guests""#));
    assert_eq!(flagged_with(&json("eins\\nzwei\\tdrei"), &Expectations::default()), []);
    assert_eq!(
        flagged_with(&json("\\u0007"), &Expectations::default()),
        one("additionalInformation", "control-character")
    );
}

#[test]
fn unknown_fields_are_looked_at_without_showing_their_names() {
    assert_eq!(flagged(r#","seat":{"row":["ok","=1"]}"#), one("*.*[1]", "formula-start"));
    assert_eq!(flagged(",\"a\u{202e}\":1"), one("*", "bidi-character"));
}

#[test]
fn formats_and_codes_are_flagged() {
    assert_eq!(flagged(r#","email":"keine""#), one("email", "email-implausible"));
    assert_eq!(flagged(r#","phone":"keins""#), one("phone", "phone-implausible"));
    for number in ["+49 (0)171 3920012", "0171\u{a0}39200–12", "Frau Meier, +49 30 23125117", "", "-", "k.A.", "k. A."]
    {
        assert_eq!(flagged(&format!(r#","mobilePhone":"{number}""#)), [], "{number}");
    }
    assert_eq!(flagged(r#","mobilePhone":"4.91711E+11""#), one("mobilePhone", "spreadsheet-number"));
    assert_eq!(flagged(r#","address":{"zipCode":"1097"}"#), one("address.zipCode", "short-post-code"));
    assert_eq!(flagged(r#","email":"k.A.","sex":"-","dateOfBirth":"","address":{"city":" ","zipCode":"-"}"#), []);
    assert_eq!(
        flagged(r#","mobilePhone":"+1+cmd|' /C calc'!A0""#),
        [("mobilePhone".to_owned(), "formula-start"), ("mobilePhone".to_owned(), "phone-implausible")]
    );
    assert_eq!(flagged(r#","sex":"DIVERS""#), one("sex", "unknown-value"));
    assert_eq!(flagged(r#","sex":"OTHER""#), []);
    assert_eq!(
        flagged_with(&list(&[&guest("k.A.", "2026-11-20", None, "")]), &Expectations::default()),
        one("guests[0].firstName", "missing")
    );
}

#[test]
fn attendance_is_in_order_and_inside_the_list() {
    let check = |from, to| flagged_with(&list(&[&guest("Erika", from, Some(to), "")]), &Expectations::default());
    assert_eq!(check("2026-11-20T17:00:00Z", "2026-11-20T23:00:00Z"), []);
    assert_eq!(check("2026-11-20T18:00:00+01:00", "2026-11-21T00:00:00+01:00"), []);
    assert_eq!(check("2026-11-20T18:00:00Z", "2026-11-20T18:00:00Z"), []);
    // Without an offset it could be right, so it is not flagged.
    assert_eq!(check("2026-11-20T18:30:00", "2026-11-20"), []);
    let at = |field: &str| format!("guests[0].attendanceInformation.{field}");
    assert_eq!(check("2026-11-20T16:59:59Z", "2026-11-20T18:00:00Z"), one(&at("attendFrom"), "outside-list-period"));
    assert_eq!(check("2026-11-20T18:00:00Z", "2026-11-20T23:00:01Z"), one(&at("attendTo"), "outside-list-period"));
    assert_eq!(check("2026-11-20T19:00:00Z", "2026-11-20T18:00:00Z"), one(&at("attendTo"), "period-reversed"));
    assert_eq!(check("gestern", "2026-11-20T18:00:00Z"), one(&at("attendFrom"), "date-unreadable"));
}

#[test]
fn attendance_is_inside_what_was_asked_for() {
    // 2026-11-20T18:00:00Z until 20:00:00Z
    let expect = Expectations { requested: Some(Period { from: 1_795_197_600, to: 1_795_204_800 }), now: None };
    let check = |from, to| flagged_with(&list(&[&guest("Erika", from, Some(to), "")]), &expect);
    assert_eq!(check("2026-11-20T18:00:00Z", "2026-11-20T20:00:00Z"), []);
    // Who was there for a part of it is among those asked for.
    assert_eq!(check("2026-11-20T17:00:00Z", "2026-11-20T18:00:00Z"), []);
    let flag = one("guests[0].attendanceInformation.attendFrom", "outside-requested-period");
    assert_eq!(check("2026-11-20T17:00:00Z", "2026-11-20T17:59:59Z"), flag);
    assert_eq!(check("2026-11-20T20:00:01Z", "2026-11-20T21:00:00Z"), flag);
    let unknown_end = |from| flagged_with(&list(&[&guest("Erika", from, None, "")]), &expect);
    assert_eq!((unknown_end("2026-11-20T19:00:00Z"), unknown_end("2026-11-20T21:00:00Z")), (vec![], flag));
}

#[test]
fn birth_is_compared_with_the_given_present() {
    let now = Expectations { now: Some(1_795_197_600), requested: None };
    let born = |date: &str, expect: &Expectations| {
        let fields = format!(r#","dateOfBirth":"{date}""#);
        flagged_with(&list(&[&guest("Erika", "2026-11-20T18:00:00Z", None, &fields)]), expect)
    };
    assert_eq!(born("2026-11-20", &now), []);
    assert_eq!(born("2026-11-22", &now), one("guests[0].dateOfBirth", "birth-in-future"));
    assert_eq!(born("2026-11-22", &Expectations::default()), []);
    assert_eq!(born("1903-01-01", &now), []);
    assert_eq!(born("1900-01-01", &now), one("guests[0].dateOfBirth", "birth-too-long-ago"));
}

#[test]
fn the_same_person_twice_is_flagged_once_more() {
    let person = |name: &str, fields: &str| guest(name, "2026-11-20T18:00:00Z", None, fields);
    let twice = |a: &str, b: &str| flagged_with(&list(&[a, b]), &Expectations::default());
    let born = r#","dateOfBirth":"1990-01-01""#;
    let flag = one("guests[1]", "duplicate-person");
    assert_eq!(twice(&person("Erika", born), &person("erika ", born)), flag);
    assert_eq!(twice(&person("Erika", born), &person("Erika", r#","dateOfBirth":"1990-01-02""#)), []);
    let phone = r#","phone":"030 23125001""#;
    assert_eq!(twice(&person("Erika", phone), &person("Erika", phone)), flag);
    assert_eq!(twice(&person("Erika", ""), &person("Erika", "")), []);
    // Two visits of one person are two entries.
    let later = guest("Erika", "2026-11-20T20:00:00Z", None, born);
    assert_eq!(twice(&person("Erika", born), &later), []);
    // A placeholder is nothing that two people could have in common.
    let nothing = r#","phone":"","email":"k.A.""#;
    assert_eq!(twice(&person("Erika", nothing), &person("Erika", nothing)), []);
}

#[test]
fn contacts_are_checked_like_guests() {
    let json = r#"{"contacts":{"startDate":"2026-11-10","endDate":"2026-11-01","contactPersons":[
        {"firstName":"A","lastName":"B","workPlace":{"phone":"x"},
         "contactInformation":{"firstContactDate":"2026-11-05","lastContactDate":"2026-11-04","contactCategory":"MAYBE"}}]},
        "events":{"events":[{"name":"=1"}]},"dataProvider":{"firstName":"\u202e"}}"#;
    let expected = [
        ("contacts.endDate", "period-reversed"),
        ("contacts.contactPersons[0].contactInformation.lastContactDate", "period-reversed"),
        ("events.events[0].name", "formula-start"),
        ("dataProvider.firstName", "bidi-character"),
        ("contacts.contactPersons[0].workPlace.phone", "phone-implausible"),
        ("contacts.contactPersons[0].contactInformation.contactCategory", "unknown-value"),
    ];
    let flags = flagged_with(json, &Expectations::default());
    assert_eq!(flags, expected.map(|(path, code)| (path.to_owned(), code)));
}

#[test]
fn only_so_many_places_are_listed() {
    let guests: Vec<_> = (0..7).map(|_| guest("Erika", "x", None, "")).collect();
    let json = list(&guests.iter().map(String::as_str).collect::<Vec<_>>());
    let limits = Limits { max_places: 3, ..Limits::default() };
    let flags = parse_expecting(GUEST_LIST, json.as_bytes(), &limits, &Expectations::default()).unwrap().flags;
    let group = &flags.groups[0];
    assert_eq!((group.places.len(), group.count, flags.total()), (3, 7, 7));
}
