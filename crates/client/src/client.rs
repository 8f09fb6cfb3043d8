//! The client: who sends, whom it trusts, and its connections.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schleuse_directory::{Directory, DirectoryError, RootKeys, VerifiedDirectory};
use schleuse_protocol::wire::hello::Language;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_seal::keys::SigningKey;
use schleuse_transport::clock::Clock;
use schleuse_transport::tls::{Roots, TlsError};

use crate::content::Content;
use crate::pool::Pool;
use crate::send::Sending;
use crate::shared::Shared;

/// Sends contents to offices. Make one per process and clone it: clones share their connections, over which many
/// contents travel at once, and what they find out about the ways to the offices.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// Begins with the directory of the network, see [`load_directory`].
    pub fn builder(directory: VerifiedDirectory) -> ClientBuilder {
        ClientBuilder { directory, roots: None, identity: None, language: Language::default() }
    }

    /// Sends one content with one ticket. Nothing happens until the result is awaited.
    pub fn send(&self, ticket: &Ticket, content: impl Into<Content>) -> Sending {
        Sending::new(self.shared.clone(), ticket.clone(), content.into())
    }

    /// Takes a newer directory for all sendings that begin from now on.
    pub fn replace_directory(&self, directory: VerifiedDirectory) {
        self.shared.replace_directory(directory);
    }

    /// The directory in use.
    pub fn directory(&self) -> Arc<VerifiedDirectory> {
        self.shared.directory()
    }

    /// Whom this client sends as.
    pub fn member(&self) -> Option<MemberId> {
        self.shared.member()
    }

    /// Closes the connections of all clones and waits until the proxies were told. A client that is merely dropped
    /// closes them too, but a process that ends at once may leave the proxies waiting for their idle timeout.
    pub async fn close(&self) {
        self.shared.pool.close().await;
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("member", &self.member()).finish_non_exhaustive()
    }
}

/// Puts a [`Client`] together.
#[must_use]
pub struct ClientBuilder {
    directory: VerifiedDirectory,
    roots: Option<Roots>,
    identity: Option<(MemberId, SigningKey)>,
    language: Language,
}

impl ClientBuilder {
    /// The CA under which the proxies' certificates must be. Needed; the directory pins each proxy's key on top of it.
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = Some(roots);
        self
    }

    /// Signs every content as this member. The proxies do not see it: the signature is inside the seal. Without an
    /// identity contents are sent anonymously, which not every office and ticket allows.
    pub fn identity(mut self, member: MemberId, key: SigningKey) -> Self {
        self.identity = Some((member, key));
        self
    }

    /// Language of the office's texts to people. German if not set.
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Checks that the parts fit together. Connects nowhere.
    ///
    /// # Errors
    /// No CA was given, or the directory does not have the identity or has another key for it.
    pub fn build(self) -> Result<Client, BuildError> {
        let roots = self.roots.ok_or(BuildError::RootsMissing)?;
        if let Some((member, key)) = &self.identity {
            check_identity(&self.directory, *member, key)?;
        }
        let pool = Pool::new(&roots)?;
        let shared = Shared::new(self.directory, self.identity, self.language, pool);
        Ok(Client { shared: Arc::new(shared) })
    }
}

fn check_identity(directory: &VerifiedDirectory, member: MemberId, key: &SigningKey) -> Result<(), BuildError> {
    let known = directory.member(&member).ok_or(BuildError::UnknownMember(member))?;
    match known.signing_key {
        Some(listed) if listed.0 == key.public() => Ok(()),
        _ => Err(BuildError::WrongSigningKey(member)),
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// [`ClientBuilder::roots`] was not called.
    #[error("no CA for the proxies was given: call .roots(…) with the network's CA certificate")]
    RootsMissing,
    /// The identity is not in the directory.
    #[error("the member '{0}' is not in the directory: is the directory up to date?")]
    UnknownMember(MemberId),
    /// The key is not the member's.
    #[error("the signing key is not the one that the directory has for '{0}'")]
    WrongSigningKey(MemberId),
    /// The CA cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Reads a signed directory and checks it against the network's root keys, which you got beforehand and not over the
/// network.
///
/// # Errors
/// A file cannot be read, or the directory is not signed by enough of the root keys, or is expired.
pub fn load_directory(
    directory: impl AsRef<Path>,
    root_keys: impl AsRef<Path>,
) -> Result<VerifiedDirectory, LoadError> {
    let (directory, root_keys) = (directory.as_ref(), root_keys.as_ref());
    let read = |path: &Path| std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source });
    let refused = |path: &Path, source| LoadError::Refused { path: path.to_owned(), source };
    let keys = read(root_keys)?;
    let keys = RootKeys::parse(&String::from_utf8_lossy(&keys)).map_err(|error| refused(root_keys, error))?;
    Directory::verify(&read(directory)?, &keys, Clock::start().unix(), None).map_err(|error| refused(directory, error))
}

/// Why a directory could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The operating system said no.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {source}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DirectoryError,
    },
}
