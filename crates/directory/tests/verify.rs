//! Signatures, threshold, expiry, rollback, tampering.

mod common;

use common::{NOW, directory, file, pinned, root};
use proptest::prelude::*;
use schleuse_directory::limits::EXPIRY_GRACE;
use schleuse_directory::{Directory, DirectoryError, Hex, SignedDirectory};
use schleuse_protocol::time::UnixSeconds;

fn verify(bytes: &[u8], threshold: usize, roots: &[u8]) -> Result<u64, DirectoryError> {
    Directory::verify(bytes, &pinned(threshold, roots), NOW, None).map(|verified| verified.version())
}

#[test]
fn a_threshold_of_the_pinned_keys_makes_it_valid() {
    let bytes = file(&directory(), &[1, 3]);
    assert_eq!(verify(&bytes, 2, &[1, 2, 3]), Ok(7));
    assert_eq!(verify(&bytes, 1, &[3]), Ok(7));
}

#[test]
fn too_few_of_them_do_not() {
    let one = file(&directory(), &[1]);
    assert_eq!(verify(&one, 2, &[1, 2, 3]), Err(DirectoryError::TooFewSignatures { found: 1, threshold: 2 }));
    let strangers = file(&directory(), &[8, 9]);
    assert_eq!(verify(&strangers, 1, &[1, 2]), Err(DirectoryError::TooFewSignatures { found: 0, threshold: 1 }));
    let none = file(&directory(), &[]);
    assert_eq!(verify(&none, 1, &[1]), Err(DirectoryError::TooFewSignatures { found: 0, threshold: 1 }));
}

#[test]
fn one_key_cannot_sign_for_two() {
    let mut signed = SignedDirectory::sign(&directory(), &[&root(1)]).unwrap();
    let twice = Err(DirectoryError::SignedTwice(Hex(root(1).public())));
    assert_eq!(signed.add_signature(&root(1)), twice);

    let text = String::from_utf8(signed.to_bytes().unwrap()).unwrap();
    let (start, end) = (text.rfind("    {").unwrap(), text.rfind("\n  ]").unwrap());
    let entry = &text[start..end];
    let doubled = text.replace(entry, &format!("{entry},\n{entry}"));
    assert_eq!(verify(doubled.as_bytes(), 2, &[1, 2]), twice.map(|()| 0));
}

#[test]
fn further_signers_sign_the_same_bytes_later() {
    let bytes = file(&directory(), &[1]);
    let mut signed = SignedDirectory::from_bytes(&bytes).unwrap();
    assert_eq!(signed.unverified().unwrap(), directory());
    signed.add_signature(&root(2)).unwrap();
    assert_eq!(verify(&signed.to_bytes().unwrap(), 2, &[1, 2]), Ok(7));
}

#[test]
fn it_expires() {
    let bytes = file(&directory(), &[1]);
    let end = directory().expires;
    let at = |time| Directory::verify(&bytes, &pinned(1, &[1]), time, None).map(|_| ());
    assert_eq!(at(end), Ok(()));
    let last = UnixSeconds(end.0 + EXPIRY_GRACE);
    assert_eq!(at(last), Ok(()));
    assert_eq!(at(UnixSeconds(last.0 + 1)), Err(DirectoryError::Expired(end)));
}

/// One rule for whoever verifies it then and for whoever has had it since before: believed for a while, and said loudly.
#[test]
fn an_expired_directory_is_believed_for_a_week_and_says_so() {
    let bytes = file(&directory(), &[1]);
    let end = directory().expires;
    let fresh = Directory::verify(&bytes, &pinned(1, &[1]), end, None).unwrap();
    assert!(!fresh.has_expired_at(end) && fresh.trouble_at(end).is_none());
    assert_eq!(fresh.holds_until(), end, "then it is looked at again");

    let (late, last) = (UnixSeconds(end.0 + 1), UnixSeconds(end.0 + EXPIRY_GRACE));
    let old = Directory::verify(&bytes, &pinned(1, &[1]), late, None).unwrap();
    let kept = fresh.at(late).expect("it is believed");
    for view in [&old, &kept] {
        assert!(view.has_expired_at(late));
        assert_eq!((view.holds_until(), view.believed_until()), (last, last));
        assert_eq!(view.members().count(), fresh.members().count());
        assert!(view.trouble_at(late).is_some_and(|trouble| trouble.contains("believed until")));
    }
    assert!(kept.at(last).is_some());
    assert!(kept.at(UnixSeconds(last.0 + 1)).is_none());
}

#[test]
fn it_is_not_from_the_future_beyond_clock_skew() {
    let bytes = file(&directory(), &[1]);
    let issued = directory().issued;
    let at = |time| Directory::verify(&bytes, &pinned(1, &[1]), UnixSeconds(time), None).map(|_| ());
    assert_eq!(at(issued.0 - 300), Ok(()));
    assert_eq!(at(issued.0 - 301), Err(DirectoryError::FromTheFuture(issued)));
}

#[test]
fn an_older_version_than_seen_before_is_refused() {
    let bytes = file(&directory(), &[1]);
    let since = |minimum| Directory::verify(&bytes, &pinned(1, &[1]), NOW, Some(minimum)).map(|_| ());
    assert_eq!(since(7), Ok(()));
    assert_eq!(since(8), Err(DirectoryError::Rollback { version: 7, minimum: 8 }));
}

#[test]
fn every_changed_byte_is_refused() {
    let bytes = file(&directory(), &[1, 2]);
    // threshold 1: even a change that leaves one good signature must not pass
    let roots = pinned(1, &[1, 2]);
    for position in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[position] ^= flip;
            assert!(Directory::verify(&changed, &roots, NOW, None).is_err(), "byte {position} ^ {flip:#04x}");
        }
    }
}

#[test]
fn every_truncation_and_every_appended_byte_is_refused() {
    let bytes = file(&directory(), &[1]);
    let roots = pinned(1, &[1]);
    for length in 0..bytes.len() {
        assert!(Directory::verify(&bytes[..length], &roots, NOW, None).is_err(), "first {length} bytes");
    }
    for last in [b' ', b'\n', b'\0', b'}'] {
        let longer = [bytes.as_slice(), &[last]].concat();
        assert!(Directory::verify(&longer, &roots, NOW, None).is_err(), "{last:#04x} appended");
    }
}

#[test]
fn a_signature_is_bound_to_the_content() {
    let mut other = directory();
    other.members.truncate(3);
    other.permissions.clear();
    let (first, second) = (file(&directory(), &[1]), file(&other, &[1]));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let signature = |text: &str| text.split("\"signature\": \"").nth(1).unwrap()[..128].to_owned();
    let swapped = text(&first).replace(&signature(&text(&first)), &signature(&text(&second)));
    assert_eq!(verify(swapped.as_bytes(), 1, &[1]), Err(DirectoryError::BadSignature(Hex(root(1).public()))));
}

#[test]
fn duplicate_and_unknown_fields_of_the_envelope_are_refused() {
    let text = String::from_utf8(file(&directory(), &[1])).unwrap();
    let duplicate = text.replacen("\"signed\"", "\"signed\": \"\",\n  \"signed\"", 1);
    let unknown = text.replacen("\"signed\"", "\"note\": \"\",\n  \"signed\"", 1);
    for (changed, word) in [(duplicate, "duplicate field"), (unknown, "unknown field")] {
        let error = verify(changed.as_bytes(), 1, &[1]).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let huge = vec![b' '; schleuse_directory::limits::MAX_FILE + 1];
    let error = verify(&huge, 1, &[1]).unwrap_err();
    assert!(matches!(error, DirectoryError::TooLarge { .. }), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Directory::verify(&bytes, &pinned(1, &[1]), NOW, None).is_err());
        prop_assert!(Directory::from_json(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(Directory::from_toml(&text).is_err());
        prop_assert!(schleuse_directory::RootKeys::parse(&text).is_err());
    }

    #[test]
    fn any_replaced_part_is_refused(
        start in any::<prop::sample::Index>(),
        length in 0usize..40,
        replacement in "[ -~\n]{0,40}",
    ) {
        let bytes = file(&directory(), &[1, 2]);
        let start = start.index(bytes.len());
        let end = (start + length).min(bytes.len());
        let changed = [&bytes[..start], replacement.as_bytes(), &bytes[end..]].concat();
        prop_assume!(changed != bytes);
        prop_assert!(Directory::verify(&changed, &pinned(1, &[1, 2]), NOW, None).is_err());
    }
}
