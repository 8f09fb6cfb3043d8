//! The signed directory, as this office holds it: verified, reloaded on request, never an older version than before.

use std::sync::{Arc, Mutex, RwLock};

use schleuse_directory::{Directory, Role, RootKeys, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::config::NamedFile;
use schleuse_transport::exit::AppError;

use crate::config::DirectoryFiles;

/// The directory.
pub(crate) struct Members {
    file: NamedFile,
    roots: RootKeys,
    current: RwLock<Arc<VerifiedDirectory>>,
    /// When the last automatic reload was tried, so that an expired file is not read for every stream.
    tried: Mutex<UnixSeconds>,
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
        let directory = read(&files.file, &roots, now, minimum_version)?;
        Ok(Self { file: files.file.clone(), roots, current: RwLock::new(Arc::new(directory)), tried: Mutex::new(now) })
    }

    /// The directory, if it holds at this time. A view that has run out is renewed from the file.
    pub(crate) fn at(&self, now: UnixSeconds) -> Option<Arc<VerifiedDirectory>> {
        let current = self.newest();
        if now <= current.holds_until() {
            return Some(current);
        }
        {
            let mut tried = self.tried.lock().expect("nothing panics under this lock");
            if *tried == now {
                return None;
            }
            *tried = now;
        }
        match self.reload(now) {
            Ok(renewed) => Some(renewed),
            Err(error) => {
                tracing::error!("the directory has run out and cannot be renewed: {error}");
                None
            }
        }
    }

    /// The directory that was verified last, also if it has run out since.
    pub(crate) fn newest(&self) -> Arc<VerifiedDirectory> {
        Arc::clone(&self.current.read().expect("nothing panics under this lock"))
    }

    /// Reads the file again. On an error the old view stays.
    pub(crate) fn reload(&self, now: UnixSeconds) -> Result<Arc<VerifiedDirectory>, AppError> {
        let directory = Arc::new(read(&self.file, &self.roots, now, Some(self.newest().version()))?);
        *self.current.write().expect("nothing panics under this lock") = Arc::clone(&directory);
        Ok(directory)
    }

    /// Whether this TLS key is pinned for this inner proxy.
    pub(crate) fn is_inner(&self, id: &MemberId, fingerprint: &[u8; 32], now: UnixSeconds) -> bool {
        self.at(now)
            .and_then(|directory| {
                let member = directory.member(id)?;
                Some(member.role == Role::Inner && member.has_fingerprint(fingerprint))
            })
            .unwrap_or(false)
    }
}

fn read(
    file: &NamedFile,
    roots: &RootKeys,
    now: UnixSeconds,
    minimum_version: Option<u64>,
) -> Result<VerifiedDirectory, AppError> {
    let bytes = file.read("directory")?;
    Directory::verify(&bytes, roots, now, minimum_version).map_err(|error| file.unacceptable("directory", error))
}
