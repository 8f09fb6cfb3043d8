//! The published example: a whole small network whose private keys everybody knows.

use std::path::Path;

use schleuse_directory::{Directory, Member, OrAny, Role, RootKeys, Rule, SignedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_seal::keys::SigningKey;
use schleuse_seal::system_rng;
use schleuse_transport::tls::EXAMPLE_MARKER_FILE;

use super::member::key_text;
use super::{Authority, PkiError, Validity};
use crate::files::{Access, write_new};

/// Name of the example's CA. It contains the marker that daemons refuse outside demo mode.
pub const EXAMPLE_COMMON_NAME: &str = "schleuse example CA";

/// Thirty years: an example that expires breaks tests and tutorials.
const EXAMPLE_DAYS: u32 = 30 * 365;
const ROOTS: [&str; 2] = ["root-1", "root-2"];
/// Explains the example to whoever finds it.
const README: &str = include_str!("example/README.md");
/// Configurations with which the daemons run on this machine.
const CONFIGURATIONS: [(&str, &str); 3] = [
    ("outer.toml", include_str!("example/outer.toml")),
    ("inner.toml", include_str!("example/inner.toml")),
    ("receiver.toml", include_str!("example/receiver.toml")),
];
/// Stands in a configuration for the fingerprint of the inner proxy.
const INNER_FINGERPRINT: &str = "INNER_FINGERPRINT";
const MARKER_TEXT: &str = "The private keys in this folder are published. Daemons refuse them outside demo mode.\n";

/// Id, role, name and addresses.
const MEMBERS: [(&str, Role, &str, &[&str]); 4] = [
    ("outer-1", Role::Outer, "Example outer proxy", &["127.0.0.1:4430"]),
    ("inner-1", Role::Inner, "Example inner proxy", &["127.0.0.1:4431"]),
    ("ga-example", Role::Office, "Example health office", &[]),
    ("vendor-example", Role::Vendor, "Example vendor", &[]),
];

/// Writes a CA, an outer and an inner proxy, an office, a vendor, two root keys, the signed directory and
/// configurations of the daemons into `folder`, each folder with the marker file.
///
/// # Errors
/// A file exists already or cannot be written.
pub fn write_example(folder: &Path, now: UnixSeconds) -> Result<(), PkiError> {
    let validity = Validity::days(now, EXAMPLE_DAYS);
    let authority = Authority::new(EXAMPLE_COMMON_NAME, validity)?;
    write_marker(folder)?;
    authority.write(folder)?;
    let mut members = Vec::new();
    for (id, role, name, addresses) in MEMBERS {
        let own = folder.join(id);
        let keys = authority.issue(&member_id(id), role, validity)?;
        write_marker(&own)?;
        keys.write(&own)?;
        let addresses = addresses.iter().map(ToString::to_string).collect();
        members.push(Member { addresses, ..keys.entry(name) });
    }
    let guest_lists = Rule {
        from: vec![OrAny::Any],
        kinds: ["guest-list", "contacts-and-events"].map(|kind| OrAny::One(kind.parse().expect("a valid kind"))).into(),
        to: vec![OrAny::Any],
    };
    let directory =
        Directory { version: 1, issued: now, expires: validity.not_after, members, permissions: vec![guest_lists] };
    write_directory(folder, &directory)?;
    write_configurations(folder, &directory)
}

fn write_configurations(folder: &Path, directory: &Directory) -> Result<(), PkiError> {
    write_new(&folder.join("README.md"), README.as_bytes(), Access::Public)?;
    let inner = directory.members.iter().find(|member| member.role == Role::Inner);
    let fingerprint = inner.map(|member| member.fingerprints[0].to_string()).unwrap_or_default();
    for (name, text) in CONFIGURATIONS {
        let text = text.replace(INNER_FINGERPRINT, &fingerprint);
        write_new(&folder.join(name), text.as_bytes(), Access::Public)?;
    }
    Ok(())
}

fn write_directory(folder: &Path, directory: &Directory) -> Result<(), PkiError> {
    let own = folder.join("roots");
    write_marker(&own)?;
    let keys: Vec<SigningKey> = ROOTS.iter().map(|_| SigningKey::generate(&mut system_rng())).collect();
    for (name, key) in ROOTS.iter().zip(&keys) {
        write_new(&own.join(format!("{name}.key")), key_text(&key.to_bytes()).as_bytes(), Access::Secret)?;
    }
    let roots = RootKeys::new(keys.len(), keys.iter().map(SigningKey::public).collect())?;
    write_new(&folder.join("root-keys.toml"), roots.to_toml()?.as_bytes(), Access::Public)?;
    write_new(&folder.join("directory.toml"), directory.to_toml()?.as_bytes(), Access::Public)?;
    let signed = SignedDirectory::sign(directory, &keys.iter().collect::<Vec<_>>())?;
    write_new(&folder.join("directory.json"), &signed.to_bytes()?, Access::Public)?;
    Ok(())
}

fn write_marker(folder: &Path) -> Result<(), PkiError> {
    Ok(write_new(&folder.join(EXAMPLE_MARKER_FILE), MARKER_TEXT.as_bytes(), Access::Public)?)
}

fn member_id(text: &str) -> MemberId {
    text.parse().expect("the example's ids are valid")
}
