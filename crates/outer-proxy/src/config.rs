//! The configuration: the file's text → checked [`Settings`] → [`Config`] with keys and certificates in memory.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::config::values::{self, KeyFiles, Listen, at_least_1, from_text};
use schleuse_transport::config::{self, ConfigError, Source, Spanned};
use schleuse_transport::exit::AppError;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::{Fingerprint, Identity, Roots};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Most inner proxies: each takes a link per thread.
const MAX_INNERS: usize = 64;
/// Most keys of an inner proxy, as in the directory: the current ones and those that it is about to change from or to.
const MAX_FINGERPRINTS: usize = 4;

/// Everything that an outer proxy is started with.
pub struct Config {
    /// What stands in the file.
    pub settings: Settings,
    /// Certificate and key, shown to senders and inner proxies.
    pub identity: Identity,
    /// The CA of the inner proxies.
    pub roots: Roots,
    /// Connection-id and reset keys are derived from it.
    pub cluster_secret: SecretKey,
}

impl Config {
    /// Reads the configuration file and all files that it names. Whatever is wrong is found here, before anything runs.
    ///
    /// # Errors
    /// One line: what is wrong, where (file and line), and what to do.
    pub fn load(path: &Path) -> Result<Self, AppError> {
        let settings = Settings::load(path)?;
        let (identity, roots, cluster_secret) = settings.files.load(settings.demo)?;
        Ok(Self { settings, identity, roots, cluster_secret })
    }
}

/// The checked content of the configuration file. Paths are resolved against its folder.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// The id of this proxy.
    pub id: MemberId,
    /// Where senders come in.
    pub listen: Vec<SocketAddr>,
    /// Who it is, whom it believes, and what its keys derive from.
    pub files: KeyFiles,
    /// Threads, each with its own runtime.
    pub threads: NonZeroUsize,
    /// How long running streams may go on when the proxy stops.
    pub grace: Duration,
    /// Whether published example keys are accepted.
    pub demo: bool,
    /// What this proxy may be made to hold.
    pub limits: Limits,
    /// Where to carry to.
    pub inners: Vec<InnerPeer>,
}

/// An inner proxy to carry to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerPeer {
    /// Its id.
    pub id: MemberId,
    /// Host name or address, and port.
    pub address: String,
    /// Of its keys: one, or two while it changes from one to the other. Any other key is refused, also one with a valid
    /// certificate.
    pub fingerprints: Vec<Fingerprint>,
}

/// What the proxy may be made to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections of senders, over all threads.
    pub connections: NonZeroUsize,
    /// Streams that one sender may have open at a time.
    pub streams_per_connection: NonZeroU32,
    /// Handshakes that may be open at a time, per thread.
    pub handshakes: NonZeroUsize,
    /// Handshakes per second of one network (IPv4 /24, IPv6 /48), per thread.
    pub handshakes_per_second: NonZeroU32,
    /// The same after a quiet time.
    pub handshake_burst: NonZeroU32,
    /// Handshakes per second of all networks together, per thread, and as many more after a quiet time as one network may have.
    /// Each takes about a millisecond that is missing for relaying.
    pub handshakes_per_second_in_all: NonZeroU32,
}

impl Default for Limits {
    /// Sized for a small machine facing the internet.
    fn default() -> Self {
        Self {
            connections: NonZeroUsize::new(1000).expect("1000 is not zero"),
            streams_per_connection: at_least_1(64),
            handshakes: NonZeroUsize::new(256).expect("256 is not zero"),
            handshakes_per_second: at_least_1(50),
            handshake_burst: at_least_1(500),
            handshakes_per_second_in_all: at_least_1(300),
        }
    }
}

impl Settings {
    /// Reads and checks the file, but opens nothing that it names.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or says something that cannot be.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let (raw, source) = config::load::<Raw>(path)?;
        raw.check(path, &source)
    }

    /// The same for a text; `path` is where it is said to come from.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (raw, source) = config::parse::<Raw>(path, text)?;
        raw.check(path, &source)
    }

    /// The fields in which `new` differs that cannot change while the proxy runs.
    pub(crate) fn fixed_changes(&self, new: &Self) -> Vec<&'static str> {
        let same = [
            ("id", self.id == new.id),
            ("listen", self.listen == new.listen),
            ("cluster_secret", *self.files.cluster_secret == *new.files.cluster_secret),
            ("threads", self.threads == new.threads),
            ("grace_seconds", self.grace == new.grace),
            ("limits", self.limits == new.limits),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(deserialize_with = "from_text")]
    id: MemberId,
    listen: Spanned<Vec<Listen>>,
    certificate: Spanned<PathBuf>,
    key: Spanned<PathBuf>,
    ca: Spanned<PathBuf>,
    cluster_secret: Spanned<PathBuf>,
    threads: Option<Spanned<NonZeroUsize>>,
    #[serde(default = "values::default_grace")]
    grace_seconds: u32,
    #[serde(default)]
    demo: bool,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    inner: Vec<RawInner>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInner {
    #[serde(deserialize_with = "spanned_from_text")]
    id: Spanned<MemberId>,
    #[serde(deserialize_with = "from_text")]
    address: HostPort,
    /// One text, or a list of a few.
    #[serde(deserialize_with = "fingerprints")]
    fingerprint: Vec<Fingerprint>,
}

impl Raw {
    fn check(self, path: &Path, source: &Source) -> Result<Settings, ConfigError> {
        if self.inner.is_empty() || self.inner.len() > MAX_INNERS {
            let what = "between 1 and 64 [[inner]] sections are needed, with id, address and fingerprint each";
            return Err(source.error(what));
        }
        for (index, inner) in self.inner.iter().enumerate() {
            if self.inner[..index].iter().any(|other| other.id.get_ref() == inner.id.get_ref()) {
                return Err(source.error_at(&inner.id, "this inner proxy is configured twice: remove one section"));
            }
        }
        Ok(Settings {
            path: path.to_owned(),
            id: self.id,
            listen: values::addresses(source, self.listen)?,
            files: KeyFiles {
                certificate: source.file(&self.certificate),
                key: source.file(&self.key),
                ca: source.file(&self.ca),
                cluster_secret: source.file(&self.cluster_secret),
            },
            threads: values::threads(source, self.threads)?,
            grace: Duration::from_secs(u64::from(self.grace_seconds)),
            demo: self.demo,
            limits: self.limits,
            inners: self.inner.into_iter().map(RawInner::into_peer).collect(),
        })
    }
}

impl RawInner {
    fn into_peer(self) -> InnerPeer {
        InnerPeer { id: self.id.into_inner(), address: self.address.0, fingerprints: self.fingerprint }
    }
}

fn spanned_from_text<'de, D, T>(deserializer: D) -> Result<Spanned<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    struct Text<T>(T);
    impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            from_text(deserializer).map(Text)
        }
    }
    let text = Spanned::<Text<T>>::deserialize(deserializer)?;
    Ok(Spanned::new(text.span(), text.into_inner().0))
}

fn fingerprints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Fingerprint>, D::Error> {
    struct OneOrMore;
    impl<'de> Visitor<'de> for OneOrMore {
        type Value = Vec<Fingerprint>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a fingerprint, or a list of 1 to {MAX_FINGERPRINTS}")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let HexFingerprint(one) = text.parse().map_err(E::custom)?;
            Ok(vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                let HexFingerprint(one) = text.parse().map_err(de::Error::custom)?;
                found.push(one);
            }
            match found.len() {
                1..=MAX_FINGERPRINTS => Ok(found),
                length => Err(de::Error::invalid_length(length, &self)),
            }
        }
    }
    deserializer.deserialize_any(OneOrMore)
}

struct HostPort(String);

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains(char::is_whitespace));
        match parts.map(|(_, port)| port.parse::<u16>()) {
            Some(Ok(1..)) => Ok(Self(text.to_owned())),
            _ => Err(format!("'{text}' is not host:port: write it like \"inner-1.example.org:4434\"")),
        }
    }
}

struct HexFingerprint(Fingerprint);

impl FromStr for HexFingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a fingerprint of 64 hexadecimal digits: schleuse directory show prints it");
        let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>().ok_or_else(wrong)?;
        let bytes: Vec<u8> =
            digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect();
        if digits.len() != 64 {
            return Err(wrong());
        }
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests;
