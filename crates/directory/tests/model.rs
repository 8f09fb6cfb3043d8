//! What a directory may say, and what follows from it.

mod common;

use common::{NOW, SOURCE, directory, file, pinned};
use schleuse_directory::{Directory, DirectoryError, RootKeys, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;

fn verified_at(time: UnixSeconds) -> VerifiedDirectory {
    Directory::verify(&file(&directory(), &[1]), &pinned(1, &[1]), time, None).expect("valid")
}

/// The error of the sample in which `old` is replaced by `new`.
#[track_caller]
fn refused(old: &str, new: &str) -> String {
    assert!(SOURCE.contains(old), "the sample does not contain {old:?}");
    Directory::from_toml(&SOURCE.replacen(old, new, 1)).expect_err(new).to_string()
}

#[test]
fn reads_what_it_writes() {
    let directory = directory();
    assert_eq!(Directory::from_toml(&directory.to_toml().unwrap()), Ok(directory.clone()));
    assert_eq!(Directory::from_json(&directory.to_json().unwrap()), Ok(directory));
}

#[test]
fn the_sample_for_operators_is_valid() {
    let sample = Directory::from_toml(include_str!("../../../deploy/directory.toml")).unwrap();
    assert_eq!((sample.members.len(), sample.permissions.len()), (4, 1));
}

#[test]
fn finds_members_by_id_fingerprint_and_role() {
    let view = verified_at(NOW);
    let id = |text: &str| text.parse().unwrap();
    assert_eq!(view.member(&id("ga-koeln")).unwrap().name, "Gesundheitsamt Köln");
    assert!(view.member(&id("nobody")).is_none());
    assert_eq!(view.by_fingerprint(&[5; 32]).unwrap().id, id("inner-1"));
    assert_eq!(view.by_fingerprint(&[6; 32]).unwrap().id, id("inner-1"));
    assert!(view.by_fingerprint(&[9; 32]).is_none());
    assert!(view.member(&id("inner-1")).unwrap().has_fingerprint(&[6; 32]));
    let ids = |members: Vec<&schleuse_directory::Member>| {
        members.iter().map(|member| member.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids(view.offices().collect()), "ga-koeln ga-bonn ga-mainz");
    assert_eq!(ids(view.vendors().collect()), "stadthalle ticketbuero");
    assert_eq!(ids(view.outers().collect()), "outer-1");
    assert_eq!(ids(view.inners().collect()), "inner-1");
}

#[test]
fn permissions_by_member_group_and_star() {
    let view = verified_at(NOW);
    let may = |from: &str, kind: &str, to: &str| {
        view.may_send(&from.parse().unwrap(), &kind.parse().unwrap(), &to.parse().unwrap())
    };
    let senders = ["stadthalle", "ticketbuero", "ga-bonn", "outer-1", "new-vendor", "nobody"];
    let kinds = ["guest-list", "contacts-and-events", "report", "other"];
    let offices = ["ga-koeln", "ga-bonn", "ga-mainz", "stadthalle", "nobody"];
    let expected = [
        "stadthalle guest-list ga-koeln",
        "stadthalle guest-list ga-bonn",
        "stadthalle guest-list ga-mainz",
        "stadthalle report ga-koeln",
        "ticketbuero guest-list ga-koeln",
        "ticketbuero guest-list ga-bonn",
        "ticketbuero contacts-and-events ga-koeln",
        "ticketbuero contacts-and-events ga-bonn",
        "ticketbuero report ga-koeln",
        "ga-bonn guest-list ga-koeln",
        "ga-bonn contacts-and-events ga-koeln",
        "ga-bonn report ga-koeln",
        "ga-bonn other ga-koeln",
    ];
    let mut permitted = Vec::new();
    for from in senders {
        for kind in kinds {
            permitted.extend(offices.iter().filter(|to| may(from, kind, to)).map(|to| format!("{from} {kind} {to}")));
        }
    }
    assert_eq!(permitted, expected);
}

#[test]
fn members_join_and_leave() {
    let march = UnixSeconds(1_803_859_200);
    let june_end = UnixSeconds(1_814_399_999);
    let is_member = |id: &str, time| verified_at(time).member(&id.parse().unwrap()).is_some();
    assert!(!is_member("new-vendor", UnixSeconds(march.0 - 1)));
    assert!(is_member("new-vendor", march));
    assert!(is_member("ga-mainz", june_end));
    assert!(!is_member("ga-mainz", UnixSeconds(june_end.0 + 1)));
    assert!(verified_at(UnixSeconds(june_end.0 + 1)).by_fingerprint(&[3; 32]).is_none());

    assert_eq!(verified_at(NOW).holds_until(), UnixSeconds(march.0 - 1));
    assert_eq!(verified_at(march).holds_until(), june_end);
    assert_eq!(verified_at(UnixSeconds(june_end.0 + 1)).holds_until(), directory().expires);
}

#[test]
fn an_unknown_field_is_refused_with_its_line() {
    let error = refused("role = \"office\"", "role = \"office\"\nroles = \"office\"");
    assert!(error.starts_with("line 9: unknown field `roles`"), "{error}");
    assert!(refused("version = 7", "version = 7\nnetwork = \"x\"").contains("unknown field `network`"));
    assert!(refused("to = [\"*\"]", "to = [\"*\"]\nunless = []").contains("unknown field `unless`"));
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    assert!(refused("version = 7", "version = 7\nversion = 8").contains("duplicate"));
    let json = String::from_utf8(directory().to_json().unwrap()).unwrap();
    for field in ["\"version\":7", "\"id\":\"ga-koeln\"", "\"to\":[\"*\"]"] {
        let doubled = json.replacen(field, &format!("{field},{field}"), 1);
        let error = Directory::from_json(doubled.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("duplicate field"), "{field}: {error}");
    }
}

#[test]
fn broken_values_are_refused_with_their_line() {
    let cases = [
        ("id = \"ga-koeln\"", "id = \"GA Köln\"", "line 7: 'GA K"),
        ("\"office\"", "\"offfice\"", "unknown variant `offfice`"),
        ("issued = \"2026-11-21T00:00:00Z\"", "issued = \"yesterday\"", "'yesterday' is not a time"),
        ("signing_key = \"1111", "signing_key = \"xx11", "expected 64 hexadecimal digits"),
        ("kinds = [\"guest-list\"]", "kinds = [\"Guest List\"]", "is not a valid name"),
    ];
    for (old, new, expected) in cases {
        let error = refused(old, new);
        assert!(error.starts_with("line ") && error.contains(expected), "{new}: {error}");
    }
}

#[test]
fn broken_rules_are_refused_with_their_place() {
    let inner = "fingerprints = [\"0404040404040404040404040404040404040404040404040404040404040404\"]\n";
    let cases = [
        ("version = 7", "version = 0", "version: the first version is 1"),
        ("expires = \"2027", "expires = \"2025", "expires: is before 'issued'"),
        ("id = \"ga-bonn\"", "id = \"ga-koeln\"", "member 'ga-koeln': stands in the directory twice"),
        ("\"0202", "\"0101010101010101010101010101010101010101010101010101010101010101\", \"0202", "already"),
        (
            "\"2222222222222222222222222222222222222222222222222222222222222222\"",
            "\"1111111111111111111111111111111111111111111111111111111111111111\"",
            "member 'ga-bonn': its signing key is that of 'ga-koeln' already",
        ),
        ("groups = [\"venues\"]", "groups = [\"ga-bonn\"]", "group 'ga-bonn': a member has the same name"),
        ("name = \"Stadthalle\"", "name = \"\\u001b[2J\"", "member 4 ('stadthalle'): 'name' must have"),
        ("name = \"Stadthalle\"", "name = \"\"", "'name' must have"),
        (inner, "", "member 7 ('outer-1'): a member with role outer needs at least one of 'fingerprints'"),
        ("\"outer-1.example:4430\"", "\"outer-1.example\"", "'outer-1.example' is not an address: write host:port"),
        ("\"outer-1.example:4430\"", "\"outer-1.example:0\"", "is not an address"),
        ("\"[2001:db8::1]:4430\"", "\"2001:db8::1:4430\"", "is not an address"),
        ("addresses = [\"outer-1.example:4430\", \"[2001:db8::1]:4430\"]", "", "needs at least one of 'addresses'"),
        ("groups = [\"venues\"]", "groups = [\"venues\"]\naddresses = [\"a:1\"]", "only proxies have 'addresses'"),
        (
            "name = \"Inner 1\"",
            "name = \"Inner 1\"\nsigning_key = \"7777777777777777777777777777777777777777777777777777777777777777\"",
            "a member with role inner has no 'signing_key'",
        ),
        ("from = [\"venues\"]", "from = [\"venue\"]", "permission 1: 'from' names 'venue', which is neither"),
        ("from = [\"venues\"]", "from = [\"outer-1\"]", "permission 1: 'from' names 'outer-1', whose role is outer"),
        ("from = [\"venues\"]", "from = []", "permission 1: 'from' is empty"),
        (
            "to = [\"offices-nrw\"]",
            "to = [\"stadthalle\"]",
            "permission 2: 'to' names 'stadthalle', whose role is vendor",
        ),
        (
            "valid_until = \"2027-06-30T23:59:59Z\"",
            "valid_from = \"2027-07-01T00:00:00Z\"\nvalid_until = \"2027-06-30T23:59:59Z\"",
            "'valid_until' is before 'valid_from'",
        ),
    ];
    for (old, new, expected) in cases {
        let error = refused(old, new);
        assert!(error.contains(expected), "{new}: {error}");
    }
}

#[test]
fn counts_are_limited() {
    let mut many = directory();
    many.permissions = vec![many.permissions[0].clone(); 10_001];
    let error = many.check().unwrap_err().to_string();
    assert_eq!(error, "permissions: 10001 entries, at most 10000 are accepted");

    let mut long = directory();
    long.permissions[0].to = vec![long.permissions[0].to[0]; 1_001];
    assert!(long.check().unwrap_err().to_string().contains("1001 to, at most 1000"));

    let mut keys = directory();
    keys.members[0].fingerprints = (10..15).map(|byte| schleuse_directory::Hex([byte; 32])).collect();
    assert!(keys.check().unwrap_err().to_string().contains("5 fingerprints, at most 4"));
}

#[test]
fn root_keys_are_read_from_toml_and_json() {
    let roots = pinned(2, &[1, 2, 3]);
    assert_eq!(RootKeys::parse(&roots.to_toml().unwrap()), Ok(roots.clone()));
    let json = format!("{{\"threshold\": 1, \"keys\": [\"{}\"]}}", roots.keys()[0]);
    assert_eq!(RootKeys::parse(&json).unwrap().threshold(), 1);
}

#[test]
fn root_keys_that_make_no_sense_are_refused() {
    let key = "11".repeat(32);
    let cases = [
        (format!("threshold = 0\nkeys = [\"{key}\"]"), "must be 1 to 1"),
        (format!("threshold = 2\nkeys = [\"{key}\"]"), "must be 1 to 1"),
        ("threshold = 1\nkeys = []".to_owned(), "must be 1 to 0"),
        (format!("threshold = 1\nkeys = [\"{key}\", \"{key}\"]"), "stands there twice"),
        (format!("threshold = 1\nkey = [\"{key}\"]"), "unknown field"),
        ("threshold = 1\nkeys = [\"11\"]".to_owned(), "line 2: expected 64 hexadecimal digits"),
    ];
    for (text, expected) in cases {
        let error = RootKeys::parse(&text).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert!(!matches!(error, DirectoryError::TooLarge { .. }));
    }
}
