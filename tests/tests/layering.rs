//! The crates import what the table of docs/architecture.md allows, and nothing else.
//!
//! "The outer proxy can open nothing" is a property of its build: the sealing code is not in its dependency tree.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crate (its folder), level, and which of ours it may import besides what those import.
const TABLE: &[(&str, u8, &[&str])] = &[
    ("protocol", 0, &[]),
    ("payload", 0, &[]),
    ("seal", 1, &["protocol"]),
    ("admission", 1, &["protocol"]),
    ("directory", 2, &["protocol", "seal"]),
    ("transport", 3, &["protocol"]),
    ("outer-proxy", 4, &["protocol", "admission", "transport"]),
    ("inner-proxy", 4, &["protocol", "admission", "seal", "directory", "transport"]),
    ("receiver", 4, &["protocol", "payload", "seal", "directory", "transport"]),
    ("client", 4, &["protocol", "seal", "directory", "transport"]),
    (
        "operator",
        5,
        &[
            "protocol",
            "payload",
            "seal",
            "admission",
            "directory",
            "transport",
            "outer-proxy",
            "inner-proxy",
            "receiver",
            "client",
        ],
    ),
];

/// Crates that a crate must not reach by any path of normal dependencies.
const UNREACHABLE: &[(&str, &[&str])] = &[
    // no cryptography, clock, randomness, I/O
    ("protocol", &["tokio", "quinn", "rustls", "getrandom", "rand", "sha2", "chacha20poly1305", "ed25519-dalek"]),
    ("payload", &["tokio", "getrandom", "rand", "schleuse-protocol"]),
    ("seal", &["tokio", "quinn", "rustls"]),
    ("directory", &["tokio", "quinn", "rustls"]),
    // can open nothing: neither a submission nor the sealed part of a route token
    (
        "outer-proxy",
        &[
            "schleuse-seal",
            "schleuse-directory",
            "schleuse-payload",
            "hpke",
            "chacha20poly1305",
            "ed25519-dalek",
            "x25519-dalek",
            "rusqlite",
        ],
    ),
    ("inner-proxy", &["schleuse-payload", "schleuse-receiver", "schleuse-client", "rusqlite"]),
    ("client", &["rusqlite", "schleuse-payload"]),
];

struct Graph {
    /// Package name to the names of its normal (and build) dependencies, as resolved for this platform.
    normal: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        // What was built is in cargo's cache, and nothing else: crates of other platforms are not.
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--offline"])
            .args(["--filter-platform", &host(), "--manifest-path", manifest])
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
        let names: BTreeMap<&str, &str> =
            array(&metadata["packages"]).map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let normal = array(&metadata["resolve"]["nodes"])
            .map(|node| {
                let imports = array(&node["deps"])
                    .filter(|dep| array(&dep["dep_kinds"]).any(|kind| kind["kind"].as_str() != Some("dev")))
                    .map(|dep| names[text(&dep["pkg"])].to_owned());
                (names[text(&node["id"])].to_owned(), imports.collect())
            })
            .collect();
        Self { normal }
    }

    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            for import in self.normal.get(name).into_iter().flatten() {
                if seen.insert(import.as_str()) {
                    open.push(import);
                }
            }
        }
        seen
    }
}

/// The platform of this machine, as cargo names it.
fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    assert!(output.status.success(), "rustc -vV: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("rustc writes UTF-8");
    said.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc says its host").to_owned()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("an array").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let graph = Graph::read();
    for (name, _, allowed) in TABLE {
        let imports = &graph.normal[&format!("schleuse-{name}")];
        let ours = imports.iter().filter_map(|import| import.strip_prefix("schleuse-"));
        for import in ours {
            assert!(allowed.contains(&import), "crate {name} imports {import}, which the table does not allow");
        }
    }
}

#[test]
fn the_table_lists_every_crate_and_imports_point_downwards() {
    let graph = Graph::read();
    let listed: BTreeSet<String> = TABLE.iter().map(|(name, ..)| format!("schleuse-{name}")).collect();
    let found: BTreeSet<String> = graph
        .normal
        .keys()
        .filter(|name| name.starts_with("schleuse-") && !["schleuse-tests", "schleuse-bench"].contains(&name.as_str()))
        .cloned()
        .collect();
    assert_eq!(listed, found);

    let level: BTreeMap<&str, u8> = TABLE.iter().map(|(name, level, _)| (*name, *level)).collect();
    for (name, own, allowed) in TABLE {
        assert!(allowed.iter().all(|import| level[import] < *own), "{name} may import only lower levels");
    }
}

#[test]
fn what_a_crate_must_not_be_able_to_do_is_not_in_its_tree() {
    let graph = Graph::read();
    for (name, forbidden) in UNREACHABLE {
        let reachable = graph.reachable(&format!("schleuse-{name}"));
        for import in *forbidden {
            assert!(!reachable.contains(import), "crate {name} reaches {import}");
        }
    }
}

/// What carries a connection is `transport::net`'s affair: whoever imported it as well would be bound to it.
#[test]
fn only_transport_imports_what_carries_connections() {
    let graph = Graph::read();
    let carriers = |name: &str| -> Vec<&str> {
        let imports = &graph.normal[&format!("schleuse-{name}")];
        ["quinn", "quinn-proto", "quinn-udp"].into_iter().filter(|carrier| imports.contains(*carrier)).collect()
    };
    assert_eq!(carriers("transport"), ["quinn", "quinn-proto"]);
    for (name, ..) in TABLE.iter().filter(|(name, ..)| *name != "transport") {
        assert!(carriers(name).is_empty(), "crate {name} imports {:?} itself", carriers(name));
    }
}

/// The names in the first column of the tables of docs/dependencies.md, and those of the root Cargo.toml.
#[test]
fn every_dependency_has_its_reason() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{root}/docs/dependencies.md")).unwrap();
    let explained: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();

    let manifest = std::fs::read_to_string(format!("{root}/Cargo.toml")).unwrap();
    let (_, section) = manifest.split_once("[workspace.dependencies]").unwrap();
    let used: BTreeSet<&str> = section
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#') && !line.starts_with("schleuse-"))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();

    assert_eq!(explained, used, "left: docs/dependencies.md, right: Cargo.toml");
}
