//! Project Wycheproof's vectors against the crates that the seal uses.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use wycheproof::TestResult;
use wycheproof::{aead, eddsa, xdh};

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Ok(public), Ok(private)) =
            (<[u8; 32]>::try_from(&test.public_key[..]), <[u8; 32]>::try_from(&test.private_key[..]))
        else {
            assert_ne!(test.result, TestResult::Valid, "test {}", test.tc_id);
            continue;
        };
        let secret = x25519_dalek::StaticSecret::from(private);
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(public));
        assert_eq!(shared.as_bytes()[..], test.shared_secret[..], "test {}", test.tc_id);
        // What HPKE refuses (RFC 9180 section 7.1.4) is exactly the all-zero result.
        let is_zero = test.shared_secret.iter().all(|byte| *byte == 0);
        assert_eq!(shared.was_contributory(), !is_zero, "test {}", test.tc_id);
        seen += 1;
    }
    assert!(seen > 400, "{seen} tests");
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        let key = <[u8; 32]>::try_from(&group.key.pk[..]).unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
        for test in &group.tests {
            let verifies = ed25519_dalek::Signature::from_slice(&test.sig)
                .is_ok_and(|signature| key.verify_strict(&test.msg, &signature).is_ok());
            assert_eq!(verifies, test.result == TestResult::Valid, "test {}: {}", test.tc_id, test.comment);
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} tests");
}

#[test]
fn chacha20_poly1305() {
    assert!(aead_set::<ChaCha20Poly1305>(aead::TestName::ChaCha20Poly1305, 12) > 200);
}

#[test]
fn xchacha20_poly1305() {
    assert!(aead_set::<XChaCha20Poly1305>(aead::TestName::XChaCha20Poly1305, 24) > 200);
}

/// Runs one set; returns how many tests had a nonce of the right length.
fn aead_set<A: Aead + KeyInit>(name: aead::TestName, nonce_length: usize) -> usize {
    let set = aead::TestSet::load(name).expect("the set is built in");
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if test.nonce.len() != nonce_length {
            assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
            continue;
        }
        let cipher = A::new_from_slice(&test.key).expect("a key of 32 bytes");
        let nonce = chacha20poly1305::aead::Nonce::<A>::try_from(&test.nonce[..]).expect("its length was checked");
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = cipher.decrypt(&nonce, Payload { msg: &sealed, aad: &test.aad });
        if test.result == TestResult::Valid {
            assert_eq!(opened.as_deref(), Ok(&test.pt[..]), "test {}", test.tc_id);
            let made = cipher.encrypt(&nonce, Payload { msg: &test.pt, aad: &test.aad });
            assert_eq!(made, Ok(sealed), "test {}", test.tc_id);
        } else {
            assert!(opened.is_err(), "test {}: {}", test.tc_id, test.comment);
        }
        seen += 1;
    }
    seen
}
