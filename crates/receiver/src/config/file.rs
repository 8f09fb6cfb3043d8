//! The configuration file: TOML, unknown fields refused, every bad value named with its line.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use schleuse_protocol::limits::MAX_ROUTES;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::config::{ConfigError, Source, Spanned};
use schleuse_transport::telemetry::LogFormat;
use serde::Deserialize;

use super::{
    ApiConfig, Config, DirectoryFiles, IdentityFiles, InnerAddress, Limits, LogConfig, Loopback, MAX_VALIDITY,
    TicketDefaults, UnixSocket,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    office: Spanned<String>,
    database: Spanned<PathBuf>,
    key_encryption_key: Option<Spanned<PathBuf>>,
    identity: RawIdentity,
    directory: RawDirectory,
    #[serde(default)]
    inner: Vec<RawInner>,
    #[serde(default)]
    tickets: RawTickets,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    api: RawApi,
    #[serde(default)]
    log: RawLog,
    #[serde(default)]
    demo: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    certificate: Spanned<PathBuf>,
    key: Spanned<PathBuf>,
    ca: Spanned<PathBuf>,
    signing_key: Spanned<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDirectory {
    file: Spanned<PathBuf>,
    roots: Spanned<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInner {
    id: Spanned<String>,
    address: Spanned<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTickets {
    validity_hours: Option<Spanned<u64>>,
    grace_hours: Option<Spanned<u64>>,
    max_content_bytes: Option<Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    max_streams: Option<Spanned<u32>>,
    max_store_bytes: Option<Spanned<u64>>,
    drain_seconds: Option<Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApi {
    socket: Option<Spanned<PathBuf>>,
    socket_mode: Option<Spanned<String>>,
    listen: Option<Spanned<String>>,
    token_file: Option<Spanned<PathBuf>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    format: Option<LogFormat>,
    level: Option<String>,
}

pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let (raw, source) = schleuse_transport::config::load::<Raw>(path)?;
    check(raw, &source)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let (raw, source) = schleuse_transport::config::parse::<Raw>(path, text)?;
    check(raw, &source)
}

fn check(raw: Raw, source: &Source) -> Result<Config, ConfigError> {
    let file = |field: &Spanned<PathBuf>| source.file(field);
    let identity = IdentityFiles {
        certificate: file(&raw.identity.certificate),
        key: file(&raw.identity.key),
        ca: file(&raw.identity.ca),
        signing_key: file(&raw.identity.signing_key),
    };
    let directory = DirectoryFiles { file: file(&raw.directory.file), roots: file(&raw.directory.roots) };
    Ok(Config {
        office: member(&raw.office, source)?,
        database: file(&raw.database),
        key_encryption_key: raw.key_encryption_key.as_ref().map(file),
        identity,
        directory,
        inners: inners(&raw.inner, source)?,
        tickets: tickets(&raw.tickets, source)?,
        limits: limits(&raw.limits, source)?,
        api: api(&raw.api, source)?,
        log: LogConfig {
            format: raw.log.format.unwrap_or_default(),
            level: raw.log.level.unwrap_or_else(|| LogConfig::default().level),
        },
        demo: raw.demo,
    })
}

fn member(field: &Spanned<String>, source: &Source) -> Result<MemberId, ConfigError> {
    MemberId::from_str(field.get_ref()).map_err(|error| source.error_at(field, error.to_string()))
}

fn inners(raw: &[RawInner], source: &Source) -> Result<Vec<InnerAddress>, ConfigError> {
    if raw.is_empty() {
        return Err(
            source.error("no inner proxy: add at least one [[inner]] with id and address; two keep you reachable")
        );
    }
    let mut seen = HashSet::new();
    let mut inners = Vec::with_capacity(raw.len());
    for inner in raw {
        let id = member(&inner.id, source)?;
        if !seen.insert(id) {
            return Err(source.error_at(&inner.id, format!("inner proxy {id} stands here twice: remove one")));
        }
        if inners.len() == MAX_ROUTES {
            return Err(source.error_at(&inner.id, format!("a ticket has at most {MAX_ROUTES} routes: remove some")));
        }
        let address = inner.address.get_ref().clone();
        let port =
            address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse().ok());
        if !matches!(port, Some(1..=u16::MAX)) {
            let what = format!("'{address}' is no address: write host:port, such as inner-1.example.net:4434");
            return Err(source.error_at(&inner.address, what));
        }
        inners.push(InnerAddress { id, address });
    }
    Ok(inners)
}

fn tickets(raw: &RawTickets, source: &Source) -> Result<TicketDefaults, ConfigError> {
    const HOUR: u64 = 3600;
    let defaults = TicketDefaults::default();
    let longest = MAX_VALIDITY.as_secs() / HOUR;
    Ok(TicketDefaults {
        validity: within(raw.validity_hours.as_ref(), source, "validity_hours", 1..=longest)?
            .map_or(defaults.validity, |hours| Duration::from_secs(hours * HOUR)),
        grace: within(raw.grace_hours.as_ref(), source, "grace_hours", 0..=24 * 365)?
            .map_or(defaults.grace, |hours| Duration::from_secs(hours * HOUR)),
        max_content: within(raw.max_content_bytes.as_ref(), source, "max_content_bytes", 1024..=1 << 40)?
            .unwrap_or(defaults.max_content),
    })
}

fn limits(raw: &RawLimits, source: &Source) -> Result<Limits, ConfigError> {
    let defaults = Limits::default();
    Ok(Limits {
        max_streams: within(raw.max_streams.as_ref(), source, "max_streams", 1..=4096)?.unwrap_or(defaults.max_streams),
        max_store_bytes: within(raw.max_store_bytes.as_ref(), source, "max_store_bytes", 1 << 20..=1 << 45)?,
        drain: within(raw.drain_seconds.as_ref(), source, "drain_seconds", 0..=3600)?
            .map_or(defaults.drain, Duration::from_secs),
    })
}

fn within<T: PartialOrd + Copy + std::fmt::Display>(
    field: Option<&Spanned<T>>,
    source: &Source,
    name: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<Option<T>, ConfigError> {
    match field {
        Some(field) if !range.contains(field.get_ref()) => {
            Err(source.error_at(field, format!("{name} must be from {} to {}", range.start(), range.end())))
        }
        other => Ok(other.map(|field| *field.get_ref())),
    }
}

fn api(raw: &RawApi, source: &Source) -> Result<ApiConfig, ConfigError> {
    let mode = match raw.socket_mode.as_ref() {
        None => 0o600,
        Some(field) => match field.get_ref().as_str() {
            "0600" => 0o600,
            "0660" => 0o660,
            _ => return Err(source.error_at(field, "socket_mode is \"0600\" (only this user) or \"0660\" (its group)")),
        },
    };
    let socket = raw.socket.as_ref().map(|path| UnixSocket { path: source.file(path), mode });
    let loopback = match (&raw.listen, &raw.token_file) {
        (None, None) => None,
        (None, Some(token_file)) => {
            let what = "token_file stands there without listen: remove it or add listen";
            return Err(source.error_at(token_file, what));
        }
        (Some(listen), token_file) => {
            let address = SocketAddr::from_str(listen.get_ref()).ok().filter(|address| address.ip().is_loopback());
            let Some(address) = address else {
                let what = "listen takes only an address of this machine, such as 127.0.0.1:7600";
                return Err(source.error_at(listen, what));
            };
            let Some(token_file) = token_file else {
                return Err(source.error_at(listen, "listen needs token_file: any user of this machine could connect"));
            };
            Some(Loopback { listen: address, token_file: source.file(token_file) })
        }
    };
    Ok(ApiConfig { socket, loopback })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../../deploy/receiver.toml");

    fn error(text: &str) -> String {
        parse(Path::new("receiver.toml"), text).unwrap_err().to_string()
    }

    /// The sample with one line replaced, and the number of that line.
    fn with(old: &str, new: &str) -> (String, usize) {
        let line = SAMPLE.lines().position(|line| line == old).unwrap_or_else(|| panic!("no line {old}"));
        (SAMPLE.replacen(&format!("{old}\n"), &format!("{new}\n"), 1), line + 1)
    }

    #[test]
    fn the_sample_is_accepted() {
        let config = parse(Path::new("/etc/schleuse/receiver.toml"), SAMPLE).unwrap();
        assert_eq!(config.office.as_str(), "ga-musterstadt");
        assert_eq!(config.inners.len(), 2);
        assert_eq!(&*config.database, Path::new("/var/lib/schleuse-receiver/office.sqlite"));
        assert_eq!(&*config.identity.key, Path::new("/etc/schleuse/receiver/tls.key"));
        assert_eq!(config.api.socket.unwrap().mode, 0o660);
        assert!(!config.demo);
    }

    #[test]
    fn every_bad_value_is_named_with_its_line() {
        for (old, new, what) in [
            ("office = \"ga-musterstadt\"", "office = \"GA Köln\"", "not a valid name"),
            ("office = \"ga-musterstadt\"", "ofice = \"ga-musterstadt\"", "did you mean `office`?"),
            ("id = \"inner-2\"", "id = \"inner-1\"", "twice"),
            ("address = \"inner-2.example.net:4434\"", "address = \"inner-2.example.net\"", "host:port"),
            ("address = \"inner-2.example.net:4434\"", "address = \":4434\"", "host:port"),
            ("address = \"inner-2.example.net:4434\"", "address = \"inner-2:0\"", "host:port"),
            ("validity_hours = 168", "validity_hours = 481", "from 1 to 480"),
            ("grace_hours = 24", "grace_hours = 9000", "from 0 to 8760"),
            ("max_content_bytes = 268435456", "max_content_bytes = 0", "from 1024 to"),
            ("max_streams = 256", "max_streams = 0", "from 1 to 4096"),
            ("drain_seconds = 30", "drain_seconds = 4000", "from 0 to 3600"),
            ("socket_mode = \"0660\"", "socket_mode = \"0666\"", "only this user"),
            ("socket_mode = \"0660\"", "listen = \"0.0.0.0:7600\"", "address of this machine"),
            ("socket_mode = \"0660\"", "listen = \"127.0.0.1:7600\"", "token_file"),
            ("format = \"human\"", "format = \"xml\"", "unknown variant"),
        ] {
            let (text, line) = with(old, new);
            let error = error(&text);
            assert!(error.contains(&format!("receiver.toml:{line}:")) && error.contains(what), "{new}: {error}");
            assert!(!error.contains('\n'));
        }
    }

    #[test]
    fn what_has_no_line_is_named_too() {
        assert!(error("").contains("missing field `office`"));
        let start = SAMPLE.find("[[inner]]").unwrap();
        let end = SAMPLE.find("[tickets]").unwrap();
        assert!(error(&format!("{}{}", &SAMPLE[..start], &SAMPLE[end..])).contains("no inner proxy"));
        let (text, _) = with("socket_mode = \"0660\"", "token_file = \"t\"");
        assert!(error(&text).contains("without listen"));
    }
}
