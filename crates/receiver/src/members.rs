//! The directory as this daemon uses it: loaded and verified at the start, reloaded on request, never an older version than before.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use schleuse_directory::{Directory, DirectoryError, Role, RootKeys, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::config::NamedFile;
use schleuse_transport::exit::AppError;
use tokio::sync::watch;

use crate::config::DirectoryFiles;

/// The directory.
pub(crate) struct Members {
    source: RwLock<Source>,
    /// None once it is not believed any more.
    current: watch::Sender<Option<Arc<VerifiedDirectory>>>,
    /// The newest that was verified, also if it is not believed any more.
    newest: RwLock<Arc<VerifiedDirectory>>,
    /// When the last automatic reload was tried, so that an expired file is not read for every stream.
    tried: Mutex<UnixSeconds>,
}

/// Where it comes from, and who must have signed it.
struct Source {
    file: NamedFile,
    roots: RootKeys,
}

impl Members {
    /// Reads and verifies the files. `minimum_version` is the highest version seen before.
    pub(crate) fn load(
        files: &DirectoryFiles,
        now: UnixSeconds,
        minimum_version: Option<u64>,
    ) -> Result<Self, AppError> {
        let text = files.roots.read_text("root keys")?;
        let roots = RootKeys::parse(&text).map_err(|error| files.roots.unacceptable("root keys", error))?;
        let source = Source { file: files.file.clone(), roots };
        let directory = Arc::new(source.read(now, minimum_version)?);
        Ok(Self {
            source: RwLock::new(source),
            current: watch::Sender::new(Some(Arc::clone(&directory))),
            newest: RwLock::new(directory),
            tried: Mutex::new(now),
        })
    }

    /// The directory as of this time. A view that has run out is renewed from the file; one that has expired and cannot be
    /// renewed is believed for a while longer ([`EXPIRY_GRACE`](schleuse_directory::limits::EXPIRY_GRACE)), then it is none.
    pub(crate) fn at(&self, now: UnixSeconds) -> Option<Arc<VerifiedDirectory>> {
        let current = self.current.borrow().clone();
        match current {
            Some(current) if now <= current.holds_until() => Some(current),
            current => {
                let tried = std::mem::replace(&mut *self.tried.lock().unwrap_or_else(PoisonError::into_inner), now);
                if tried == now {
                    return current.filter(|current| now <= current.believed_until());
                }
                self.look(now)
            }
        }
    }

    /// Renews a view that has run out or whose directory has expired, and says if the operator has to do something.
    pub(crate) fn look(&self, now: UnixSeconds) -> Option<Arc<VerifiedDirectory>> {
        let newest = self.newest();
        if now > newest.holds_until() || newest.has_expired_at(now) {
            if let Err(error) = self.reload(now) {
                tracing::error!("the directory cannot be read again: {error}");
                self.current.send_replace(newest.at(now).map(Arc::new));
            }
            if let Some(trouble) = self.newest().trouble_at(now) {
                tracing::error!("{trouble}");
            }
        }
        self.current.borrow().clone()
    }

    /// The directory that was verified last, also if it has run out since.
    pub(crate) fn newest(&self) -> Arc<VerifiedDirectory> {
        Arc::clone(&self.newest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what was loaded anew, from the same files or others.
    pub(crate) fn replace(&self, new: Self) -> Result<Arc<VerifiedDirectory>, AppError> {
        let source = new.source.into_inner().unwrap_or_else(PoisonError::into_inner);
        let directory = new.newest.into_inner().unwrap_or_else(PoisonError::into_inner);
        let minimum = self.newest().version();
        if directory.version() < minimum {
            let error = DirectoryError::Rollback { version: directory.version(), minimum };
            return Err(source.file.unacceptable("directory", error));
        }
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = source;
        Ok(self.take(directory))
    }

    /// Reads the file again. On an error the old view stays.
    fn reload(&self, now: UnixSeconds) -> Result<(), AppError> {
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner);
        let directory = source.read(now, Some(self.newest().version()))?;
        drop(source);
        self.take(Arc::new(directory));
        Ok(())
    }

    fn take(&self, directory: Arc<VerifiedDirectory>) -> Arc<VerifiedDirectory> {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&directory);
        self.current.send_replace(Some(Arc::clone(&directory)));
        directory
    }

    /// Whether this TLS key is pinned for this inner proxy.
    pub(crate) fn is_inner(&self, id: &MemberId, fingerprint: &[u8; 32], now: UnixSeconds) -> bool {
        self.at(now).is_some_and(|directory| pins(&directory, id, fingerprint))
    }

    /// Completes when this TLS key is no longer pinned for this inner proxy.
    pub(crate) async fn removed(&self, id: &MemberId, fingerprint: &[u8; 32]) {
        let mut changes = self.current.subscribe();
        let gone = |directory: &Option<Arc<VerifiedDirectory>>| {
            directory.as_ref().is_none_or(|directory| !pins(directory, id, fingerprint))
        };
        // Fails only when `self` is gone, and then so is the daemon.
        let _ = changes.wait_for(gone).await;
    }
}

fn pins(directory: &VerifiedDirectory, id: &MemberId, fingerprint: &[u8; 32]) -> bool {
    let member = directory.member(id);
    member.is_some_and(|member| member.role == Role::Inner && member.has_fingerprint(fingerprint))
}

impl Source {
    fn read(&self, now: UnixSeconds, minimum_version: Option<u64>) -> Result<VerifiedDirectory, AppError> {
        let bytes = self.file.read("directory")?;
        Directory::verify(&bytes, &self.roots, now, minimum_version)
            .map_err(|error| self.file.unacceptable("directory", error))
    }
}
