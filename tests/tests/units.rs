//! The systemd units keep the daemons running whatever happens, and within bounds.

#![allow(clippy::unwrap_used, reason = "every function here is part of a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Section and key to the values, in their order.
type Unit = BTreeMap<(String, String), Vec<String>>;

fn parse(text: &str) -> Unit {
    let mut unit = Unit::new();
    let mut section = String::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("line {}: {line}", number + 1));
        assert!(!key.contains(' ') && !section.is_empty(), "line {}: {line}", number + 1);
        unit.entry((section.clone(), key.to_owned())).or_default().push(value.to_owned());
    }
    unit
}

fn units() -> Vec<(String, Unit)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/systemd"));
    let mut units: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), parse(&fs::read_to_string(entry.path()).unwrap())))
        .collect();
    units.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(units.len(), 3);
    units
}

fn one<'a>(unit: &'a Unit, section: &str, key: &str) -> &'a str {
    let values = unit.get(&(section.to_owned(), key.to_owned())).map(Vec::as_slice).unwrap_or_default();
    assert_eq!(values.len(), 1, "[{section}] {key}");
    &values[0]
}

#[test]
fn no_number_of_crashes_makes_a_daemon_stay_down() {
    for (name, unit) in units() {
        assert_eq!(one(&unit, "Unit", "StartLimitIntervalSec"), "0", "{name}");
        assert_eq!(one(&unit, "Service", "Restart"), "always", "{name}");
        let pause: u32 = one(&unit, "Service", "RestartSec").parse().unwrap();
        let longest: u32 = one(&unit, "Service", "RestartMaxDelaySec").parse().unwrap();
        assert!(pause <= 1 && longest <= 60 && one(&unit, "Service", "RestartSteps") != "0", "{name}");
        assert_eq!(one(&unit, "Service", "RestartPreventExitStatus"), "2", "{name}: nothing that can mend itself");
    }
}

#[test]
fn the_manager_hears_of_each_daemon_and_can_reload_it() {
    for (name, unit) in units() {
        assert_eq!(one(&unit, "Service", "Type"), "notify", "{name}");
        let watchdog: u32 = one(&unit, "Service", "WatchdogSec").parse().unwrap();
        assert!((10..=60).contains(&watchdog), "{name}");
        assert!(one(&unit, "Service", "ExecReload").contains("-HUP $MAINPID"), "{name}");
        assert!(one(&unit, "Service", "RestrictAddressFamilies").contains("AF_UNIX"), "{name}: that is how it is told");
        let program = name.trim_end_matches(".service");
        assert!(one(&unit, "Service", "ExecStart").starts_with(&format!("/usr/bin/{program} ")), "{name}");
        // A drain takes its grace of 30 seconds, and five more for what does not obey.
        let stop: u32 = one(&unit, "Service", "TimeoutStopSec").parse().unwrap();
        assert!(stop > 35, "{name}");
    }
}

#[test]
fn memory_is_bounded_and_keys_stay_out_of_swap_and_dumps() {
    for (name, unit) in units() {
        let most = one(&unit, "Service", "MemoryMax");
        assert!(most.ends_with('M') || most.ends_with('G'), "{name}: {most}");
        assert_eq!(one(&unit, "Service", "MemorySwapMax"), "0", "{name}");
        assert_eq!(one(&unit, "Service", "LimitCORE"), "0", "{name}");
    }
}
