//! Starting and stopping the whole.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use schleuse_directory::Role;
use schleuse_protocol::wire::hop::RunId;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::{Ticket, TicketId};
use schleuse_seal::{Office, SigningKey, system_rng};
use schleuse_transport::clock::Clock;
use schleuse_transport::config::named;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::listeners;
use schleuse_transport::net::{Code, Endpoint};
use schleuse_transport::parts::Parts;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::shutdown::Shutdown;
use schleuse_transport::supervise;
use schleuse_transport::tls::{Identity, Roots};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use crate::config::{Config, InnerAddress};
use crate::content::{Content, ContentError};
use crate::core::Core;
use crate::inbox::{Page, Status, Submission};
use crate::keys::{Vault, key_file};
use crate::link;
use crate::members::Members;
use crate::mint::{MintError, MintRequest, mint_many};
use crate::room::Room;
use crate::routes::Routes;
use crate::store::{Command, Cursor, Store, StoreError};
use crate::{api, findings, upkeep};

/// Name under which the store remembers the highest version of the directory.
const DIRECTORY_VERSION: &str = "directory-version";

/// The office's daemon.
pub struct Receiver;

/// A running daemon. Dropping it does not stop it: call [`Handle::shutdown`].
pub struct Handle {
    core: Arc<Core>,
    endpoint: Endpoint,
    /// What must run until the daemon drains.
    parts: tokio::sync::Mutex<Parts>,
    /// Keeps a second daemon off the database; free when this process ends, however it ends.
    _lock: std::fs::File,
    sockets: Vec<PathBuf>,
    api: Option<std::net::SocketAddr>,
}

/// Keys and lists from the files that the configuration names.
pub(crate) struct Loaded {
    identity: Identity,
    roots: Roots,
    signing_key: SigningKey,
    vault: Vault,
}

impl Loaded {
    /// Reads everything that can be read without the database.
    pub(crate) fn load(config: &Config) -> Result<Self, AppError> {
        let files = &config.identity;
        let identity = named::identity(&files.certificate, &files.key)?;
        let roots = Roots::load(&files.ca).map_err(|error| files.ca.blame(error))?;
        let signing_key = SecretKey::read(&files.signing_key).map_err(|error| files.signing_key.blame(error))?;
        let signing_key = SigningKey::from_bytes(signing_key.expose());
        if !config.demo && (identity.is_example() || roots.is_example()) {
            let text = "these are published example keys, which anybody can use: make keys with 'schleuse pki', or set \
                        demo = true on a machine without real data";
            let file = if identity.is_example() { &files.certificate } else { &files.ca };
            return Err(file.blame(AppError::new(exit::CONFIG, text).context(file.display())));
        }
        let vault = Vault::load(&key_file(config.key_encryption_key.as_ref())?)?;
        Ok(Self { identity, roots, signing_key, vault })
    }

    /// Compares the office's keys with what the directory says of it: a receipt under another key proves nothing.
    pub(crate) fn check_membership(&self, config: &Config, members: &Members) -> Result<(), AppError> {
        let directory = members.newest();
        let file = &config.directory.file;
        let wrong = |what: String| Err(file.blame(AppError::new(exit::CONFIG, what).context(file.display())));
        let Some(member) = directory.member(&config.office).filter(|member| member.role == Role::Office) else {
            return wrong(format!("{} is not an office in the directory: ask the operator to add it", config.office));
        };
        if !member.has_fingerprint(&self.identity.fingerprint()) {
            return wrong(format!(
                "the directory pins another TLS key for {} than {}: use the pinned key or ask the operator to pin this one",
                config.office,
                config.identity.key.display()
            ));
        }
        if member.signing_key.as_ref().map(|key| key.0) != Some(self.signing_key.public()) {
            return wrong(format!(
                "the directory names another signing key for {} than {}: use that one or ask the operator to change it",
                config.office,
                config.identity.signing_key.display()
            ));
        }
        let known =
            |inner: &&InnerAddress| directory.member(&inner.id).is_some_and(|member| member.role == Role::Inner);
        let strangers: Vec<_> = config.inners.iter().filter(|inner| !known(inner)).collect();
        for inner in &strangers {
            tracing::warn!(inner = %inner.id, "it is not an inner proxy in the directory and is not dialled: correct [[inner]]");
        }
        match strangers.first() {
            // The others still serve: a directory that takes one proxy away must not take the office away.
            Some(inner) if strangers.len() == config.inners.len() => {
                wrong(format!("{} is not an inner proxy in the directory: correct [[inner]]", inner.id))
            }
            _ => Ok(()),
        }
    }
}

/// Everything of a start but running: for `schleuse-receiver check`. Touches neither database nor network.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(config: &Config) -> Result<(), AppError> {
    let loaded = Loaded::load(config)?;
    check_token(config)?;
    let members = Members::load(&config.directory, Clock::start().unix(), None)?;
    loaded.check_membership(config, &members)
}

/// What [`check`] finds in the files that only a receiver has, each by itself: the key-encryption key, the API's token.
pub fn check_secrets(config: &Config) -> [Result<(), AppError>; 2] {
    let key = key_file(config.key_encryption_key.as_ref()).and_then(|file| Vault::load(&file));
    [key.map(drop), check_token(config)]
}

fn check_token(config: &Config) -> Result<(), AppError> {
    config.api.loopback.as_ref().map_or(Ok(()), api::check_token)
}

impl Receiver {
    /// Starts the daemon on the current tokio runtime, which must have its I/O and time drivers enabled. It dials its
    /// inner proxies in the background; [`Handle::ready`] waits for them.
    ///
    /// # Errors
    /// What is wrong, where, and what to do, with an exit code.
    pub async fn start(config: Config) -> Result<Handle, AppError> {
        let clock = Clock::start();
        let loaded = Loaded::load(&config)?;
        let lock = lock_database(&config)?;
        let store = Arc::new(open_store(&config).await?);
        loaded.vault.check(&store).await.map_err(|error| config.database.blame(error))?;
        let members = load_members(&config, &store, clock).await?;
        loaded.check_membership(&config, &members)?;
        let client = link::client_config(&loaded.roots, &loaded.identity)?;
        let endpoint = link::dialler(client.clone())?;
        let inners = config.inners.clone();
        let max_streams = config.limits.max_streams as usize;
        let core = Arc::new(Core {
            clock,
            store,
            vault: loaded.vault,
            members: Arc::new(members),
            client: RwLock::new(client),
            signing_key: loaded.signing_key.public(),
            seal: Arc::new(Office::new(loaded.signing_key, system_rng())),
            routes: Routes::new(clock, inners.iter().map(|inner| (inner.id, inner.address.clone()))),
            leases: Arc::default(),
            room: Room::new(max_streams, inners.len()),
            run: new_run()?,
            completed: Notify::new(),
            garbage: Notify::new(),
            shutdown: Shutdown::new(),
            tasks: TaskTracker::new(),
            config,
        });
        let mut parts = Parts::new();
        let served = api::serve(&core, &mut parts).await?;
        let mut run = |name: &str, part: Pin<Box<dyn Future<Output = ()> + Send>>| {
            let part = core.tasks.track_future(part);
            parts.run(name, async move {
                part.await;
                Ok(())
            });
        };
        run("looking into submissions", Box::pin(findings::run(Arc::clone(&core))));
        run("ending tickets", Box::pin(upkeep::run(Arc::clone(&core))));
        for inner in inners {
            let name = format!("the link to {}", inner.id);
            run(&name, Box::pin(link::keep(Arc::clone(&core), endpoint.clone(), inner)));
        }
        parts.run("the store's threads", stopped(Arc::clone(&core)));
        parts.run("the socket that dials inner proxies", listeners::until_gone(endpoint.clone()));
        let parts = tokio::sync::Mutex::new(parts);
        Ok(Handle { core, endpoint, parts, _lock: lock, sockets: served.sockets, api: served.loopback })
    }
}

impl Handle {
    /// Mints one ticket; it is durable when this returns.
    ///
    /// # Errors
    /// The request asks for what cannot be, no inner proxy is connected, or the store cannot write.
    pub async fn mint(&self, request: &MintRequest) -> Result<Ticket, MintError> {
        Ok(self.mint_many(request, 1).await?.remove(0))
    }

    /// Mints up to [`MAX_COUNT`](crate::MAX_COUNT) tickets alike, which become durable together: all of them or none.
    ///
    /// # Errors
    /// As [`mint`](Self::mint).
    pub async fn mint_many(&self, request: &MintRequest, count: usize) -> Result<Vec<Ticket>, MintError> {
        mint_many(&self.core, request, count).await
    }

    /// A page of the inbox, newest first; at most [`MAX_PAGE`](crate::inbox::MAX_PAGE) submissions.
    ///
    /// # Errors
    /// The database failed.
    pub async fn inbox(&self, after: Option<Cursor>, limit: u32) -> Result<Page, StoreError> {
        self.core.inbox(after, limit).await
    }

    /// Every submission. For tests and small offices: all of them are in memory at once.
    ///
    /// # Errors
    /// The database failed.
    pub async fn all_submissions(&self) -> Result<Vec<Submission>, StoreError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.inbox(after, crate::inbox::MAX_PAGE).await?;
            all.extend(page.submissions);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// One submission.
    ///
    /// # Errors
    /// The database failed.
    pub async fn submission(&self, id: TicketId) -> Result<Option<Submission>, StoreError> {
        self.core.submission(id).await
    }

    /// The content of a submission, to be read piece by piece.
    ///
    /// # Errors
    /// The database failed, or its key does not open.
    pub async fn content(&self, id: TicketId) -> Result<Option<Content>, ContentError> {
        self.core.content(id).await
    }

    /// The whole content of a submission at once.
    ///
    /// # Errors
    /// As [`content`](Self::content), or a segment is damaged.
    pub async fn read(&self, id: TicketId) -> Result<Option<Zeroizing<Vec<u8>>>, ContentError> {
        match self.content(id).await? {
            Some(content) => content.read_to_end().await.map(Some),
            None => Ok(None),
        }
    }

    /// Shreds a submission and revokes its ticket; an unused ticket is revoked. Returns whether there was one, when no
    /// file of the database holds its keys any more: that waits for other programs that read the database.
    ///
    /// # Errors
    /// The store cannot write, or the daemon drains: then it may be deleted all the same.
    pub async fn delete(&self, id: TicketId) -> Result<bool, StoreError> {
        self.core.delete(id).await
    }

    /// Links, tokens, counts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn status(&self) -> Result<Status, StoreError> {
        self.core.status().await
    }

    /// Completes when every inner proxy is connected and tokens are in stock. Put a timeout around it.
    pub async fn ready(&self) {
        self.core.routes.ready().await;
    }

    /// This office's id.
    pub fn office(&self) -> MemberId {
        self.core.office()
    }

    /// Where the API listens on loopback, if it was configured.
    pub fn api_address(&self) -> Option<std::net::SocketAddr> {
        self.api
    }

    /// Takes over what can change while the daemon runs: certificate, key, CA, directory, root keys. Links to inner proxies that
    /// are no longer in the directory are closed. Returns the version of the directory.
    ///
    /// # Errors
    /// Something else of the configuration has changed, or a file is not acceptable; then what held before holds on.
    pub async fn reload(&self, config: &Config) -> Result<u64, AppError> {
        supervise::refuse_fixed(&self.core.config.fixed_changes(config))?;
        let loaded = Loaded::load(config)?;
        if loaded.signing_key.public() != self.core.signing_key {
            supervise::refuse_fixed(&["signing_key"])?;
        }
        let members = Members::load(&config.directory, self.core.clock.unix(), None)?;
        loaded.check_membership(config, &members)?;
        let client = link::client_config(&loaded.roots, &loaded.identity)?;
        let directory = self.core.members.replace(members)?;
        *self.core.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        remember_version(&self.core.store, directory.version()).await?;
        Ok(directory.version())
    }

    /// [`reload`](Self::reload) from the same files.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub async fn reload_directory(&self) -> Result<u64, AppError> {
        self.reload(&self.core.config).await
    }

    /// Waits until the daemon drains. A part that ends before is what makes it drain, and is the error.
    ///
    /// # Errors
    /// The name of that part, and how it ended.
    pub async fn until_drain(&self) -> Result<(), AppError> {
        self.parts.lock().await.until_drain(&self.core.shutdown).await
    }

    /// What an operator is to know at a glance, in one line: first of all what does not work.
    pub fn summary(&self) -> String {
        self.core.summary()
    }

    /// The signal that drains and stops the daemon.
    pub fn signal(&self) -> &Shutdown {
        &self.core.shutdown
    }

    /// Takes nothing new, lets running uploads finish within the configured time, closes links and database.
    pub async fn shutdown(self) {
        self.finish().await;
    }

    /// As [`shutdown`](Self::shutdown), for whoever only borrows it.
    pub(crate) async fn finish(&self) {
        self.core.shutdown.drain();
        let in_time = self.core.shutdown.finish(&self.core.tasks, self.core.config.limits.drain).await;
        if !in_time {
            tracing::warn!("running uploads were cut off; their senders resume them later");
        }
        self.endpoint.close(Code::NONE, b"");
        self.endpoint.wait_idle().await;
        self.core.store.close().await;
        for socket in &self.sockets {
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// A store without its threads answers nobody.
async fn stopped(core: Arc<Core>) -> Result<(), AppError> {
    let thread = core.store.stopped().await;
    Err(AppError::new(exit::FAILURE, format_args!("{thread} has ended; the lines above may say why")))
}

fn new_run() -> Result<RunId, AppError> {
    let mut run = RunId([0; 8]);
    getrandom::fill(&mut run.0).map_err(|error| AppError::new(exit::FAILURE, format!("no random numbers: {error}")))?;
    Ok(run)
}

async fn load_members(config: &Config, store: &Store, clock: Clock) -> Result<Members, AppError> {
    let known = store.meta(DIRECTORY_VERSION).await.map_err(store_error)?;
    let minimum = known.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let members = Members::load(&config.directory, clock.unix(), minimum)?;
    let version = members.newest().version();
    if minimum.is_none_or(|minimum| minimum < version) {
        remember_version(store, version).await?;
    }
    Ok(members)
}

/// So that nobody can bring back an older directory, in which a revoked member is still one.
async fn remember_version(store: &Store, version: u64) -> Result<(), AppError> {
    let value = version.to_le_bytes().to_vec();
    store.write(Command::SetMeta { name: DIRECTORY_VERSION, value }).await.map_err(store_error)?;
    Ok(())
}

pub(crate) async fn open_store(config: &Config) -> Result<Store, AppError> {
    let opened = Store::open(&config.database, config.limits.max_store_bytes).await;
    opened.map_err(|error| config.database.blame(store_error(error)))
}

fn store_error(error: StoreError) -> AppError {
    AppError::new(exit::IO, error)
}

/// Two daemons on one database would each believe that they hold a ticket's lease.
pub(crate) fn lock_database(config: &Config) -> Result<std::fs::File, AppError> {
    lock(&config.database).map_err(|error| config.database.blame(error))
}

fn lock(database: &Path) -> Result<std::fs::File, AppError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => exit::CONFIG,
            std::io::ErrorKind::PermissionDenied => exit::NO_PERMISSION,
            _ => exit::IO,
        };
        let what = format!(
            "cannot write beside the database {}: {error}: check that the folder exists and belongs to this user",
            database.display()
        );
        AppError::new(code, what)
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AppError::new(
            exit::UNAVAILABLE,
            format!("the database {} is in use by another receiver: stop that one first", database.display()),
        )),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(AppError::new(exit::IO, format!("cannot lock {}: {error}", path.display())))
        }
    }
}
