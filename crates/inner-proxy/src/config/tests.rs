use schleuse_transport::runtime::available_cores;

use super::*;

const SAMPLE: &str = include_str!("../../../../deploy/inner.toml");

fn parse(text: &str) -> Result<Settings, ConfigError> {
    Settings::parse(Path::new("/etc/schleuse/inner.toml"), text)
}

/// The error that the sample gives when `from` is replaced by `to`.
fn error(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "the sample has no {from}");
    parse(&SAMPLE.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn the_sample_parses_and_says_what_it_shows() {
    let settings = parse(SAMPLE).unwrap();
    assert_eq!(settings.id.as_str(), "inner-1");
    assert_eq!(settings.listen, ["[::]:4434".parse().unwrap()]);
    assert_eq!(&*settings.directory, Path::new("/etc/schleuse/directory.json"));
    assert_eq!(&*settings.root_keys, Path::new("/etc/schleuse/root-keys.toml"));
    assert_eq!(settings.grace, Duration::from_secs(30));
    assert_eq!(settings.threads, available_cores());
    assert!(!settings.demo);
}

#[test]
fn the_limits_in_the_sample_are_the_defaults() {
    let without = &SAMPLE[..SAMPLE.find("[limits]").unwrap()];
    assert_eq!(parse(SAMPLE).unwrap().limits, parse(without).unwrap().limits);
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_to_do() {
    let cases = [
        ("id = \"inner-1\"", "id = \"inner 1\"", "inner.toml:5:6: 'inner 1' is not a valid name"),
        ("\"[::]:4434\"]", "\"::\"]", "inner.toml:8:10: '::' is not an address to listen at: write it like"),
        ("directory =", "directroy =", "did you mean `directory`?"),
        ("token_burst = 10000", "token_burst = 47", "47 is less than one batch: at least 48"),
        ("tokens_per_second = 100", "tokens_per_second = 0", "nonzero"),
        ("# threads = 2", "threads = 257", "at most 256 threads"),
        ("root_keys = \"root-keys.toml\"", "", "missing field `root_keys`"),
    ];
    for (from, to, expected) in cases {
        let error = error(from, to);
        assert!(error.contains(expected) && error.starts_with("/etc/schleuse/inner.toml:"), "{to}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
