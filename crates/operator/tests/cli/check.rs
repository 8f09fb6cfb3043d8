//! `schleuse check`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::network::Network;
use crate::{Run, run};

/// Writes a configuration beside the network's files.
fn config(network: &Network, name: &str, text: &str) -> PathBuf {
    let path = network.path(name);
    fs::write(&path, text).expect("the test is set up");
    path
}

const OUTER: &str = r#"
id = "outer-a"
listen = ["127.0.0.1:4430"]
certificate = "outer-a/cert.pem"
key = "outer-a/tls.key"
ca = "ca.pem"
cluster_secret = "outer-a/cluster.secret"

[[inner]]
id = "inner-a"
address = "127.0.0.1:4431"
fingerprint = "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0"
"#;

const INNER: &str = r#"
id = "inner-a"
listen = ["127.0.0.1:4431"]
certificate = "inner-a/cert.pem"
key = "inner-a/tls.key"
ca = "ca.pem"
cluster_secret = "inner-a/cluster.secret"
directory = "directory.json"
root_keys = "root-keys.toml"
"#;

#[test]
fn the_daemons_are_told_apart_and_found_in_order() {
    let network = Network::new("127.0.0.1:4430");
    for (text, daemon) in [(OUTER, "schleuse-outer"), (INNER, "schleuse-inner")] {
        let path = config(&network, "config.toml", text);
        let checked = run!("check", path, "--json").json();
        assert_eq!((&checked["ok"], &checked["files"][0]["daemon"]), (&true.into(), &daemon.into()), "{checked}");
        let text = run!("check", path).stdout;
        assert!(text.contains(&format!("in order ({daemon})")), "{text}");
    }
    let roots = run!("check", network.path("root-keys.toml"), "--json").json();
    assert_eq!(roots["files"][0]["daemon"], "root keys");
}

#[test]
fn a_finding_has_place_and_code() {
    let network = Network::new("127.0.0.1:4430");
    let unknown = config(&network, "unknown.toml", &OUTER.replace("certificate", "certifcate"));
    let run = run!("check", unknown);
    assert_eq!(run.code, 78, "{run:?}");
    assert!(run.stdout.contains("unknown.toml:4:") && run.stdout.contains("did you mean"), "{}", run.stdout);

    let absent = config(&network, "absent.toml", &INNER.replace("directory.json", "nothing.json"));
    let run = run!("check", absent, "--json");
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(object["ok"], false, "{run:?}");
    let finding = &object["files"][0]["findings"][0];
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("absent.toml:8:13: ") && message.contains("nothing.json"), "{run:?}");
    assert_eq!((run.code, &finding["code"]), (78, &78.into()));

    let key = network.path("outer-a/tls.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let run = run!("check", config(&network, "outer.toml", OUTER));
    assert_eq!(run.code, 77, "{run:?}");
    assert!(run.stdout.contains("chmod 600"), "{}", run.stdout);
}

/// The lines that are findings.
fn findings(run: &Run) -> Vec<&str> {
    run.stdout.lines().filter_map(|line| line.strip_prefix("  ")).collect()
}

#[test]
fn every_file_of_every_daemon_is_told() {
    let network = Network::new("127.0.0.1:4430");
    let outer = config(&network, "outer.toml", &OUTER.replace("127.0.0.1:4430", "nowhere"));
    let inner = config(&network, "inner.toml", INNER);
    let absent = network.path("absent.toml");
    fs::write(network.path("inner-a/cert.pem"), "no certificate").unwrap();
    fs::set_permissions(network.path("inner-a/tls.key"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(network.path("ca.pem")).unwrap();
    fs::write(network.path("inner-a/cluster.secret"), "0123").unwrap();
    fs::write(network.path("directory.json"), "{}").unwrap();
    let run = run!("check", outer, inner, absent);
    let expected = [
        ("outer.toml:3:", "nowhere"),
        ("inner.toml:4:15: ", "no usable certificate in "),
        ("inner.toml:5:7: ", "chmod 600 "),
        ("inner.toml:6:6: ", "ca.pem"),
        ("inner.toml:7:18: ", "cluster.secret"),
        ("inner.toml:8:13: ", "directory.json: "),
        ("", "absent.toml"),
    ];
    let found = findings(&run);
    assert_eq!(found.len(), expected.len(), "{}", run.stdout);
    for (found, (place, expected)) in found.into_iter().zip(expected) {
        assert!(found.contains(place) && found.contains(expected), "{place}{expected} in {}", run.stdout);
    }
    assert_eq!(run.code, 78, "the first finding's");
    assert_eq!(run!("check", inner, outer).code, 78);
    assert_eq!(run!("check", absent, outer).code, 74);
    let json = run!("check", outer, inner, "--json");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["ok"], json["files"][1]["findings"].as_array().map(Vec::len)), (&false.into(), Some(5)));

    fs::write(network.path("root-keys.toml"), "threshold = 1").unwrap();
    fs::remove_file(network.path("directory.json")).unwrap();
    let run = run!("check", inner);
    assert_eq!(findings(&run).iter().filter(|line| line.contains("root-keys.toml")).count(), 1, "{}", run.stdout);
    assert_eq!(findings(&run).iter().filter(|line| line.contains("directory.json")).count(), 1, "{}", run.stdout);
}

#[test]
fn directory_and_root_keys_are_judged_as_by_the_daemons() {
    let network = Network::new("127.0.0.1:4430");
    let inner = config(&network, "inner.toml", INNER);
    let (directory, roots) = (network.path("directory.json"), network.path("root-keys.toml"));
    let (good_directory, good_roots) = (fs::read(&directory).unwrap(), fs::read(&roots).unwrap());
    let same = |code: i32| {
        let error = schleuse_inner_proxy::Config::load(&inner).err().unwrap();
        let run = run!("check", inner);
        assert_eq!((run.code, i32::from(error.code())), (code, code), "{run:?}, {error}");
        assert_eq!(findings(&run), [error.to_string()]);
    };
    for file in [&directory, &roots] {
        fs::remove_file(file).unwrap();
        same(78);
        fs::create_dir(file).unwrap();
        same(78);
        fs::remove_dir(file).unwrap();
        fs::write(file, [0xff]).unwrap();
        same(78);
        fs::write(&directory, &good_directory).unwrap();
        fs::write(&roots, &good_roots).unwrap();
    }
    assert_eq!(run!("check", inner).code, 0);
}

#[test]
fn what_is_no_configuration_is_told() {
    let network = Network::new("127.0.0.1:4430");
    let unclear = run!("check", config(&network, "unclear.toml", "a = 1"));
    assert!(unclear.code == 78 && unclear.stdout.contains("--daemon"), "{unclear:?}");
    let broken = run!("check", config(&network, "broken.toml", "id = \"x\"\nlisten = ["));
    assert!(broken.code == 78 && broken.stdout.contains("broken.toml:2"), "{broken:?}");
    assert_eq!(run!("check", network.path("absent.toml")).code, 74);
    let forced = run!("check", config(&network, "forced.toml", "a = 1"), "--daemon", "inner");
    assert_eq!(forced.code, 78, "{forced:?}");
}

#[test]
fn the_office_is_checked_with_keys_and_directory() {
    let folder = tempfile::tempdir().unwrap();
    let example = folder.path().join("example");
    run!("pki", "example", example, "--json").json();
    let path = example.join("receiver.toml");
    let no_key = run!("check", path);
    assert_ne!(no_key.code, 0, "{no_key:?}");
    assert!(no_key.stdout.contains("key-encryption-key"), "{}", no_key.stdout);
    schleuse_receiver::create_key_file(&example.join("ga-example/key-encryption-key")).unwrap();
    let checked = run!("check", path, "--json").json();
    assert_eq!(checked["files"][0]["daemon"], "schleuse-receiver");

    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\nlisten = \"127.0.0.1:7600\"\ntoken_file = \"no-token\"\n")).unwrap();
    fs::write(example.join("ga-example/key-encryption-key"), "short").unwrap();
    fs::write(example.join("ga-example/signing.key"), "short").unwrap();
    let run = run!("check", path);
    let found = findings(&run);
    assert_eq!(found.len(), 3, "{}", run.stdout);
    for (found, expected) in found.into_iter().zip(["signing.key", "key-encryption-key", "no-token"]) {
        let line = fs::read_to_string(&path).unwrap().lines().position(|line| line.contains(expected)).unwrap() + 1;
        let place = format!("receiver.toml:{line}:");
        assert!(found.contains(&place) && found.contains(expected), "{place} {expected} in {}", run.stdout);
    }
}

#[test]
fn a_published_example_needs_demo_mode() {
    let folder = tempfile::tempdir().unwrap();
    let example = folder.path().join("example");
    run!("pki", "example", example, "--json").json();
    for daemon in ["outer", "inner"] {
        let path = example.join(format!("{daemon}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("demo = true", "demo = false")).unwrap();
        let refused = run!("check", path);
        assert_eq!(refused.code, 78, "{refused:?}");
        assert!(refused.stdout.contains("example"), "{}", refused.stdout);
    }
}
