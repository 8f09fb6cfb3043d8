//! Wrapped secrets open with their key and in their place only.

use schleuse_seal::{Kek, RecordContext, UnwrapError};

use crate::common::rng;

const PLACE: RecordContext<'static> = RecordContext { table: "tickets", id: b"\x01\x02", column: "secret", version: 1 };

#[test]
fn a_secret_comes_back_in_its_place() {
    let kek = Kek::from_bytes(&[1; 32]);
    for secret in [&b""[..], b"x", &[7; 32], &[9; 4096]] {
        let wrapped = kek.wrap(&PLACE, secret, &mut rng(1));
        assert_eq!(wrapped.len(), secret.len() + 40);
        assert_eq!(kek.unwrap(&PLACE, &wrapped).unwrap()[..], *secret);
    }
}

#[test]
fn another_place_or_key_is_refused() {
    let kek = Kek::from_bytes(&[1; 32]);
    let wrapped = kek.wrap(&PLACE, &[7; 32], &mut rng(1));
    let other_places = [
        RecordContext { table: "attempts", ..PLACE },
        RecordContext { id: b"\x01\x03", ..PLACE },
        RecordContext { column: "key", ..PLACE },
        RecordContext { version: 2, ..PLACE },
        // The same bytes, split otherwise.
        RecordContext { table: "tickets\x01", id: b"\x02", ..PLACE },
        RecordContext { id: b"\x01\x02s", column: "ecret", ..PLACE },
    ];
    for place in other_places {
        assert_eq!(kek.unwrap(&place, &wrapped).err(), Some(UnwrapError), "{place:?}");
    }
    assert!(Kek::from_bytes(&[2; 32]).unwrap(&PLACE, &wrapped).is_err());
}

#[test]
fn any_flipped_bit_and_any_cut_refuses() {
    let kek = Kek::from_bytes(&[1; 32]);
    let wrapped = kek.wrap(&PLACE, &[7; 32], &mut rng(1));
    for bit in 0..wrapped.len() * 8 {
        let mut flipped = wrapped.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(kek.unwrap(&PLACE, &flipped).is_err(), "bit {bit}");
    }
    for length in 0..wrapped.len() {
        assert!(kek.unwrap(&PLACE, &wrapped[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn wrapping_twice_gives_different_bytes() {
    let (kek, mut rng) = (Kek::from_bytes(&[1; 32]), rng(1));
    assert_ne!(kek.wrap(&PLACE, b"x", &mut rng), kek.wrap(&PLACE, b"x", &mut rng));
}
