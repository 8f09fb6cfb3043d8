//! What all clones and sendings of a client share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use schleuse_directory::VerifiedDirectory;
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::name::MemberId;
use schleuse_seal::keys::SigningKey;
use schleuse_seal::{Sender, system_rng};
use schleuse_transport::clock::Clock;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::check::Admitted;
use crate::error::SendError;
use crate::health::{Health, Part};
use crate::lock::lock;
use crate::pool::Pool;

/// Sendings of one client that may try a second way at a time without a reason to believe that the first has failed. So a
/// network that is slow for everybody is not asked twice for everything.
const SPECULATIVE: usize = 16;

pub(crate) struct Shared {
    directory: RwLock<Arc<VerifiedDirectory>>,
    identity: Option<(MemberId, Arc<SigningKey>)>,
    language: Language,
    pub(crate) pool: Arc<Pool>,
    pub(crate) clock: Clock,
    health: Mutex<Health>,
    /// Tells the sendings under way that something was found out to have failed.
    found_out: watch::Sender<()>,
    speculating: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(
        directory: VerifiedDirectory,
        identity: Option<(MemberId, SigningKey)>,
        language: Language,
        pool: Arc<Pool>,
    ) -> Self {
        Self {
            directory: RwLock::new(Arc::new(directory)),
            identity: identity.map(|(member, key)| (member, Arc::new(key))),
            language,
            pool,
            clock: Clock::start(),
            health: Mutex::default(),
            found_out: watch::Sender::new(()),
            speculating: AtomicUsize::new(0),
        }
    }

    pub(crate) fn directory(&self) -> Arc<VerifiedDirectory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace_directory(&self, directory: VerifiedDirectory) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }

    /// Whom this client sends as.
    pub(crate) fn member(&self) -> Option<MemberId> {
        self.identity.as_ref().map(|(member, _)| *member)
    }

    /// How many outer proxies there are.
    pub(crate) fn outers(&self) -> usize {
        let now = self.clock.unix();
        self.directory().outers().filter(|outer| outer.is_valid_at(now)).count()
    }

    /// A new sealed connection under this attempt number.
    pub(crate) fn seal(&self, admitted: &Admitted, length: Option<u64>, attempt: u64) -> Result<Sender, SendError> {
        let intro = Intro { attempt, kind: admitted.kind, sender: self.member(), length, language: self.language };
        Sender::new(&admitted.ticket, intro, self.identity.clone(), &mut system_rng())
            .map_err(|error| SendError::Sealing(error.to_string()))
    }

    /// A look at the health of all ways. Nobody holds it across an `await`.
    pub(crate) fn health<T>(&self, look: impl FnOnce(&mut Health) -> T) -> T {
        look(&mut lock(&self.health))
    }

    /// Remembers a failure, and tells all who wait for something that it may have taken along.
    pub(crate) fn failed(&self, part: Part, weight: f32, lost_before: Option<Instant>) {
        let is_news = self.health(|health| health.failed(part, weight, lost_before, Instant::now()));
        if is_news {
            tracing::debug!(?part, "failed for one sending; the others are told");
            self.found_out.send_replace(());
        }
    }

    /// Tells when something was found out.
    pub(crate) fn findings(&self) -> watch::Receiver<()> {
        self.found_out.subscribe()
    }

    /// A place among those that try a second way on suspicion only.
    pub(crate) fn speculate(self: &Arc<Self>) -> Option<Speculation> {
        let take = |taken| (taken < SPECULATIVE).then_some(taken + 1);
        let taken = self.speculating.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.is_ok().then(|| Speculation(self.clone()))
    }
}

/// Given back when dropped.
pub(crate) struct Speculation(Arc<Shared>);

impl Drop for Speculation {
    fn drop(&mut self) {
        self.0.speculating.fetch_sub(1, Ordering::Relaxed);
    }
}
