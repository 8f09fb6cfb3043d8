//! What an office configures: the checked form. [`file`] reads it from TOML.

mod file;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use schleuse_protocol::limits::{DEFAULT_MAX_CONTENT, EPOCH};
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::config::NamedFile;
use schleuse_transport::exit::AppError;
use schleuse_transport::telemetry::LogFormat;

/// Longest validity of a ticket: route tokens are taken from a stock, and all of it lives at least so long.
pub const MAX_VALIDITY: Duration = Duration::from_secs(EPOCH.as_secs() / 3 * 2);

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// This office's id in the directory.
    pub office: MemberId,
    /// The database file; it and two companions (`-wal`, `-shm`) are made.
    pub database: NamedFile,
    /// The file with the key-encryption key; without it the systemd credential is taken.
    pub key_encryption_key: Option<NamedFile>,
    /// This office's own keys.
    pub identity: IdentityFiles,
    /// The signed list of members.
    pub directory: DirectoryFiles,
    /// The inner proxies to dial, each once.
    pub inners: Vec<InnerAddress>,
    /// What tickets are like unless their mint request says otherwise.
    pub tickets: TicketDefaults,
    /// What the daemon may take.
    pub limits: Limits,
    /// Where the staff's programs connect.
    pub api: ApiConfig,
    /// Logs.
    pub log: LogConfig,
    /// Admits published example keys.
    pub demo: bool,
}

/// Files of the office's own keys.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    /// Certificate chain, PEM.
    pub certificate: NamedFile,
    /// Its private key, PEM, mode 0600.
    pub key: NamedFile,
    /// The network's CA, PEM.
    pub ca: NamedFile,
    /// Ed25519 key for tickets and receipts: 64 hexadecimal digits, mode 0600.
    pub signing_key: NamedFile,
}

/// Files of the directory.
#[derive(Clone, Debug)]
pub struct DirectoryFiles {
    /// The signed directory.
    pub file: NamedFile,
    /// The pinned root keys.
    pub roots: NamedFile,
}

/// One inner proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerAddress {
    /// Its id in the directory, which pins its key.
    pub id: MemberId,
    /// Host and port, `inner-1.example.net:4434`; looked up anew at every attempt.
    pub address: String,
}

/// Defaults of tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketDefaults {
    /// How long they are valid; at most [`MAX_VALIDITY`].
    pub validity: Duration,
    /// Longest content in bytes.
    pub max_content: u64,
    /// How long after its end a ticket's keys are kept, so that a late receipt can be asked for again.
    pub grace: Duration,
}

/// Bounds of what the daemon takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams at a time, over all inner proxies; further ones are told to come later.
    pub max_streams: u32,
    /// Bytes of the database file; when it is full, senders are told to come later. `None` leaves it to the disk.
    pub max_store_bytes: Option<u64>,
    /// How long running streams may go on after the daemon was asked to stop.
    pub drain: Duration,
}

/// Where the local API listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiConfig {
    /// A Unix socket.
    pub socket: Option<UnixSocket>,
    /// A loopback address, for programs that cannot use a Unix socket.
    pub loopback: Option<Loopback>,
}

impl ApiConfig {
    /// Wherever in the file it stands.
    fn is_like(&self, other: &Self) -> bool {
        let socket = |api: &Self| api.socket.as_ref().map(|socket| (socket.path.to_path_buf(), socket.mode));
        let loopback = |api: &Self| api.loopback.as_ref().map(|it| (it.listen, it.token_file.to_path_buf()));
        socket(self) == socket(other) && loopback(self) == loopback(other)
    }
}

/// A Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSocket {
    /// Its path.
    pub path: NamedFile,
    /// Its mode: 0o600 or 0o660. Whoever may open it may read and delete submissions.
    pub mode: u32,
}

/// A TCP port of this machine, behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loopback {
    /// A loopback address.
    pub listen: SocketAddr,
    /// The file with the bearer token, mode 0600.
    pub token_file: NamedFile,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Lines for people, or JSON.
    pub format: LogFormat,
    /// A filter such as `info`.
    pub level: String,
}

impl Default for TicketDefaults {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            validity: Duration::from_secs(7 * DAY),
            max_content: DEFAULT_MAX_CONTENT,
            grace: Duration::from_secs(DAY),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_streams: 256, max_store_bytes: None, drain: Duration::from_secs(30) }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".into() }
    }
}

impl Config {
    /// A configuration in code: what has no default, and defaults for the rest (no API, no limit of the database).
    pub fn new(
        office: MemberId,
        database: NamedFile,
        identity: IdentityFiles,
        directory: DirectoryFiles,
        inners: Vec<InnerAddress>,
    ) -> Self {
        Self {
            office,
            database,
            key_encryption_key: None,
            identity,
            directory,
            inners,
            tickets: TicketDefaults::default(),
            limits: Limits::default(),
            api: ApiConfig::default(),
            log: LogConfig::default(),
            demo: false,
        }
    }

    /// The fields in which `new` differs that cannot change while the daemon runs.
    pub(crate) fn fixed_changes(&self, new: &Self) -> Vec<&'static str> {
        let path = |file: &Option<NamedFile>| file.as_ref().map(|file| file.to_path_buf());
        let same = [
            ("office", self.office == new.office),
            ("database", *self.database == *new.database),
            ("key_encryption_key", path(&self.key_encryption_key) == path(&new.key_encryption_key)),
            ("inner", self.inners == new.inners),
            ("tickets", self.tickets == new.tickets),
            ("limits", self.limits == new.limits),
            ("api", self.api.is_like(&new.api)),
            ("log", self.log == new.log),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }

    /// Reads and checks a configuration file. Relative paths in it count from its own folder.
    ///
    /// # Errors
    /// What is wrong, with file and line.
    pub fn load(path: &Path) -> Result<Self, AppError> {
        Ok(file::load(path)?)
    }

    /// The same from a text; `path` is used in messages and for relative paths.
    ///
    /// # Errors
    /// What is wrong, with file and line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, AppError> {
        Ok(file::parse(path, text)?)
    }
}
