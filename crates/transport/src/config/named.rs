//! Files that a configuration names: what is wrong with one is said at the line that names it.

use std::fmt;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::exit::AppError;
use crate::tls::{Identity, TlsFileError};

/// A place in a configuration file; shows as `outer.toml:5:3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// A path, and where it is named: made by [`Source::file`](super::Source::file), or from a path that stands nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    path: PathBuf,
    place: Option<Place>,
}

impl NamedFile {
    pub(super) fn at(path: PathBuf, place: Place) -> Self {
        Self { path, place: Some(place) }
    }

    /// An error that this file is the cause of, with the place in front.
    pub fn blame(&self, error: impl Into<AppError>) -> AppError {
        let error = error.into();
        match &self.place {
            Some(place) => error.context(place),
            None => error,
        }
    }

    /// All of its bytes; `what` says in an error what it is for, such as "directory".
    ///
    /// # Errors
    /// The operating system says no.
    pub fn read(&self, what: &str) -> Result<Vec<u8>, AppError> {
        fs::read(self).map_err(|error| self.blame(AppError::unreadable(what, self, &error)))
    }

    /// The same as a text.
    ///
    /// # Errors
    /// The operating system says no, or it is not UTF-8.
    pub fn read_text(&self, what: &str) -> Result<String, AppError> {
        fs::read_to_string(self).map_err(|error| self.blame(AppError::unreadable(what, self, &error)))
    }

    /// The error that what was read is not accepted.
    pub fn unacceptable(&self, what: &str, error: impl fmt::Display) -> AppError {
        self.blame(AppError::unacceptable(what, self, error))
    }
}

impl From<PathBuf> for NamedFile {
    fn from(path: PathBuf) -> Self {
        Self { path, place: None }
    }
}

impl Deref for NamedFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for NamedFile {
    fn as_ref(&self) -> &Path {
        self
    }
}

/// A certificate chain and its private key, as [`Identity::load`] takes them.
///
/// # Errors
/// As there, with the place of the file that is at fault.
pub fn identity(certificate: &NamedFile, key: &NamedFile) -> Result<Identity, AppError> {
    Identity::load(certificate, key).map_err(|error| match error {
        TlsFileError::Read { .. } | TlsFileError::NoCertificate { .. } => certificate.blame(error),
        TlsFileError::Secret(_) | TlsFileError::NoKey { .. } => key.blame(error),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Spanned, parse};
    use crate::exit;

    #[derive(serde::Deserialize)]
    struct Raw {
        certificate: Spanned<PathBuf>,
        key: Spanned<PathBuf>,
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_at_the_line_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outer.toml");
        let (raw, source) = parse::<Raw>(&path, "certificate = \"cert.pem\"\n\n  key = \"tls.key\"\n").unwrap();
        let (certificate, key) = (source.file(&raw.certificate), source.file(&raw.key));
        let place = |line_and_column: &str| format!("{}:{line_and_column}: ", path.display());

        let absent = certificate.read("certificate").unwrap_err();
        assert_eq!(absent.code(), exit::CONFIG);
        let named = certificate.display().to_string();
        assert!(absent.to_string().starts_with(&place("1:15")) && absent.to_string().contains(&named), "{absent}");
        let error = identity(&certificate, &key).err().unwrap();
        assert!(error.to_string().starts_with(&place("1:15")), "{error}");

        let made = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, "no key").unwrap();
        for (mode, expected) in [(0o600, exit::CONFIG), (0o644, exit::NO_PERMISSION)] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            let error = identity(&certificate, &key).err().unwrap();
            assert_eq!(error.code(), expected);
            assert!(error.to_string().starts_with(&place("3:9")), "{error}");
        }
        let nowhere = NamedFile::from(key.to_path_buf()).unacceptable("key", "is no key");
        assert_eq!(nowhere.to_string(), format!("the key {}: is no key", key.display()));
    }
}
