//! Who may connect, and as what: the verified directory, and how it is replaced while the proxy runs.

use std::sync::Arc;
use std::time::Duration;

use schleuse_directory::{Directory, Role, RootKeys, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::clock::Clock;
use schleuse_transport::config::NamedFile;
use schleuse_transport::exit::AppError;
use schleuse_transport::tls::Fingerprint;
use tokio::sync::watch;

/// How often it is looked whether a member has begun or ended.
const LOOK: Duration = Duration::from_secs(60);

/// What the directory says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) id: MemberId,
    pub(crate) role: Role,
}

/// The directory that holds now. Shared by all threads.
pub(crate) struct Members {
    file: NamedFile,
    root_keys: RootKeys,
    current: watch::Sender<Arc<VerifiedDirectory>>,
}

impl Members {
    /// Reads and verifies the directory.
    pub(crate) fn load(file: &NamedFile, root_keys: &NamedFile, now: UnixSeconds) -> Result<Self, AppError> {
        let text = root_keys.read_text("root keys")?;
        let root_keys = RootKeys::parse(&text).map_err(|error| root_keys.unacceptable("root keys", error))?;
        let directory = verify(file, &root_keys, now, None)?;
        Ok(Self { file: file.clone(), root_keys, current: watch::Sender::new(Arc::new(directory)) })
    }

    /// Reads and verifies the file again; what held stays if the new one is not accepted. Returns the version.
    pub(crate) fn reload(&self, now: UnixSeconds) -> Result<u64, AppError> {
        let lowest = self.current.borrow().version();
        let directory = verify(&self.file, &self.root_keys, now, Some(lowest))?;
        let version = directory.version();
        self.current.send_replace(Arc::new(directory));
        Ok(version)
    }

    /// Whose key this is.
    pub(crate) fn by_fingerprint(&self, fingerprint: &Fingerprint) -> Option<Peer> {
        let directory = self.current.borrow();
        directory.by_fingerprint(fingerprint).map(|member| Peer { id: member.id, role: member.role })
    }

    /// Completes when the key is no longer `peer`'s.
    pub(crate) async fn removed(&self, fingerprint: Fingerprint, peer: Peer) {
        let mut changes = self.current.subscribe();
        let gone = |directory: &Arc<VerifiedDirectory>| {
            let member = directory.by_fingerprint(&fingerprint);
            member.is_none_or(|member| Peer { id: member.id, role: member.role } != peer)
        };
        // Fails only when `self` is gone, and then so is the proxy.
        let _ = changes.wait_for(gone).await;
    }

    /// Verifies the file again whenever a member begins or ends.
    ///
    /// A directory that expires is *kept*: an operator who is late with a new one must not cut off a health office.
    /// It is said every minute, and the proxy would not start with it.
    pub(crate) async fn keep_true(&self, clock: Clock) {
        loop {
            tokio::time::sleep(LOOK).await;
            if clock.unix() <= self.current.borrow().holds_until() {
                continue;
            }
            match self.reload(clock.unix()) {
                Ok(version) => tracing::info!(version, "members have changed with time"),
                Err(error) => tracing::error!(%error, "the directory does not hold any more, but is kept"),
            }
        }
    }
}

fn verify(
    file: &NamedFile,
    root_keys: &RootKeys,
    now: UnixSeconds,
    lowest: Option<u64>,
) -> Result<VerifiedDirectory, AppError> {
    let bytes = file.read("directory")?;
    Directory::verify(&bytes, root_keys, now, lowest).map_err(|error| file.unacceptable("directory", error))
}
