//! `schleuse pki …`

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use schleuse_directory::{Directory, RootKeys};
use schleuse_transport::tls::{Identity, Roots};

use crate::network::now;
use crate::run;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the test is set up").permissions().mode() & 0o777
}

#[test]
fn a_ca_issues_keys_that_the_daemons_can_load() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    let made = run!("pki", "init", ca, "--name", "Netz Köln", "--json").json();
    assert_eq!(made["subject"], "Netz Köln");
    assert_eq!(made["ca"], true);
    assert_eq!(mode(&ca.join("ca.key")), 0o600);

    let out = folder.path().join("office");
    let issued =
        run!("pki", "issue", ca, "ga-koeln", "--role", "office", "--name", "GA Köln", "--out", out, "--json").json();
    for secret in ["tls.key", "signing.key"] {
        assert_eq!(mode(&out.join(secret)), 0o600, "{secret}");
    }
    assert!(!out.join("cluster.secret").exists(), "an office has no cluster secret");
    let identity = Identity::load(&out.join("cert.pem"), &out.join("tls.key")).unwrap();
    let fingerprint: String = identity.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(issued["fingerprint"], fingerprint);
    assert!(!identity.is_example());
    let roots = Roots::load(&ca.join("ca.pem")).unwrap();
    schleuse_transport::tls::link(&roots, &identity).unwrap();

    let shown = run!("pki", "show", out, "--json").json();
    assert_eq!(shown["names"], serde_json::json!(["ga-koeln.schleuse.internal"]));
    assert_eq!(shown["issuer"], "Netz Köln");
    assert_eq!(shown["state"], "valid");
    assert_eq!(shown["ca"], false);
    assert_eq!(shown["fingerprint"], issued["fingerprint"]);
    assert_eq!(shown["signing_key"], issued["signing_key"]);
    let text = run!("pki", "show", out).stdout;
    assert!(text.contains(&fingerprint), "{text}");
}

#[test]
fn a_proxy_has_a_cluster_secret_and_no_signing_key() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    run!("pki", "init", ca, "--json").json();
    run!("pki", "issue", ca, "inner-1", "--role", "inner", "--json").json();
    let own = ca.join("inner-1");
    assert_eq!(mode(&own.join("cluster.secret")), 0o600);
    assert_eq!(fs::read_to_string(own.join("cluster.secret")).unwrap().trim_end().len(), 64);
    assert!(!own.join("signing.key").exists());
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    run!("pki", "init", ca, "--json").json();
    let before = fs::read(ca.join("ca.key")).unwrap();
    let again = run!("pki", "init", ca);
    assert!(again.error(1).contains("exists already and is not overwritten"), "{again:?}");
    assert_eq!(fs::read(ca.join("ca.key")).unwrap(), before);

    run!("pki", "issue", ca, "vendor-1", "--role", "vendor", "--json").json();
    let before = fs::read(ca.join("vendor-1/signing.key")).unwrap();
    let again = run!("pki", "issue", ca, "vendor-1", "--role", "vendor");
    assert!(again.error(1).contains("exists already"), "{again:?}");
    assert_eq!(fs::read(ca.join("vendor-1/signing.key")).unwrap(), before);
}

#[test]
fn mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    run!("pki", "init", one, "--days", "10", "--json").json();
    run!("pki", "init", two, "--json").json();

    let too_long = run!("pki", "issue", one, "ga-a", "--role", "office", "--days", "11");
    assert!(too_long.error(1).contains("longer than that of the CA"), "{too_long:?}");
    assert!(!one.join("ga-a").exists(), "nothing is left of a refused issue");
    assert_eq!(run!("pki", "issue", one, "GA A", "--role", "office").code, 2);
    assert_eq!(run!("pki", "issue", one, "ga-a", "--role", "king").code, 2);

    fs::set_permissions(one.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = run!("pki", "issue", one, "ga-a", "--role", "office");
    assert!(open.error(77).contains("chmod 600"), "{open:?}");

    fs::copy(two.join("ca.key"), one.join("ca.key")).unwrap();
    fs::set_permissions(one.join("ca.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let mixed = run!("pki", "issue", one, "ga-a", "--role", "office");
    assert!(mixed.error(1).contains("ca.key is not the key of ca.pem"), "{mixed:?}");

    let absent = run!("pki", "show", folder.path().join("three"));
    assert!(absent.error(74).contains("three"), "{absent:?}");
    fs::write(folder.path().join("text"), "no certificate").unwrap();
    let text = run!("pki", "show", folder.path().join("text"));
    assert!(text.error(1).contains("no usable certificate"), "{text:?}");
}

#[test]
fn the_example_is_whole_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    let example = folder.path().join("example");
    run!("pki", "example", example, "--json").json();
    check_example(&example);
    for daemon in ["outer", "inner"] {
        let checked = run!("check", example.join(format!("{daemon}.toml")), "--json").json();
        assert_eq!(checked["files"][0]["daemon"], format!("schleuse-{daemon}"));
    }
    let again = run!("pki", "example", example);
    assert!(again.error(1).contains("exists already"), "{again:?}");
}

#[test]
fn the_example_in_the_repository_is_whole_and_marked() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = crate_folder.join("../../certs-example");
    check_example(&example);
    for name in ["README.md", "inner.toml", "receiver.toml"] {
        let [made, template] = [&example, &crate_folder.join("src/pki/example")]
            .map(|folder| fs::read_to_string(folder.join(name)).expect("the file is there"));
        assert_eq!(made, template, "{name}: make certs-example anew with 'schleuse pki example'");
    }
}

fn check_example(example: &Path) {
    let roots = RootKeys::parse(&fs::read_to_string(example.join("root-keys.toml")).expect("the test is set up"))
        .expect("the test is set up");
    let signed = fs::read(example.join("directory.json")).expect("the test is set up");
    let directory = Directory::verify(&signed, &roots, now(), None).expect("the test is set up");
    let source = fs::read_to_string(example.join("directory.toml")).expect("the test is set up");
    assert_eq!(Directory::from_toml(&source).expect("the test is set up").version, directory.version());
    assert!(Roots::load(&example.join("ca.pem")).expect("the test is set up").is_example());
    assert!(example.join("roots/EXAMPLE-DO-NOT-USE").exists());
    assert_eq!(directory.members().count(), 4);
    for member in directory.members() {
        let own = example.join(member.id.as_str());
        assert!(own.join("EXAMPLE-DO-NOT-USE").exists(), "{} is not marked", member.id);
        // Not loaded through its file: a checkout does not keep the mode 600.
        let [certificate, key] =
            ["cert.pem", "tls.key"].map(|name| fs::read(own.join(name)).expect("the test is set up"));
        let identity = Identity::from_pem(&certificate, &key).expect("the test is set up");
        assert!(identity.is_example(), "{}", member.id);
        assert!(member.has_fingerprint(&identity.fingerprint()), "{}", member.id);
    }
}
