//! Lists as senders really make them: each is read, and told what is odd about it, no more and no less.

use schleuse_payload::{GUEST_LIST, Limits, parse};

/// File, people that are read, and what is flagged: code, how often, path and line of the first.
type Case = (&'static str, u32, &'static [(&'static str, u32, &'static str, u32)]);

const CASES: [Case; 16] = [
    ("null-name-among-others", 3, &[("missing", 1, "guests[1].firstName", 11)]),
    ("phone-as-number", 1, &[("converted", 1, "guests[0].phone", 6)]),
    (
        "postcode-as-number",
        1,
        &[("short-post-code", 1, "guests[0].address.zipCode", 7), ("converted", 1, "guests[0].address.zipCode", 7)],
    ),
    ("no-attendance", 1, &[("missing", 1, "guests[0].attendanceInformation", 3)]),
    ("identity-checked-as-text", 1, &[("converted", 1, "guests[0].identityChecked", 6)]),
    ("time-as-milliseconds", 1, &[("date-not-iso", 1, "guests[0].attendanceInformation.attendFrom", 7)]),
    ("nul-in-name", 1, &[("control-character", 1, "guests[0].lastName", 5)]),
    ("guests-null", 0, &[("missing", 1, "guests", 1)]),
    ("sex-empty", 1, &[]),
    ("sex-in-lower-case", 1, &[]),
    ("misspelt-by-a-library", 1, &[]),
    ("blank-contacts-and-one-reversed", 8, &[("period-reversed", 1, "guests[7].attendanceInformation.attendTo", 88)]),
    ("harmless", 4, &[]),
    (
        "damaged-by-a-spreadsheet",
        2,
        &[
            ("mojibake", 1, "guests[0].lastName", 5),
            ("lost-character", 1, "guests[1].lastName", 17),
            ("spreadsheet-number", 1, "guests[0].phone", 6),
            ("short-post-code", 1, "guests[0].address.zipCode", 8),
        ],
    ),
    ("times-that-are-read", 12, &[("date-not-iso", 2, "guests[7].attendanceInformation.attendFrom", 56)]),
    ("times-that-are-not", 6, &[("date-unreadable", 6, "guests[0].attendanceInformation.attendFrom", 7)]),
];

#[test]
fn every_list_is_read_and_told_what_is_odd() {
    for (name, people, expected) in CASES {
        let file = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&file).unwrap();
        let parsed = parse(GUEST_LIST, &bytes, &Limits::default()).unwrap();
        let groups = parsed.flags.groups.iter();
        let told: Vec<_> = groups
            .map(|group| (group.code.as_str(), group.count, group.places[0].path.as_str(), group.places[0].line))
            .collect();
        assert_eq!((parsed.summary().people, told.as_slice()), (people, expected), "{name}");
    }
}

#[test]
fn what_a_library_misspelt_reaches_its_column() {
    let bytes = include_bytes!("../fixtures/misspelt-by-a-library.json");
    let parsed = parse(GUEST_LIST, bytes, &Limits::default()).unwrap();
    let table = &schleuse_payload::export::csv::tables(&parsed, Default::default())[1].csv;
    let cells = |line: usize| table.lines().nth(line).unwrap().split(';').collect::<Vec<_>>();
    let column = cells(0).iter().position(|name| *name == "\"mobilePhone\"").unwrap();
    assert_eq!(cells(1)[column], "\"0171 3920012\"");
}
