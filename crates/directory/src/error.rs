//! What can be wrong with a directory.

use schleuse_protocol::time::UnixSeconds;

use crate::limits::MAX_FILE;
use crate::text::time;
use crate::values::Hex;

/// Why a directory or a file of root keys was not accepted. The caller adds the file's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The file is too large to be read.
    #[error("{length} bytes, at most {MAX_FILE} are accepted: is it the right file?")]
    TooLarge {
        /// Its length.
        length: usize,
    },
    /// Not in its format: an unknown, duplicate or missing field, or an invalid value.
    #[error("line {line}: {what}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        what: String,
    },
    /// A rule across fields is broken.
    #[error("{place}: {problem}")]
    Invalid {
        /// Which member, rule or field.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The directory cannot be written out.
    #[error("the directory cannot be written: {0}")]
    Unwritable(String),
    /// The signed file was reformatted, or put together by something else.
    #[error("not in the exact form of a signed directory: fetch the file again, and do not edit or reformat it")]
    NotCanonical,
    /// There are more signatures than root keys can be.
    #[error("{count} signatures, at most {limit} are accepted", limit = crate::limits::MAX_ROOTS)]
    TooManySignatures {
        /// How many there are.
        count: usize,
    },
    /// The same key signed twice.
    #[error("key {0} has signed twice")]
    SignedTwice(Hex<32>),
    /// A signature does not fit the content.
    #[error("the signature of key {0} does not verify: the file was changed after it was signed; fetch it again")]
    BadSignature(Hex<32>),
    /// Too few of the pinned keys have signed.
    #[error(
        "signed by {found} of the pinned root keys, {threshold} are needed: fetch the file again, or check that the root \
         keys are those of this network"
    )]
    TooFewSignatures {
        /// Valid signatures by pinned keys.
        found: usize,
        /// How many are needed.
        threshold: usize,
    },
    /// Older than what was seen before.
    #[error("version {version} is older than version {minimum}, which was seen before: fetch the current file")]
    Rollback {
        /// Of this file.
        version: u64,
        /// The lowest that is accepted.
        minimum: u64,
    },
    /// It has expired.
    #[error("expired at {}: fetch the current file", written(*.0))]
    Expired(UnixSeconds),
    /// Issued in the future.
    #[error("issued at {}, which is in the future: check this machine's clock", written(*.0))]
    FromTheFuture(UnixSeconds),
}

impl DirectoryError {
    pub(crate) fn invalid(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), problem: problem.into() }
    }
}

fn written(time: UnixSeconds) -> String {
    time::format(time).unwrap_or_else(|| time.0.to_string())
}
