//! Who may connect, and as what: the verified directory, and how it is replaced while the proxy runs.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use schleuse_directory::{Directory, DirectoryError, Role, RootKeys, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::clock::Clock;
use schleuse_transport::config::NamedFile;
use schleuse_transport::exit::AppError;
use schleuse_transport::tls::Fingerprint;
use tokio::sync::watch;

/// How often it is looked whether a member has begun or ended.
const LOOK: Duration = Duration::from_secs(60);

/// What the directory says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) id: MemberId,
    pub(crate) role: Role,
}

/// The directory that holds now. Shared by all threads.
pub(crate) struct Members {
    source: RwLock<Source>,
    /// None once it is not believed any more.
    current: watch::Sender<Option<Arc<VerifiedDirectory>>>,
    /// The newest that was verified, also if it is not believed any more: no older one is accepted.
    newest: RwLock<Arc<VerifiedDirectory>>,
}

/// Where it comes from, and who must have signed it.
struct Source {
    file: NamedFile,
    root_keys: RootKeys,
}

impl Members {
    /// Reads and verifies the directory.
    pub(crate) fn load(file: &NamedFile, root_keys: &NamedFile, now: UnixSeconds) -> Result<Self, AppError> {
        let text = root_keys.read_text("root keys")?;
        let root_keys = RootKeys::parse(&text).map_err(|error| root_keys.unacceptable("root keys", error))?;
        let source = Source { file: file.clone(), root_keys };
        let directory = Arc::new(source.read(now, None)?);
        let (current, newest) = (watch::Sender::new(Some(directory.clone())), RwLock::new(directory));
        Ok(Self { source: RwLock::new(source), current, newest })
    }

    /// Takes over what was loaded anew, from the same files or others. Returns the version.
    pub(crate) fn replace(&self, new: Self) -> Result<u64, AppError> {
        let (source, directory) = (into_inner(new.source), into_inner(new.newest));
        let lowest = self.newest().version();
        if directory.version() < lowest {
            let error = DirectoryError::Rollback { version: directory.version(), minimum: lowest };
            return Err(source.file.unacceptable("directory", error));
        }
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = source;
        Ok(self.take(directory))
    }

    /// Reads and verifies the file again; what held stays if the new one is not accepted. Returns the version.
    fn reload(&self, now: UnixSeconds) -> Result<u64, AppError> {
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner);
        let directory = source.read(now, Some(self.newest().version()))?;
        drop(source);
        Ok(self.take(Arc::new(directory)))
    }

    fn take(&self, directory: Arc<VerifiedDirectory>) -> u64 {
        let version = directory.version();
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = directory.clone();
        self.current.send_replace(Some(directory));
        version
    }

    fn newest(&self) -> Arc<VerifiedDirectory> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whose key this is.
    pub(crate) fn by_fingerprint(&self, fingerprint: &Fingerprint) -> Option<Peer> {
        let directory = self.current.borrow();
        let member = directory.as_ref()?.by_fingerprint(fingerprint)?;
        Some(Peer { id: member.id, role: member.role })
    }

    /// Completes when the key is no longer `peer`'s.
    pub(crate) async fn removed(&self, fingerprint: Fingerprint, peer: Peer) {
        let mut changes = self.current.subscribe();
        let gone = |directory: &Option<Arc<VerifiedDirectory>>| {
            let member = directory.as_ref().and_then(|directory| directory.by_fingerprint(&fingerprint));
            member.is_none_or(|member| Peer { id: member.id, role: member.role } != peer)
        };
        // Fails only when `self` is gone, and then so is the proxy.
        let _ = changes.wait_for(gone).await;
    }

    /// What an operator has to do about the directory's age, if anything.
    pub(crate) fn trouble(&self, now: UnixSeconds) -> Option<String> {
        self.newest().trouble_at(now)
    }

    /// Looks at the directory again whenever a member begins or ends, or its own time is over: the file may be newer.
    ///
    /// One that has expired is believed for a while longer (see [`schleuse_directory::limits::EXPIRY_GRACE`]), as at the start.
    /// Then there are no members any more until there is a new one.
    pub(crate) async fn keep_true(&self, clock: Clock) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.look(clock.unix());
        }
    }

    fn look(&self, now: UnixSeconds) {
        if now > self.newest().holds_until() {
            match self.reload(now) {
                Ok(version) => tracing::info!(version, "members have changed with time"),
                Err(error) => {
                    tracing::error!(%error, "the directory cannot be read again");
                    self.current.send_replace(self.newest().at(now).map(Arc::new));
                }
            }
        }
        if let Some(trouble) = self.trouble(now) {
            tracing::error!("{trouble}");
        }
    }
}

impl Source {
    fn read(&self, now: UnixSeconds, lowest: Option<u64>) -> Result<VerifiedDirectory, AppError> {
        let bytes = self.file.read("directory")?;
        Directory::verify(&bytes, &self.root_keys, now, lowest)
            .map_err(|error| self.file.unacceptable("directory", error))
    }
}

fn into_inner<T>(lock: RwLock<T>) -> T {
    lock.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
