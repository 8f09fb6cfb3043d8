use schleuse_transport::runtime::available_cores;

use super::*;

const SAMPLE: &str = include_str!("../../../../deploy/outer.toml");

fn parse(text: &str) -> Result<Settings, ConfigError> {
    Settings::parse(Path::new("/etc/schleuse/outer.toml"), text)
}

/// The error that the sample gives when `from` is replaced by `to`.
fn error(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "the sample has no {from}");
    parse(&SAMPLE.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn the_sample_parses_and_says_what_it_shows() {
    let settings = parse(SAMPLE).unwrap();
    assert_eq!(settings.id.as_str(), "outer-1");
    assert_eq!(settings.listen, ["[::]:443".parse().unwrap()]);
    assert_eq!(&*settings.files.key, Path::new("/etc/schleuse/outer-1.key"));
    assert_eq!(settings.grace, Duration::from_secs(30));
    assert_eq!(settings.threads, available_cores());
    assert!(!settings.demo);
    let peers: Vec<_> = settings.inners.iter().map(|peer| (peer.id.as_str(), peer.address.as_str())).collect();
    assert_eq!(peers, [("inner-1", "inner-1.example.org:4434"), ("inner-2", "192.0.2.17:4434")]);
    assert_eq!(settings.inners[0].fingerprints[0][..2], [0x6b, 0x9d]);
}

#[test]
fn the_limits_in_the_sample_are_the_defaults() {
    let start = SAMPLE.find("[limits]").unwrap();
    let end = SAMPLE.find("# Every inner").unwrap();
    let without = format!("{}{}", &SAMPLE[..start], &SAMPLE[end..]);
    assert_eq!(parse(SAMPLE).unwrap().limits, parse(&without).unwrap().limits);
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_to_do() {
    let cases = [
        ("id = \"outer-1\"", "id = \"Outer_1\"", "outer.toml:5:6: 'Outer_1' is not a valid name"),
        ("\"[::]:443\"]", "\"443\"]", "outer.toml:8:10: '443' is not an address to listen at: write it like"),
        ("[\"[::]:443\"]", "[]", "outer.toml:8:10: listen needs between 1 and 8 entries"),
        ("grace_seconds", "grace_second", "did you mean `grace_seconds`?"),
        ("connections = 1000", "connections = 0", "nonzero"),
        (".org:4434\"", ".org\"", "is not host:port"),
        ("\"6b9d", "\"6b9x", "is not a fingerprint of 64 hexadecimal digits"),
        ("\"6b9d", "\"9d", "is not a fingerprint of 64 hexadecimal digits"),
        ("\"inner-2\"", "\"inner-1\"", "configured twice"),
        ("# threads = 2", "threads = 1000", "at most 256 threads"),
        ("ca = \"ca.pem\"", "", "missing field `ca`"),
    ];
    for (from, to, expected) in cases {
        let error = error(from, to);
        assert!(error.contains(expected) && error.starts_with("/etc/schleuse/outer.toml:"), "{to}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn an_inner_proxy_is_needed() {
    let none = &SAMPLE[..SAMPLE.find("[[inner]]").unwrap()];
    assert!(parse(none).unwrap_err().to_string().contains("between 1 and 64 [[inner]] sections"));
}
