use super::csv::{Separator, Style, cell, neutralise, restore, tables};
use super::plain::{escape, render};
use super::take;
use crate::{GUEST_LIST, Limits, Parsed, parse};

const COMMA: Style = Style { separator: Separator::Comma, byte_order_mark: false };

fn one_guest(fields: &str) -> Parsed {
    let attendance = r#""attendanceInformation":{"attendFrom":"2026-11-20T17:00:00Z"}"#;
    let guest = format!(r#"{{"firstName":"Erika","lastName":"O'Brien",{attendance}{fields}}}"#);
    let json = format!(r#"{{"startDate":"2026-11-20","remark":7,"guests":[{guest}]}}"#);
    parse(GUEST_LIST, json.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn cells_that_could_calculate_get_an_apostrophe() {
    for (text, expected) in [
        ("O'Brien", r#""O'Brien""#),
        ("12/3", r#""12/3""#),
        ("=1+1", r#""'=1+1""#),
        ("  -1", r#""'  -1""#),
        ("+49 30", r#""'+49 30""#),
        ("a;\"=b\"", r#""a;'""=b""""#),
        ("a\r\n@b", "\"a\r\n'@b\""),
        ("", r#""""#),
    ] {
        assert_eq!(cell(text), expected, "{text:?}");
    }
}

#[test]
fn an_apostrophe_that_was_there_before_is_told_from_one_put_there() {
    for text in ["=1", "'=1", "''=1", "' =1", "'x", "a,'=1"] {
        assert_eq!(restore(&neutralise(text)), text);
    }
    assert_ne!(neutralise("=1"), neutralise("'=1"));
}

#[test]
fn a_guest_list_becomes_an_overview_and_a_table_of_guests() {
    let parsed = one_guest(r#","phone":"+49 30 23125001","address":{"city":"Köln","country":"DE"},"seat":[1]"#);
    let tables = tables(&parsed, COMMA);
    assert_eq!(tables.iter().map(|table| table.name).collect::<Vec<_>>(), ["overview", "guests"]);
    assert!(tables[0].csv.ends_with("\"{\"\"remark\"\":7}\"\r\n"), "{}", tables[0].csv);
    assert!(!tables[0].csv.contains("Erika"));
    let lines: Vec<_> = tables[1].csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(r#""firstName","lastName","#) && lines[0].ends_with(r#","additionalFields""#));
    assert!(lines[1].starts_with(r#""Erika","O'Brien","","","","'+49 30 23125001","#), "{}", lines[1]);
    assert!(lines[1].contains(r#","Köln","#));
    assert!(lines[1].ends_with(r#","{""address"":{""country"":""DE""},""seat"":[1]}""#), "{}", lines[1]);
}

#[test]
fn the_default_style_is_what_german_spreadsheets_open() {
    let tables = tables(&one_guest(""), Style::default());
    assert!(tables[1].csv.starts_with("\u{FEFF}\"firstName\";\"lastName\";"));
}

#[test]
fn the_columns_hold_every_field_of_the_format() {
    for kind in crate::KINDS {
        let json = crate::example(kind).unwrap();
        let parsed = parse(kind, json.as_bytes(), &Limits::default()).unwrap();
        for table in tables(&parsed, COMMA) {
            let rows: Vec<_> = table.csv.split_terminator("\r\n").skip(1).collect();
            assert!(!rows.is_empty() && rows.iter().all(|row| row.ends_with(",\"\"")), "{}: {rows:?}", table.name);
        }
    }
}

#[test]
fn the_interchange_form_is_exported_with_what_stood_beside_the_list() {
    let json = format!(r#"{{"token":"t-1","guestList":{}}}"#, include_str!("../kinds/guest_list/example.json"));
    let parsed = parse(GUEST_LIST, json.as_bytes(), &Limits::default()).unwrap();
    let tables = tables(&parsed, COMMA);
    assert!(tables[0].csv.contains("t-1") && tables[0].csv.contains("2026-11-20T17:00:00Z"));
    assert_eq!(tables[1].csv.matches("\r\n").count(), 6);
}

#[test]
fn terminals_get_no_control_characters() {
    assert_eq!(escape("a\u{1b}[2J\u{202e}b\\n\nü\u{9b}"), r"a\u{1b}[2J\u{202e}b\\n\nü\u{9b}");
    let parsed = one_guest(r#","seat":{"a b\u001b":"\u001b]0;x\u0007"},"tags":[]"#);
    let text = render(&parsed);
    assert!(text.contains("guests[0].lastName: O'Brien\n"));
    assert!(text.contains("guests[0].seat.\"a b\\u{1b}\": \\u{1b}]0;x\\u{7}\n"), "{text}");
    assert!(text.contains("guests[0].tags: []\n") && text.contains("remark: 7\n"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn taking_leaves_no_empty_objects_but_keeps_those_that_came_empty() {
    let mut value = serde_json::json!({"a": {"b": {"c": 1}}, "d": {}});
    assert_eq!(take(&mut value, "a.b.c"), Some(1.into()));
    assert_eq!(take(&mut value, "d.e"), None);
    assert_eq!(value, serde_json::json!({"d": {}}));
}
