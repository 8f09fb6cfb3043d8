//! Keys and certificates of a small network: a CA, and for each member what its daemon needs.
//!
//! Made for trying out and for small networks. A larger one keeps its CA in hardware and issues the same certificates
//! with the tools it has: what counts is the name `<member>.schleuse.internal` and the fingerprint in the directory.
//!
//! Nothing here talks to the network, and nothing is ever overwritten.

mod authority;
mod example;
mod inspect;
mod member;

pub use authority::Authority;
pub use example::{EXAMPLE_COMMON_NAME, write_example};
pub use inspect::{CertificateFacts, inspect};
pub use member::MemberKeys;
pub(crate) use member::key_text;

use std::path::PathBuf;
use std::time::Duration;

use schleuse_protocol::time::UnixSeconds;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::secret::SecretError;

use crate::files::FileError;

/// First and last second of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: UnixSeconds,
    /// Last second.
    pub not_after: UnixSeconds,
}

impl Validity {
    /// From an hour before `now`, because clocks differ, for this many days.
    pub fn days(now: UnixSeconds, days: u32) -> Self {
        let not_after = now.after(Duration::from_secs(u64::from(days) * 86_400));
        Self { not_before: UnixSeconds(now.0.saturating_sub(3600)), not_after }
    }
}

/// Why keys or a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The cryptographic library refused.
    #[error("the certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A certificate would outlive the CA's.
    #[error(
        "the certificate would be valid longer than that of the CA: choose fewer days, or make a new CA in another folder"
    )]
    OutlivesAuthority,
    /// A file is no certificate.
    #[error("no usable certificate in {} (PEM, \"BEGIN CERTIFICATE\")", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The files in a folder are not those of a CA.
    #[error("{} is not a CA that 'schleuse pki init' made: {what}", path.display())]
    NotAnAuthority {
        /// The folder.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key file cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The directory of the example cannot be made.
    #[error("the example's directory: {0}")]
    Directory(#[from] schleuse_directory::DirectoryError),
}

impl From<PkiError> for AppError {
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::File(error) => error.into(),
            PkiError::Secret(error) => error.into(),
            other => Self::new(exit::FAILURE, other),
        }
    }
}
