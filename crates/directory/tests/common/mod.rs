//! A small network and its root keys.
#![allow(dead_code, reason = "each test file uses a part of it")]

use schleuse_directory::{Directory, RootKeys, SignedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_seal::keys::SigningKey;

/// A moment within the validity of [`SOURCE`]: 2027-01-01T00:00:00Z.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_798_761_600);

pub(crate) const SOURCE: &str = r#"
version = 7
issued = "2026-11-21T00:00:00Z"
expires = "2027-11-21T00:00:00Z"

[[members]]
id = "ga-koeln"
role = "office"
name = "Gesundheitsamt Köln"
groups = ["offices-nrw"]
fingerprints = ["0101010101010101010101010101010101010101010101010101010101010101"]
signing_key = "1111111111111111111111111111111111111111111111111111111111111111"

[[members]]
id = "ga-bonn"
role = "office"
name = "Gesundheitsamt Bonn"
groups = ["offices-nrw"]
fingerprints = ["0202020202020202020202020202020202020202020202020202020202020202"]
signing_key = "2222222222222222222222222222222222222222222222222222222222222222"

[[members]]
id = "ga-mainz"
role = "office"
name = "Gesundheitsamt Mainz"
fingerprints = ["0303030303030303030303030303030303030303030303030303030303030303"]
signing_key = "3333333333333333333333333333333333333333333333333333333333333333"
valid_until = "2027-06-30T23:59:59Z"

[[members]]
id = "stadthalle"
role = "vendor"
name = "Stadthalle"
groups = ["venues"]
signing_key = "4444444444444444444444444444444444444444444444444444444444444444"

[[members]]
id = "ticketbuero"
role = "vendor"
name = "Ticketbüro"
groups = ["ticketing"]
signing_key = "5555555555555555555555555555555555555555555555555555555555555555"

[[members]]
id = "new-vendor"
role = "vendor"
name = "Not yet"
signing_key = "6666666666666666666666666666666666666666666666666666666666666666"
valid_from = "2027-03-01T00:00:00Z"

[[members]]
id = "outer-1"
role = "outer"
name = "Outer 1"
fingerprints = ["0404040404040404040404040404040404040404040404040404040404040404"]
addresses = ["outer-1.example:4430", "[2001:db8::1]:4430"]

[[members]]
id = "inner-1"
role = "inner"
name = "Inner 1"
fingerprints = [
    "0505050505050505050505050505050505050505050505050505050505050505",
    "0606060606060606060606060606060606060606060606060606060606060606",
]

[[permissions]]
from = ["venues"]
kinds = ["guest-list"]
to = ["*"]

[[permissions]]
from = ["ticketbuero"]
kinds = ["guest-list", "contacts-and-events"]
to = ["offices-nrw"]

[[permissions]]
from = ["*"]
kinds = ["report"]
to = ["ga-koeln"]

[[permissions]]
from = ["ga-bonn"]
kinds = ["*"]
to = ["ga-koeln"]
"#;

pub(crate) fn directory() -> Directory {
    Directory::from_toml(SOURCE).expect("the sample is valid")
}

pub(crate) fn root(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// Pins the keys with these numbers.
pub(crate) fn pinned(threshold: usize, numbers: &[u8]) -> RootKeys {
    let keys = numbers.iter().map(|number| root(*number).public()).collect();
    RootKeys::new(threshold, keys).expect("a valid set")
}

/// The sample, signed by the roots with these numbers.
pub(crate) fn file(directory: &Directory, signers: &[u8]) -> Vec<u8> {
    let keys: Vec<_> = signers.iter().map(|number| root(*number)).collect();
    let signed = SignedDirectory::sign(directory, &keys.iter().collect::<Vec<_>>()).expect("signs");
    signed.to_bytes().expect("writes")
}
