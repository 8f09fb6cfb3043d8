//! Certificates and keys from PEM files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::fingerprint::{Fingerprint, NotACertificate, fingerprint};
use crate::exit::{self, AppError};
use crate::secret::{Secret, SecretError, is_example_file};

/// A certificate with this in its subject or issuer belongs to a published key.
pub const EXAMPLE_MARKER_NAME: &str = "schleuse example";

/// A certificate chain and its private key. No `Debug`, no `Clone`.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Zeroizing<PrivateKeyDer<'static>>,
    fingerprint: Fingerprint,
    example: bool,
}

impl Identity {
    /// Reads a certificate chain (own certificate first) and its private key, which only its owner may read.
    ///
    /// # Errors
    /// A file cannot be read, is no PEM of its kind, or the key's file is open to others.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, TlsFileError> {
        let pem = read(chain)?;
        let secret = Secret::read(key)?;
        let identity = Self::from_pem(&pem, secret.expose()).map_err(|error| error.at(chain, key))?;
        Ok(Self { example: identity.example || is_example_file(chain) || is_example_file(key), ..identity })
    }

    /// The same from memory.
    ///
    /// # Errors
    /// One of them is no PEM of its kind.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsFileError> {
        let chain = certificates(chain).ok_or_else(TlsFileError::no_certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsFileError::NoKey { path: PathBuf::new() })?;
        Self::new(chain, key)
    }

    /// The same from parsed parts.
    ///
    /// # Errors
    /// The chain is empty or its first element is no certificate.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsFileError> {
        let first = chain.first().ok_or_else(TlsFileError::no_certificate)?;
        let fingerprint = fingerprint(first).map_err(|NotACertificate| TlsFileError::no_certificate())?;
        let example = chain.iter().any(names_example);
        Ok(Self { chain, key: Zeroizing::new(key), fingerprint, example })
    }

    /// The fingerprint of the own key: what the directory must pin for this member.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether this is a published example, which daemons refuse outside demo mode.
    pub fn is_example(&self) -> bool {
        self.example
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

/// The CA certificates that a peer's chain must end in.
#[derive(Clone)]
pub struct Roots {
    store: Arc<RootCertStore>,
    example: bool,
}

impl Roots {
    /// Reads one or more CA certificates.
    ///
    /// # Errors
    /// The file cannot be read or holds no usable certificate.
    pub fn load(path: &Path) -> Result<Self, TlsFileError> {
        let roots = Self::from_pem(&read(path)?).map_err(|error| error.at(path, path))?;
        Ok(Self { example: roots.example || is_example_file(path), ..roots })
    }

    /// The same from memory.
    ///
    /// # Errors
    /// There is no usable certificate in it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsFileError> {
        let certificates = certificates(pem).ok_or_else(TlsFileError::no_certificate)?;
        let example = certificates.iter().any(names_example);
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(certificate).map_err(|_| TlsFileError::no_certificate())?;
        }
        Ok(Self { store: Arc::new(store), example })
    }

    /// Whether one of them is a published example, which daemons refuse outside demo mode.
    pub fn is_example(&self) -> bool {
        self.example
    }

    pub(super) fn store(&self) -> Arc<RootCertStore> {
        self.store.clone()
    }
}

/// Why certificates or a key could not be taken from their files.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// The operating system said no.
    #[error("cannot read the certificate file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// No PEM section `CERTIFICATE`, or one that is not a certificate.
    #[error("no usable certificate in {} (PEM, \"BEGIN CERTIFICATE\")", path.display())]
    NoCertificate {
        /// The file; empty when the bytes came from memory.
        path: PathBuf,
    },
    /// No PEM section with a private key.
    #[error("no private key in {} (PEM, \"BEGIN PRIVATE KEY\")", path.display())]
    NoKey {
        /// The file; empty when the bytes came from memory.
        path: PathBuf,
    },
    /// The key's file is not fit to hold a secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl TlsFileError {
    fn no_certificate() -> Self {
        Self::NoCertificate { path: PathBuf::new() }
    }

    fn at(self, certificate: &Path, key: &Path) -> Self {
        match self {
            Self::NoCertificate { .. } => Self::NoCertificate { path: certificate.to_owned() },
            Self::NoKey { .. } => Self::NoKey { path: key.to_owned() },
            other => other,
        }
    }
}

impl From<TlsFileError> for AppError {
    fn from(error: TlsFileError) -> Self {
        match error {
            TlsFileError::Secret(secret) => secret.into(),
            TlsFileError::Read { ref source, .. } => Self::of_file(source, &error),
            TlsFileError::NoCertificate { .. } | TlsFileError::NoKey { .. } => Self::new(exit::CONFIG, error),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    fs::read(path).map_err(|source| TlsFileError::Read { path: path.to_owned(), source })
}

/// All certificates of a PEM text; none if there is not one, or if one is broken.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

/// A name stands literally in the DER, so no parser is needed to find the marker; a false alarm is harmless.
fn names_example(certificate: &CertificateDer<'_>) -> bool {
    let marker = EXAMPLE_MARKER_NAME.as_bytes();
    certificate.windows(marker.len()).any(|window| window == marker)
}
