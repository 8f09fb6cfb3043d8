//! Values that daemons have in common in their configurations: as written, and checked.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::{ConfigError, NamedFile, Source, Spanned, named};
use crate::exit::{self, AppError};
use crate::runtime::available_cores;
use crate::secret::{SecretKey, is_example_file};
use crate::tls::{Identity, Roots};

/// Most addresses to listen at.
const MAX_ADDRESSES: usize = 8;
/// More threads than any machine that this runs on has cores.
const MAX_THREADS: usize = 256;

/// A value that is written as a text: its own error gets the place in the file.
///
/// # Errors
/// It is no text, or not such a value.
pub fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// An address to listen at, as written.
pub struct Listen(SocketAddr);

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let what =
            || format!("'{text}' is not an address to listen at: write it like \"[::]:4434\" or \"192.0.2.1:4434\"");
        text.parse().map(Self).map_err(|_| de::Error::custom(what()))
    }
}

/// The addresses of the field `listen`.
///
/// # Errors
/// There are none, or too many.
pub fn addresses(source: &Source, listen: Spanned<Vec<Listen>>) -> Result<Vec<SocketAddr>, ConfigError> {
    let found = listen.get_ref().len();
    if found == 0 || found > MAX_ADDRESSES {
        let what = format!("listen needs between 1 and {MAX_ADDRESSES} entries, found {found}");
        return Err(source.error_at(&listen, what));
    }
    Ok(listen.into_inner().into_iter().map(|listen| listen.0).collect())
}

/// The number of the field `threads`; one per core if it is left out.
///
/// # Errors
/// There are too many.
pub fn threads(source: &Source, threads: Option<Spanned<NonZeroUsize>>) -> Result<NonZeroUsize, ConfigError> {
    match threads {
        None => Ok(available_cores()),
        Some(threads) if threads.get_ref().get() > MAX_THREADS => {
            let what = format!("at most {MAX_THREADS} threads; leave the line out for one per core");
            Err(source.error_at(&threads, what))
        }
        Some(threads) => Ok(threads.into_inner()),
    }
}

/// The field `grace_seconds` where it is left out.
pub fn default_grace() -> u32 {
    30
}

/// A default that is written as a number, which must not be zero.
pub const fn at_least_1(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("defaults are not zero")
}

/// Files of a daemon that listens: who it is, whom it believes, and what its keys derive from.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    /// PEM file of the certificate chain.
    pub certificate: NamedFile,
    /// PEM file of the key.
    pub key: NamedFile,
    /// PEM file of the CA.
    pub ca: NamedFile,
    /// File of the cluster secret.
    pub cluster_secret: NamedFile,
}

impl KeyFiles {
    /// Reads them all. Published examples are accepted only in a `demo`.
    ///
    /// # Errors
    /// A file cannot be read or is not what it should be, a key file is open to others, or something is an example.
    pub fn load(&self, demo: bool) -> Result<(Identity, Roots, SecretKey), AppError> {
        let identity = named::identity(&self.certificate, &self.key)?;
        let roots = Roots::load(&self.ca).map_err(|error| self.ca.blame(error))?;
        let cluster_secret = SecretKey::read(&self.cluster_secret).map_err(|error| self.cluster_secret.blame(error))?;
        let is_example = [
            (&self.certificate, identity.is_example()),
            (&self.ca, roots.is_example()),
            (&self.cluster_secret, is_example_file(&self.cluster_secret)),
        ];
        if let Some((file, _)) = is_example.into_iter().find(|(_, is_example)| *is_example && !demo) {
            let what = "is one of the published examples: make your own, or set demo = true to try them";
            return Err(file.blame(AppError::new(exit::CONFIG, format_args!("{} {what}", file.display()))));
        }
        Ok((identity, roots, cluster_secret))
    }
}
