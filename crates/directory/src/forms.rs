//! The two forms of a directory that is not signed: TOML for people, JSON for what is signed. Both are checked when read.

use crate::error::DirectoryError;
use crate::model::Directory;
use crate::parse;

impl Directory {
    /// Reads the form that people write.
    ///
    /// # Errors
    /// Not TOML, a field that does not exist, or [`check`](Self::check) fails.
    pub fn from_toml(text: &str) -> Result<Self, DirectoryError> {
        let directory: Self = parse::toml(text)?;
        directory.check()?;
        Ok(directory)
    }

    /// Reads the form that is signed.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn from_json(bytes: &[u8]) -> Result<Self, DirectoryError> {
        let directory: Self = parse::json(bytes)?;
        directory.check()?;
        Ok(directory)
    }

    /// The form that people write. Comments of the file from which it came are lost.
    ///
    /// # Errors
    /// A time is beyond the year 9999.
    pub fn to_toml(&self) -> Result<String, DirectoryError> {
        toml::to_string_pretty(self).map_err(|error| DirectoryError::Unwritable(error.to_string()))
    }

    /// The form that is signed.
    ///
    /// # Errors
    /// A time is beyond the year 9999.
    pub fn to_json(&self) -> Result<Vec<u8>, DirectoryError> {
        serde_json::to_vec(self).map_err(|error| DirectoryError::Unwritable(error.to_string()))
    }
}
