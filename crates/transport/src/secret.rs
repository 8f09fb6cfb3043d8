//! Secrets from files: refused when others can read the file, wiped from memory when dropped, never printed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::exit::{self, AppError};

/// Larger than any key file; a path that points at something else is found out early.
const MAX_SECRET_FILE: u64 = 64 * 1024;

/// A folder with a file of this name holds published keys.
pub const EXAMPLE_MARKER_FILE: &str = "EXAMPLE-DO-NOT-USE";

/// Whether a file lies in a folder of published examples, which daemons refuse outside demo mode.
pub fn is_example_file(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.join(EXAMPLE_MARKER_FILE).exists())
}

/// The contents of a secret file. No `Debug`, no `Clone`.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over bytes that are already in memory (a test, a generated key).
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a file that only its owner may read.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 64 KiB, or its mode lets group or others in.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let io_error = |source| SecretError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(io_error)?;
        refuse_open_mode(path, &file)?;
        // Allocated once at full size: a growing buffer would leave copies of the secret behind.
        let length = file.metadata().map_err(io_error)?.len();
        if length > MAX_SECRET_FILE {
            return Err(SecretError::TooLarge { path: path.to_owned() });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize + 64));
        file.take(MAX_SECRET_FILE + 1).read_to_end(&mut bytes).map_err(io_error)?;
        if bytes.len() as u64 > MAX_SECRET_FILE {
            return Err(SecretError::TooLarge { path: path.to_owned() });
        }
        Ok(Self(bytes))
    }

    /// The bytes. Keep the borrow short.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// A 256-bit key. Its file holds 64 hexadecimal digits and nothing else but white space.
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// Takes over a key that is already in memory.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a key file that only its owner may read.
    ///
    /// # Errors
    /// As [`Secret::read`], or the content is not 64 hexadecimal digits.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        Self::from_hex(Secret::read(path)?.expose()).ok_or_else(|| SecretError::NotAKey { path: path.to_owned() })
    }

    /// The bytes. Keep the borrow short.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn from_hex(text: &[u8]) -> Option<Self> {
        let digits = text.trim_ascii();
        if digits.len() != 64 {
            return None;
        }
        let mut key = Zeroizing::new([0; 32]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Self(key))
    }
}

/// Why a secret file was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The operating system said no.
    #[error("cannot read the key file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Group or others may read or write the file.
    #[error("the key file {} is accessible to others (mode {mode:03o}): chmod 600 {}", path.display(), path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// More than any key file holds.
    #[error("the key file {} is larger than 64 KiB: is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not 64 hexadecimal digits.
    #[error("the key file {} does not hold 64 hexadecimal digits (256 bits)", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

impl From<SecretError> for AppError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::OpenToOthers { .. } => Self::new(exit::NO_PERMISSION, error),
            SecretError::Read { ref source, .. } => Self::of_file(source, &error),
            SecretError::TooLarge { .. } | SecretError::NotAKey { .. } => Self::new(exit::CONFIG, error),
        }
    }
}

/// Asks the open file, not the path, so that nobody can swap it in between.
#[cfg(unix)]
fn refuse_open_mode(path: &Path, file: &File) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|source| SecretError::Read { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    let forbidden = if is_systemd_credential(path) { 0o037 } else { 0o077 };
    if mode & forbidden != 0 {
        return Err(SecretError::OpenToOthers { path: path.to_owned(), mode });
    }
    Ok(())
}

/// systemd grants a service its credentials through an access control list, whose mask shows as the group's read bit.
#[cfg(unix)]
fn is_systemd_credential(path: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|directory| path.parent() == Some(Path::new(&directory)))
}

#[cfg(not(unix))]
fn refuse_open_mode(_: &Path, _: &File) -> Result<(), SecretError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key_file(content: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_key_that_only_its_owner_reads_is_read() {
        let file = key_file(&format!("{}Ff\n", "00".repeat(31)), 0o600);
        let key = SecretKey::read(file.path()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(key.expose()[31], 0xff);
        assert_eq!(key.expose()[..31], [0; 31]);
    }

    #[test]
    fn a_key_that_others_read_is_refused_with_the_remedy() {
        for mode in [0o640, 0o604, 0o660, 0o644, 0o620] {
            let file = key_file(&"00".repeat(32), mode);
            let error = SecretKey::read(file.path()).err().unwrap();
            assert!(matches!(error, SecretError::OpenToOthers { mode: found, .. } if found == mode));
            assert!(error.to_string().contains("chmod 600 "), "{error}");
        }
    }

    #[test]
    fn an_example_is_told_by_the_marker_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("cluster.key");
        assert!(!is_example_file(&key));
        fs::write(folder.path().join(EXAMPLE_MARKER_FILE), "").unwrap();
        assert!(is_example_file(&key));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for content in [String::new(), "00".repeat(31), "00".repeat(33), "0g".repeat(32), "\u{e4}".repeat(32)] {
            let file = key_file(&content, 0o600);
            assert!(matches!(SecretKey::read(file.path()), Err(SecretError::NotAKey { .. })), "{content}");
        }
        let large = key_file(&"0".repeat(64 * 1024 + 1), 0o600);
        assert!(matches!(SecretKey::read(large.path()), Err(SecretError::TooLarge { .. })));
        assert!(matches!(SecretKey::read(Path::new("/nonexistent/key")), Err(SecretError::Read { .. })));
    }
}
