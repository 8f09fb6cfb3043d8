//! `schleuse directory …`

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::run;

/// A CA with an outer proxy, an office and a vendor, and two root keys of which both must sign.
struct Office {
    folder: TempDir,
}

impl Office {
    fn new() -> Self {
        let office = Self { folder: tempfile::tempdir().expect("the test is set up") };
        let ca = office.path("ca");
        run!("pki", "init", ca, "--json").json();
        run!("pki", "issue", ca, "outer-1", "--role", "outer", "--address", "outer.example:443", "--json").json();
        run!("pki", "issue", ca, "ga-koeln", "--role", "office", "--group", "nrw", "--json").json();
        run!("pki", "issue", ca, "vendor-1", "--role", "vendor", "--json").json();
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn entry(&self, member: &str) -> PathBuf {
        self.path("ca").join(member).join("member.toml")
    }

    /// Adds all members and a permission; version 1.
    fn source(&self) -> PathBuf {
        let source = self.path("directory.toml");
        let [outer, office, vendor] = ["outer-1", "ga-koeln", "vendor-1"].map(|member| self.entry(member));
        let permit = "--permit=vendor-1:guest-list:nrw";
        let added = run!("directory", "add", source, outer, office, vendor, permit, "--json").json();
        assert_eq!((&added["version"], &added["members"]), (&1.into(), &3.into()));
        source
    }

    /// Two root keys and the pinned file; returns it.
    fn roots(&self) -> PathBuf {
        let public = ["root-1.key", "root-2.key"].map(|name| {
            let made = run!("directory", "keys", "new", self.path(name), "--json").json();
            made["public_key"].as_str().expect("the test is set up").to_owned()
        });
        let pinned = self.path("root-keys.toml");
        run!("directory", "keys", "pin", pinned, "--threshold", "2", public[0], public[1], "--json").json();
        pinned
    }
}

fn verify(file: &Path, roots: &Path) -> crate::Run {
    run!("directory", "verify", file, "--root-keys", roots, "--json")
}

#[test]
fn from_members_to_a_directory_signed_by_two() {
    let office = Office::new();
    let (source, roots) = (office.source(), office.roots());
    let signed = office.path("directory.json");

    run!("directory", "sign", source, "--key", office.path("root-1.key"), "--json").json();
    let one = verify(&signed, &roots);
    assert!(one.error(1).contains("signed by 1 of the pinned root keys, 2 are needed"), "{one:?}");

    let both = run!("directory", "sign", signed, "--key", office.path("root-2.key"), "--json").json();
    assert_eq!(both["signed_by"].as_array().unwrap().len(), 2);
    let verified = verify(&signed, &roots).json();
    assert_eq!((&verified["version"], &verified["offices"], &verified["vendors"]), (&1.into(), &1.into(), &1.into()));

    let shown = run!("directory", "show", signed);
    assert!(shown.stdout.contains("vendor-1 may send guest-list to nrw"), "{}", shown.stdout);
    assert!(shown.stdout.contains("outer.example:443"), "{}", shown.stdout);
    let json = run!("directory", "show", signed, "--json").json();
    let fingerprint = json["directory"]["members"][0]["fingerprints"][0].as_str().unwrap();
    assert!(shown.stdout.contains(fingerprint), "the configuration of an outer proxy needs it: {}", shown.stdout);
    assert_eq!(json["directory"]["members"][1]["id"], "ga-koeln");
    assert_eq!(json["verified"], false);
    assert_eq!(run!("directory", "keys", "show", roots, "--json").json()["threshold"], 2);
}

#[test]
fn a_change_needs_a_new_version() {
    let office = Office::new();
    let source = office.source();
    office.roots();
    let sign = || run!("directory", "sign", source, "--key", office.path("root-1.key"));
    assert_eq!(sign().code, 0);
    let again = sign();
    assert!(again.error(1).contains("raise 'version'"), "{again:?}");
    assert_eq!(run!("directory", "add", source, "--json").json()["version"], 2);
    assert_eq!(sign().code, 0);

    let old = run!(
        "directory",
        "verify",
        office.path("directory.json"),
        "--root-keys",
        office.path("root-keys.toml"),
        "--minimum-version",
        "3"
    );
    assert_eq!(old.code, 1, "{old:?}");
}

#[test]
fn verification_tells_what_is_wrong() {
    let office = Office::new();
    let (source, roots) = (office.source(), office.roots());
    let (first, second) = (office.path("root-1.key"), office.path("root-2.key"));
    let signed = office.path("directory.json");
    run!("directory", "sign", source, "--key", first, "--key", second, "--json").json();

    let older = run!("directory", "verify", signed, "--root-keys", roots, "--minimum-version", "2");
    assert!(older.error(1).contains("version 1 is older than version 2"), "{older:?}");
    let expired = run!("directory", "verify", signed, "--root-keys", roots, "--at", "2099-01-01T00:00:00Z");
    assert!(expired.error(1).contains("expired at"), "{expired:?}");

    let text = fs::read_to_string(&signed).unwrap();
    fs::write(&signed, text.replacen('A', "B", 1)).unwrap();
    let changed = verify(&signed, &roots);
    assert!(changed.error(1).contains("does not verify"), "{changed:?}");
    fs::write(&signed, "{}").unwrap();
    assert_eq!(verify(&signed, &roots).code, 1);
}

#[test]
fn mistakes_in_the_source_have_a_place() {
    let office = Office::new();
    let source = office.source();
    let again = run!("directory", "add", source, office.entry("ga-koeln"));
    assert!(again.error(1).contains("'ga-koeln' already: --replace"), "{again:?}");
    run!("directory", "add", source, office.entry("ga-koeln"), "--replace", "--json").json();
    let nobody = run!("directory", "add", source, "--permit", "nobody:guest-list:*");
    assert!(nobody.error(78).contains("'from' names 'nobody'"), "{nobody:?}");
    assert_eq!(run!("directory", "add", source, "--permit", "vendor-1:guest-list").code, 2);

    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replacen("role = \"outer\"", "rolle = \"outer\"", 1)).unwrap();
    let unknown = run!("directory", "show", source);
    let line = unknown.error(78);
    assert!(line.contains("directory.toml: line 7: unknown field `rolle`"), "{line}");
    fs::write(&source, text).unwrap();

    let unsigned = run!("directory", "verify", source, "--root-keys", office.roots());
    assert_eq!(unsigned.code, 1, "{unsigned:?}");
    let key = office.path("root-1.key");
    let not_a_directory = run!("directory", "sign", office.path("root-keys.toml"), "--key", key);
    assert!(not_a_directory.error(78).contains("root-keys.toml"), "{not_a_directory:?}");
}

#[test]
fn root_keys_are_secret_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let office = Office::new();
    let (source, _) = (office.source(), office.roots());
    let key = office.path("root-1.key");
    let before = fs::read(&key).unwrap();
    assert_eq!(run!("directory", "keys", "new", key).code, 1);
    assert_eq!(fs::read(&key).unwrap(), before);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let open = run!("directory", "sign", source, "--key", key);
    assert!(open.error(77).contains("accessible to others"), "{open:?}");
    let pinned = run!("directory", "keys", "pin", office.path("other"), "--threshold", "3", "11".repeat(32));
    assert!(pinned.error(78).contains("must be 1 to 1"), "{pinned:?}");
}
