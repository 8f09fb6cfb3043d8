//! Sealed routes open at the cluster that made them only.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteToken, StoreId};
use schleuse_seal::RouteSealer;

use crate::common::rng;

fn claims() -> RouteClaims {
    RouteClaims {
        office: "ga-koeln".parse().expect("a name"),
        store: StoreId([7; 8]),
        not_after: UnixSeconds(1_790_086_400),
    }
}

#[test]
fn a_route_opens_only_in_its_own_cluster() {
    let token = RouteSealer::new(&[1; 32]).seal(&claims(), &mut rng(1));
    assert_eq!(token.epoch, Epoch::of(claims().not_after));
    assert_eq!(RouteSealer::new(&[1; 32]).open(&token), Some(claims()));
    assert_eq!(RouteSealer::new(&[2; 32]).open(&token), None);
}

#[test]
fn any_flipped_bit_but_those_of_the_mac_refuses() {
    // `mac` is not covered here: it is a MAC over all the rest (crate schleuse-admission).
    let sealer = RouteSealer::new(&[1; 32]);
    let bytes = sealer.seal(&claims(), &mut rng(1)).to_wire();
    for bit in 0..(bytes.len() - 16) * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(sealer.open(&RouteToken::from_wire(&flipped).unwrap()), None, "bit {bit}");
    }
}

#[test]
fn two_tokens_for_one_office_have_nothing_in_common() {
    let (sealer, mut rng) = (RouteSealer::new(&[1; 32]), rng(1));
    let (one, two) = (sealer.seal(&claims(), &mut rng), sealer.seal(&claims(), &mut rng));
    assert_ne!(one.nonce, two.nonce);
    assert!(one.sealed.windows(4).all(|part| !two.sealed.windows(4).any(|other| part == other)));
}

#[test]
fn a_secret_has_one_name_and_another_secret_another() {
    let id = |secret| RouteSealer::new(&[secret; 32]).key_id();
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
    // Computed independently with Python's hmac and hashlib from the formula in docs/cryptography.md.
    assert_eq!(format!("{:?}", id(9)), "1aa6c680ee628bad");
}
