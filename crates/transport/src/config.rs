//! Configuration in two steps: a TOML file becomes a raw struct, and the raw struct a checked one.
//!
//! The raw struct derives `Deserialize` with `deny_unknown_fields`; [`load`] reads it and names file, line and column of
//! what is wrong, for an unknown field also the nearest known one. Fields whose value is checked later are
//! [`Spanned`], so that the second step can name their line as well; files that are named keep it ([`NamedFile`]):
//!
//! ```
//! # use schleuse_transport::config::{ConfigError, Source, Spanned, parse};
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Raw { streams: Spanned<u32> }
//!
//! fn check(raw: &Raw, source: &Source) -> Result<u32, ConfigError> {
//!     match *raw.streams.get_ref() {
//!         0 => Err(source.error_at(&raw.streams, "streams must be at least 1")),
//!         streams => Ok(streams),
//!     }
//! }
//!
//! let (raw, source) = parse::<Raw>("outer.toml".as_ref(), "streams = 0")?;
//! assert_eq!(check(&raw, &source).unwrap_err().to_string(), "outer.toml:1:11: streams must be at least 1");
//! # Ok::<(), ConfigError>(())
//! ```

pub mod named;
pub mod values;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
pub use toml::Spanned;

pub use named::{NamedFile, Place};

use crate::exit::{self, AppError};

/// Reads and parses a configuration file.
///
/// # Errors
/// The file cannot be read, is no TOML, or does not fit the struct.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<(T, Source), ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.to_owned(), source: error })?;
    parse(path, &text)
}

/// Parses a configuration text; `path` is used in messages, and paths in the text are relative to its folder.
///
/// # Errors
/// It is no TOML, or does not fit the struct.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<(T, Source), ConfigError> {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    match toml::from_str(text) {
        Ok(raw) => Ok((raw, source)),
        Err(error) => {
            let what = with_suggestion(error.message());
            Err(match error.span() {
                Some(span) => source.at(span, what),
                None => source.error(what),
            })
        }
    }
}

/// The text that a raw configuration came from.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// An error at the line of `field`. Say what is wrong and what would be right.
    pub fn error_at<T>(&self, field: &Spanned<T>, what: impl Into<String>) -> ConfigError {
        self.at(field.span(), what.into())
    }

    /// An error of the whole file, such as two fields that exclude each other.
    pub fn error(&self, what: impl Into<String>) -> ConfigError {
        ConfigError::InFile { path: self.path.clone(), what: what.into() }
    }

    /// A file that `field` names: relative paths count from the configuration's own folder, not from where the daemon was
    /// started.
    pub fn file(&self, field: &Spanned<PathBuf>) -> NamedFile {
        let path = self.path.parent().unwrap_or(Path::new("")).join(field.get_ref());
        NamedFile::at(path, self.place(field.span()))
    }

    fn at(&self, span: Range<usize>, what: String) -> ConfigError {
        ConfigError::AtLine { place: self.place(span), what }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// What is wrong with a configuration, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Something at one place.
    #[error("{place}: {what}")]
    AtLine {
        /// Where.
        place: Place,
        /// What, and what to do.
        what: String,
    },
    /// Something that has no single place.
    #[error("{}: {what}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What, and what to do.
        what: String,
    },
}

impl From<ConfigError> for AppError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Read { ref source, .. } => Self::of_file(source, &error),
            ConfigError::AtLine { .. } | ConfigError::InFile { .. } => Self::new(exit::CONFIG, error),
        }
    }
}

/// serde says "unknown field `x`, expected one of `a`, `b`" (likewise for variants): adds the nearest of them.
fn with_suggestion(message: &str) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if !message.starts_with("unknown ") {
        return message;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(found) = quoted.next() else { return message };
    match quoted.map(|known| (distance(found, known), known)).min() {
        Some((distance, known)) if distance <= found.chars().count().max(known.chars().count()) / 2 => {
            format!("{message}; did you mean `{known}`?")
        }
        _ => message,
    }
}

/// Levenshtein distance: single-character insertions, deletions and substitutions from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        listen: Spanned<String>,
        #[serde(default)]
        inner: Vec<RawInner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RawInner {
        id: Spanned<String>,
        #[serde(rename = "address")]
        _address: String,
    }

    fn error(text: &str) -> String {
        parse::<Raw>(Path::new("outer.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_field_is_named_with_its_place_and_the_nearest_known_one() {
        assert_eq!(
            error("listen = \"[::]:443\"\n\n[[inner]]\nid = \"a\"\n  adress = \"b\"\n"),
            "outer.toml:5:3: unknown field `adress`, expected `id` or `address`; did you mean `address`?"
        );
        assert_eq!(
            error("colour = 1\nlisten = \"x\"\n"),
            "outer.toml:1:1: unknown field `colour`, expected `listen` or `inner`"
        );
    }

    #[test]
    fn what_is_missing_mistyped_or_no_toml_is_told_with_its_place() {
        assert!(error("").ends_with("missing field `listen`"), "{}", error(""));
        assert!(error("\nlisten = 7\n").starts_with("outer.toml:2:10: invalid type: integer `7`"));
        assert!(
            error("# comment\nlisten = \n").starts_with("outer.toml:2:10: "),
            "{}",
            error("# comment\nlisten = \n")
        );
        assert!(!error("listen = \"a\nb\"").contains('\n'));
    }

    #[test]
    fn the_second_step_names_the_line_too() {
        let text = "listen = \"nowhere\"\n# ü\n[[inner]]\nid = \"B\"\naddress = \"b\"\n";
        let (raw, source) = parse::<Raw>(Path::new("/etc/schleuse/outer.toml"), text).unwrap();
        let error = source.error_at(&raw.inner[0].id, "an id has only the characters a-z, 0-9 and -");
        assert_eq!(error.to_string(), "/etc/schleuse/outer.toml:4:6: an id has only the characters a-z, 0-9 and -");
        assert!(source.error_at(&raw.listen, "x").to_string().contains(":1:10:"));
        assert_eq!(source.error("x").to_string(), "/etc/schleuse/outer.toml: x");
    }

    #[test]
    fn paths_count_from_the_folder_of_the_file() {
        let (_, source) = parse::<Raw>(Path::new("/etc/schleuse/outer.toml"), "listen = \"\"").unwrap();
        let file = |path: &str| source.file(&Spanned::new(0..0, path.into()));
        assert_eq!(&*file("ca.pem"), Path::new("/etc/schleuse/ca.pem"));
        assert_eq!(&*file("/ca.pem"), Path::new("/ca.pem"));
    }

    #[test]
    fn an_absent_file_is_named() {
        let error = load::<Raw>(Path::new("/nonexistent/outer.toml")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the configuration file /nonexistent/outer.toml: "), "{error}");
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("listen", "listen"), 0);
    }
}
