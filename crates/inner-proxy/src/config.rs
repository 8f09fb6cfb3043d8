//! The configuration: the file's text → checked [`Settings`] → [`Config`] with keys and certificates in memory.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schleuse_directory::Role;
use schleuse_protocol::limits::MAX_TOKEN_BATCH;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::clock::Clock;
use schleuse_transport::config::values::{self, KeyFiles, Listen, at_least_1, from_text};
use schleuse_transport::config::{self, ConfigError, NamedFile, Source, Spanned};
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::{Identity, Roots};
use serde::{Deserialize, Deserializer, de};

use crate::members::{Members, Peer};

/// Everything that an inner proxy is started with.
pub struct Config {
    /// What stands in the file.
    pub settings: Settings,
    /// Certificate and key, shown to outer proxies and offices.
    pub identity: Identity,
    /// The CA of outer proxies and offices.
    pub roots: Roots,
    /// Token, admission, connection-id and reset keys are derived from it.
    pub cluster_secret: SecretKey,
    /// The directory, verified.
    pub(crate) members: Members,
}

impl Config {
    /// Reads the configuration file and all files that it names. Whatever is wrong is found here, before anything runs.
    ///
    /// # Errors
    /// One line: what is wrong, where (file and line), and what to do.
    pub fn load(path: &Path) -> Result<Self, AppError> {
        let settings = Settings::load(path)?;
        let (identity, roots, cluster_secret) = settings.files.load(settings.demo)?;
        let members = Members::load(&settings.directory, &settings.root_keys, Clock::start().unix())?;
        let config = Self { settings, identity, roots, cluster_secret, members };
        config.refuse_strangers()?;
        Ok(config)
    }

    /// Offices and outer proxies would not accept this proxy: better said here than in their logs.
    fn refuse_strangers(&self) -> Result<(), AppError> {
        let me = self.members.by_fingerprint(&self.identity.fingerprint());
        if me == Some(Peer { id: self.settings.id, role: Role::Inner }) {
            return Ok(());
        }
        let what = format!(
            "the directory {} does not list the key {} as the inner proxy {}: correct the id or the key, or have the \
             directory signed anew",
            self.settings.directory.display(),
            self.settings.files.key.display(),
            self.settings.id
        );
        Err(self.settings.directory.blame(AppError::new(exit::CONFIG, what)))
    }
}

/// The checked content of the configuration file. Paths are resolved against its folder.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// The id of this proxy.
    pub id: MemberId,
    /// Where outer proxies and offices come in.
    pub listen: Vec<SocketAddr>,
    /// Who it is, whom it believes, and what its keys derive from.
    pub files: KeyFiles,
    /// File of the signed directory.
    pub directory: NamedFile,
    /// File of the keys that must have signed it.
    pub root_keys: NamedFile,
    /// Threads, each with its own runtime.
    pub threads: NonZeroUsize,
    /// How long running streams may go on when the proxy stops.
    pub grace: Duration,
    /// Whether published example keys are accepted.
    pub demo: bool,
    /// What this proxy may be made to hold and do.
    pub limits: Limits,
}

/// What the proxy may be made to hold and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections of outer proxies and offices, over all threads.
    pub connections: NonZeroUsize,
    /// Handshakes that may be open at a time, per thread.
    pub handshakes: NonZeroUsize,
    /// Handshakes per second of one network (IPv4 /24, IPv6 /48), per thread.
    pub handshakes_per_second: NonZeroU32,
    /// The same after a quiet time.
    pub handshake_burst: NonZeroU32,
    /// Handshakes per second of all networks together, per thread, and as many more after a quiet time as one network may have.
    /// Each takes about a millisecond that is missing for relaying.
    pub handshakes_per_second_in_all: NonZeroU32,
    /// Tokens per second that one office may have minted, on average.
    pub tokens_per_second: NonZeroU32,
    /// Tokens that one office may have minted after a quiet time; at least one batch of 48.
    #[serde(deserialize_with = "token_burst")]
    pub token_burst: NonZeroU32,
    /// Used tokens that are remembered for each office.
    pub used_nonces_per_office: NonZeroUsize,
    /// The same over all offices; each token takes about 70 bytes.
    pub used_nonces: NonZeroUsize,
}

impl Default for Limits {
    /// Sized for a small machine and a hundred offices; only the handshakes for ten thousand in one network, which all dial
    /// when this proxy was restarted, some of them twice.
    fn default() -> Self {
        Self {
            connections: NonZeroUsize::new(4000).expect("4000 is not zero"),
            handshakes: NonZeroUsize::new(256).expect("256 is not zero"),
            handshakes_per_second: at_least_1(200),
            handshake_burst: at_least_1(20_000),
            handshakes_per_second_in_all: at_least_1(500),
            tokens_per_second: at_least_1(100),
            token_burst: at_least_1(10_000),
            used_nonces_per_office: NonZeroUsize::new(20_000).expect("20,000 is not zero"),
            used_nonces: NonZeroUsize::new(200_000).expect("200,000 is not zero"),
        }
    }
}

fn token_burst<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let burst = NonZeroU32::deserialize(deserializer)?;
    if usize::try_from(burst.get()).is_ok_and(|burst| burst < MAX_TOKEN_BATCH) {
        return Err(de::Error::custom(format!("{burst} is less than one batch: at least {MAX_TOKEN_BATCH}")));
    }
    Ok(burst)
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
    directory: Spanned<PathBuf>,
    root_keys: Spanned<PathBuf>,
    threads: Option<Spanned<NonZeroUsize>>,
    #[serde(default = "values::default_grace")]
    grace_seconds: u32,
    #[serde(default)]
    demo: bool,
    #[serde(default)]
    limits: Limits,
}

impl Raw {
    fn check(self, path: &Path, source: &Source) -> Result<Settings, ConfigError> {
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
            directory: source.file(&self.directory),
            root_keys: source.file(&self.root_keys),
            threads: values::threads(source, self.threads)?,
            grace: Duration::from_secs(u64::from(self.grace_seconds)),
            demo: self.demo,
            limits: self.limits,
        })
    }
}

#[cfg(test)]
mod tests;
