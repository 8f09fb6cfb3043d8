//! A file that keeps an attempt, so that a sending goes on where it was when its program was ended.
//!
//! It holds the hello, the keys, and the tag of every position (see [`schleuse_seal::saved`]), and is written whole, and is
//! durable, before the first byte is sent; after that it never changes. So there is no moment at which a crash could make
//! anybody forget what was sealed (docs/adr/0028). It has a lock, because two processes that go on with the same attempt
//! would interrupt each other.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_seal::{RestoreError, Sender};
use zeroize::Zeroizing;

use crate::check::Admitted;

/// More than the tags of a content of 64 GiB.
const LARGEST: u64 = 32 << 20;

/// An open journal.
pub(crate) struct Journal {
    path: PathBuf,
    /// Locked as long as it is open.
    file: File,
    saved: Zeroizing<Vec<u8>>,
}

impl Journal {
    /// Opens or makes the file, for this process alone.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let io_error = |source| JournalError::Io { path: path.to_owned(), source };
        let file = open_locked(path, Links::Followed)?;
        refuse_open_mode(path, &file)?;
        let length = file.metadata().map_err(io_error)?.len();
        if length > LARGEST {
            return Err(JournalError::Unusable { path: path.to_owned(), reason: RestoreError::Foreign });
        }
        // Allocated once: a buffer that grows leaves copies of the keys behind.
        let mut saved = Zeroizing::new(Vec::with_capacity(length as usize + 64));
        (&file).take(LARGEST).read_to_end(&mut saved).map_err(io_error)?;
        Ok(Self { path: path.to_owned(), file, saved })
    }

    /// The attempt that is kept; `None` if none was kept yet.
    pub(crate) fn restore(
        &self,
        admitted: &Admitted,
        member: Option<MemberId>,
    ) -> Result<Option<Sender>, JournalError> {
        if self.saved.is_empty() {
            return Ok(None);
        }
        let sender = Sender::restore(&admitted.ticket, &self.saved)
            .map_err(|reason| JournalError::Unusable { path: self.path.clone(), reason })?;
        let intro = sender.intro();
        if (intro.kind, intro.sender) != (admitted.kind, member) {
            let (kind, sender) = (intro.kind, intro.sender);
            return Err(JournalError::OtherSending { path: self.path.clone(), kind, sender });
        }
        Ok(Some(sender))
    }

    /// Keeps this attempt instead of an earlier one, durably and whole.
    pub(crate) async fn keep(&mut self, saved: Zeroizing<Vec<u8>>) -> Result<(), JournalError> {
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || replace(&path, &saved)).await;
        self.file = written.map_err(|error| self.io_error(io::Error::other(error)))??;
        self.saved.clear();
        Ok(())
    }

    /// Deletes it. That it cannot be deleted is no reason to call a delivery failed.
    pub(crate) fn remove(self) {
        // What a crash left there. It may also be the journal of another sending, which has a lock then.
        let new = beside(&self.path);
        let is_in_use = OpenOptions::new().read(true).write(true).open(&new).is_ok_and(|file| file.try_lock().is_err());
        for path in [Some(&self.path), Some(&new).filter(|_| !is_in_use)].into_iter().flatten() {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "the journal is not needed any more and cannot be deleted");
                }
                _ => {}
            }
        }
    }

    fn io_error(&self, source: io::Error) -> JournalError {
        JournalError::Io { path: self.path.clone(), source }
    }
}

impl Drop for Journal {
    /// Nothing was kept: then there is nothing to go on with.
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The name under which a new journal is written before it takes the place of the old one.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Whether the name may be that of a symbolic link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Followed,
    Refused,
}

/// Only its owner may read it. What is in it stays: it may be another's, until it is locked.
fn create(path: &Path, links: Links) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    restrict(&mut options, links);
    options.open(path)
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions, links: Links) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
    if links == Links::Refused {
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
}

#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions, _: Links) {}

fn open_locked(path: &Path, links: Links) -> Result<File, JournalError> {
    let io_error = |source| JournalError::Io { path: path.to_owned(), source };
    loop {
        let file = create(path, links).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) if is_at(path, &file).map_err(io_error)? => return Ok(file),
            // Replaced or deleted between opening and locking.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
    }
}

/// Whether this open file is still the one of that name.
#[cfg(unix)]
fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// An open file cannot be replaced there.
#[cfg(not(unix))]
fn is_at(_: &Path, _: &File) -> io::Result<bool> {
    Ok(true)
}

/// Writes a new file, makes it durable, locks it, and puts it in the place of the old one.
fn replace(path: &Path, saved: &[u8]) -> Result<File, JournalError> {
    let new = beside(path);
    let io_error = |source| JournalError::Io { path: path.to_owned(), source };
    let mut file = open_locked(&new, Links::Refused)?;
    refuse_open_mode(&new, &file)?;
    file.set_len(0).map_err(io_error)?;
    file.write_all(saved).and_then(|()| file.sync_all()).map_err(io_error)?;
    std::fs::rename(&new, path).map_err(io_error)?;
    sync_folder(path).map_err(io_error)?;
    Ok(file)
}

/// Makes the new name durable too.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn refuse_open_mode(path: &Path, file: &File) -> Result<(), JournalError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|source| JournalError::Io { path: path.to_owned(), source })?;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(JournalError::OpenToOthers { path: path.to_owned(), mode }),
    }
}

#[cfg(not(unix))]
fn refuse_open_mode(_: &Path, _: &File) -> Result<(), JournalError> {
    Ok(())
}

/// Why a sending cannot use its journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system said no.
    #[error("the journal {} cannot be used: {source}", path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another process is sending with it.
    #[error("the journal {} is in use: another process is sending this content", path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// Others could read the keys in it.
    #[error("the journal {} is accessible to others (mode {mode:03o}): chmod 600 {}", path.display(), path.display())]
    OpenToOthers {
        /// The journal.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is damaged, of another version or ticket, or no journal at all.
    #[error("the journal {} cannot be gone on with: {reason}; name another file, or delete it to begin anew", path.display())]
    Unusable {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        reason: RestoreError,
    },
    /// The same ticket, but something else was said about the content.
    #[error(
        "the journal {} is that of a sending of '{kind}' as {}: send the same, or delete it to begin anew",
        path.display(), sender.as_ref().map_or("nobody".to_owned(), |sender| format!("'{sender}'"))
    )]
    OtherSending {
        /// The journal.
        path: PathBuf,
        /// What the content was declared to be.
        kind: PayloadKind,
        /// Who would sign it.
        sender: Option<MemberId>,
    },
    /// The content can be read only once.
    #[error("a journal needs a content that can be read again: bytes or a file, not a pipe or a reader")]
    NotRepeatable,
}

impl JournalError {
    /// Whether the same call can succeed later.
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::InUse { .. } | Self::Io { .. })
    }
}
