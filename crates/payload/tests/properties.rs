//! What must hold for every input, not only for the ones somebody thought of.

use proptest::prelude::*;
use schleuse_payload::export::csv::{Separator, Style, Table, neutralise, restore, tables};
use schleuse_payload::export::plain;
use schleuse_payload::generate::guest_list_json;
use schleuse_payload::{CONTACTS_AND_EVENTS, Expectations, GUEST_LIST, KINDS, Limits, Parsed, examine, example, parse};
use serde_json::{Map, Value, json};

/// Few characters, chosen to meet each other: separators, quotes, formulas, spaces, escapes, umlauts.
fn hostile() -> impl Strategy<Value = String> {
    proptest::string::string_regex(
        "[=+\\-@＝\t\r\n ,;|\"'\\\\aü/\u{0}\u{1b}\u{a0}\u{feff}\u{202e}\u{200b}\u{308}]{0,24}",
    )
    .expect("the expression is valid")
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e300..1.0e300).prop_map(Value::from),
        hostile().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((hostile(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Objects of the generated list and of the case in which unknown fields may stand.
const PLACES: [(&str, &str); 11] = [
    (GUEST_LIST, ""),
    (GUEST_LIST, "/dataProvider"),
    (GUEST_LIST, "/dataProvider/address"),
    (GUEST_LIST, "/guests/1"),
    (GUEST_LIST, "/guests/1/address"),
    (GUEST_LIST, "/guests/0/attendanceInformation"),
    (CONTACTS_AND_EVENTS, ""),
    (CONTACTS_AND_EVENTS, "/contacts"),
    (CONTACTS_AND_EVENTS, "/contacts/contactPersons/0/workPlace"),
    (CONTACTS_AND_EVENTS, "/contacts/contactPersons/0/contactInformation"),
    (CONTACTS_AND_EVENTS, "/events/events/0"),
];

fn sample(kind: &str) -> Value {
    let bytes = if kind == GUEST_LIST { guest_list_json(3, 7) } else { example(kind).expect("a kind").into() };
    serde_json::from_slice(&bytes).expect("samples are JSON")
}

/// Everything that can be done with a payload that was read.
fn use_it(parsed: &Parsed) {
    let _ = (parsed.to_json(), parsed.summary(), plain::render(parsed), tables(parsed, Style::default()));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for kind in KINDS {
            if let Ok(parsed) = parse(kind, &bytes, &Limits::default()) {
                use_it(&parsed);
            }
        }
    }

    #[test]
    fn examining_finds_what_parsing_finds(
        (kind, at) in prop::sample::select(PLACES.to_vec()),
        field in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut sample = sample(kind);
        let object = sample.pointer_mut(at).and_then(Value::as_object_mut).expect("the place exists");
        let field = object.keys().nth(field.index(object.len())).expect("inside").clone();
        object.insert(field, value);
        let bytes = sample.to_string();
        let limits = Limits::default();
        let examined = examine(kind, bytes.as_bytes(), &limits, &Expectations::default());
        match (parse(kind, bytes.as_bytes(), &limits), examined) {
            (Ok(parsed), Ok(examined)) => {
                prop_assert_eq!((examined.summary, examined.flags), (parsed.summary(), parsed.flags));
            }
            (parsed, examined) => prop_assert_eq!(parsed.err(), examined.err()),
        }
    }

    #[test]
    fn mutated_payloads_never_panic(
        kind in prop::sample::select(KINDS.to_vec()),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..6),
    ) {
        let mut bytes = sample(kind).to_string().into_bytes();
        for (at, edit, byte) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes.truncate(at.max(1)),
                _ => { bytes.remove(at); }
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(parsed) = parse(kind, &bytes, &Limits::default()) {
            use_it(&parsed);
        }
    }

    #[test]
    fn any_json_in_a_field_of_the_format_leaves_the_other_fields_and_itself_readable(
        (kind, at) in prop::sample::select(PLACES.to_vec()),
        field in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut sample = sample(kind);
        let object = sample.pointer_mut(at).and_then(Value::as_object_mut).expect("the place exists");
        let field = object.keys().nth(field.index(object.len())).expect("inside").clone();
        object.insert(field.clone(), value.clone());
        let bytes = sample.to_string();
        let read: Value = serde_json::from_str(&bytes).expect("just written");
        match parse(kind, bytes.as_bytes(), &Limits::default()) {
            Ok(parsed) => {
                use_it(&parsed);
                let (mut shown, mut sent) = (parsed.to_json(), read);
                let place = |json: &mut Value| {
                    let object = json.pointer_mut(at).and_then(Value::as_object_mut);
                    object.and_then(|object| object.shift_remove(&field))
                };
                let (kept, was) = (place(&mut shown), place(&mut sent));
                prop_assert!(without_nulls(shown) == without_nulls(sent), "another field was lost");
                // Numbers and booleans may be shown as the text that the format says; objects and arrays stay.
                match value {
                    Value::Null => {}
                    Value::Array(_) | Value::Object(_) if holds_no_object_of_the_format(&field) => {
                        prop_assert_eq!(kept, was);
                    }
                    _ => prop_assert!(kept.is_some(), "the value was lost"),
                }
            }
            // The lists themselves are what the kind is known by.
            Err(error) => prop_assert!(matches!(error.code(), "missing-field" | "too-many"), "{}", error),
        }
    }

    #[test]
    fn unknown_fields_and_values_survive(
        (kind, at) in prop::sample::select(PLACES.to_vec()),
        name in hostile(),
        value in any_json(),
        wrap in any::<bool>(),
    ) {
        let mut sample = sample(kind);
        let object = sample.pointer_mut(at).and_then(Value::as_object_mut).expect("the place exists");
        object.insert(format!("x{name}"), value);
        if wrap && kind == GUEST_LIST {
            sample = json!({ "guestList": sample, name: 1 });
        }
        let bytes = sample.to_string();
        let read: Value = serde_json::from_str(&bytes).expect("just written");
        let parsed = parse(kind, bytes.as_bytes(), &Limits::default()).expect("only unknown fields were added");
        prop_assert!(parsed.to_json() == read);
        use_it(&parsed);
    }

    #[test]
    fn neutralising_can_be_undone(text in hostile()) {
        prop_assert_eq!(restore(&neutralise(&text)), text);
    }

    #[test]
    fn no_cell_begins_a_formula_whatever_separator_the_reader_takes(
        texts in proptest::collection::vec(hostile(), 6),
        comma in any::<bool>(),
    ) {
        let separator = if comma { Separator::Comma } else { Separator::Semicolon };
        for table in tables(&hostile_list(&texts), Style { separator, byte_order_mark: true }) {
            assert_harmless(&table)?;
        }
    }

    #[test]
    fn csv_gives_every_cell_back(texts in proptest::collection::vec(hostile(), 6)) {
        let style = Style { separator: Separator::Semicolon, byte_order_mark: false };
        let tables = tables(&hostile_list(&texts), style);
        let cells = read_rfc4180(&tables[1].csv);
        prop_assert_eq!(cells.len(), 2);
        prop_assert_eq!(&cells[1][0], &texts[0]);
        prop_assert_eq!(&cells[1][1], &texts[1]);
        prop_assert_eq!(&cells[1][5], &texts[2]);
        prop_assert_eq!(&cells[1][10], &texts[3]);
        let additional: Value = serde_json::from_str(&cells[1][16]).expect("the last column is JSON");
        prop_assert_eq!(additional, json!({ "x": { texts[4].clone(): texts[5].clone() } }));
    }

    #[test]
    fn terminal_text_is_harmless_and_can_be_undone(text in hostile()) {
        let escaped = plain::escape(&text);
        let is_harmless = |c: char| !c.is_control() && !"\u{feff}\u{202e}\u{200b}".contains(c);
        prop_assert!(escaped.chars().all(is_harmless));
        prop_assert_eq!(unescape(&escaped), text);
    }
}

/// In objects and lists of the format, odd names reach the fields that are meant, so they may come back changed.
fn holds_no_object_of_the_format(field: &str) -> bool {
    let formed = [
        "dataProvider",
        "address",
        "guests",
        "attendanceInformation",
        "contacts",
        "contactPersons",
        "events",
        "workPlace",
        "contactInformation",
    ];
    !formed.contains(&field)
}

fn hostile_list(texts: &[String]) -> Parsed {
    let list = json!({ "additionalInformation": texts[0], "guests": [{
        "firstName": texts[0], "lastName": texts[1], "phone": texts[2], "address": { "city": texts[3] },
        "attendanceInformation": { "attendFrom": "2026-11-20" }, "x": { texts[4].clone(): texts[5].clone() },
    }] });
    parse(GUEST_LIST, list.to_string().as_bytes(), &Limits::default()).expect("implausible, but well formed")
}

/// A reader that takes every separator for one, drops quotes, spaces and what cannot be seen, and would then
/// calculate. It knows nothing of how the writer decides.
fn assert_harmless(table: &Table) -> Result<(), TestCaseError> {
    for piece in table.csv.split([',', ';', '|', '\t', '\r', '\n']) {
        let unseen =
            |c: char| c == '"' || c.is_whitespace() || c.is_control() || "\u{feff}\u{202e}\u{200b}".contains(c);
        let first = piece.trim_start_matches(unseen).chars().next();
        prop_assert!(!first.is_some_and(|c| "=+-@＝".contains(c)), "{}: {:?}", table.name, piece);
    }
    for cell in raw_cells(&table.csv).into_iter().flatten() {
        prop_assert!(!cell.starts_with(['\t', '\r']), "{}: {:?}", table.name, cell);
    }
    Ok(())
}

/// A reader of RFC 4180 that also undoes the apostrophes.
fn read_rfc4180(csv: &str) -> Vec<Vec<String>> {
    raw_cells(csv).into_iter().map(|row| row.iter().map(|cell| restore(cell)).collect()).collect()
}

fn raw_cells(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = csv.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ';' | ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => assert_eq!(chars.next(), Some('\n'), "records end with CR LF"),
            _ => cell.push(c),
        }
        if c == '\r' && !quoted {
            row.push(std::mem::take(&mut cell));
            rows.push(std::mem::take(&mut row));
        }
    }
    rows
}

fn unescape(escaped: &str) -> String {
    let (mut text, mut chars) = (String::new(), escaped.chars());
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some('r')) => text.push('\r'),
            ('\\', Some('u')) => {
                let hex: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                text.extend(u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32));
            }
            ('\\', Some(other)) => text.push(other),
            _ => text.push(c),
        }
    }
    text
}

/// Leaves out `null` fields of objects: in optional fields of the format they read as absent.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            object.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(elements) => elements.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
