//! The connections of one client: few to each outer proxy, shared by all sendings, and how a stream is opened on one of them.
//!
//! Nothing here waits for ever on behalf of one proxy alone: whoever asks for a stream names proxies in the order of its
//! preference, and each next one is asked beside those before it when they have used up their head start (in the manner of
//! RFC 8305, "Happy Eyeballs"). How long all of it may take is up to the caller, who drops the future.

mod endpoint;
mod link;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::endpoint::{Limits, client_config};
use schleuse_transport::net::{RecvStream, SendStream};
use schleuse_transport::tls::{self, Roots, TlsError};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::dial::{Candidate, DialError, DialFailure, DialProblem, dial};
use crate::health::HEAD_START;
use crate::lock::lock;
use crate::race::Race;
use endpoint::Bound;

pub(crate) use link::{Link, Place, is_draining};

/// Streams on a connection before a further one is made. A proxy grants 64 to a sender.
const STREAMS: usize = 56;
/// Connections to one outer proxy, however many contents are on their way.
const CONNECTIONS: usize = 8;

/// The connections of one client.
pub(crate) struct Pool {
    /// Made with the first dial, because that happens inside a runtime.
    bound: Bound,
    links: Mutex<Vec<Arc<Link>>>,
    /// Dials under way: whoever needs the same proxy waits for the same dial, as long as it likes.
    dials: Mutex<HashMap<MemberId, (Dialling, AbortHandle)>>,
    /// Clients begin with different proxies, so that these share the work.
    first: usize,
}

type Dialling = watch::Receiver<Option<Result<(), DialFailure>>>;

/// A stream on a connection, and what was opened for it.
pub(crate) struct Opened {
    pub(crate) link: Arc<Link>,
    pub(crate) place: Place,
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
}

impl Pool {
    pub(crate) fn new(roots: &Roots) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self {
            bound: Bound::new(client_config(tls::sender(roots)?, &Limits::SENDER)),
            links: Mutex::default(),
            dials: Mutex::default(),
            first: rand::random_range(0..usize::MAX / 2),
        }))
    }

    /// With which of so many proxies this client begins.
    pub(crate) fn first_of(&self, count: usize) -> usize {
        self.first.checked_rem(count).unwrap_or_default()
    }

    /// Whether there is a living connection to this proxy.
    pub(crate) fn has_link(&self, candidate: &Candidate) -> bool {
        self.with_links(candidate, |links| !links.is_empty())
    }

    /// A stream to the first of these proxies that grants one. Not on the connection `besides`, if there can be another.
    ///
    /// # Errors
    /// None of them can be reached. Who does not answer at all is waited for until its dial is given up.
    pub(crate) async fn open(
        self: Arc<Self>,
        candidates: Vec<Candidate>,
        besides: Option<usize>,
    ) -> Result<Opened, DialError> {
        if candidates.is_empty() {
            return Err(DialError::NoOuterProxy);
        }
        let mut waiting = candidates.iter();
        let mut running = Race::new();
        let mut failures = Vec::new();
        loop {
            let more = waiting.next();
            if let Some(candidate) = more {
                running.enter(self.open_at(candidate, besides));
            }
            let next = match more {
                Some(_) => tokio::time::timeout(HEAD_START, running.next()).await.ok(),
                None => Some(running.next().await),
            };
            match next {
                Some(Some(Ok(opened))) => return Ok(opened),
                Some(Some(Err(Failure::Proxy(failure)))) => {
                    if failure.problem == DialProblem::NoAnswer {
                        self.bound.rebuild_if_foreign();
                    }
                    tracing::debug!(outer = %failure.outer, problem = %failure.problem, "an outer proxy was not reached");
                    failures.push(failure);
                }
                Some(Some(Err(Failure::Socket(error)))) => return Err(error),
                Some(None) => return Err(DialError::NoneReached { failures }),
                None => {}
            }
        }
    }

    /// Uses this connection for nothing new. Streams that run on it may still finish; it closes with the last of them.
    pub(crate) fn forget(&self, link: &Link) {
        lock(&self.links).retain(|held| held.id() != link.id());
    }

    /// [`forget`](Self::forget) for a connection on which nothing came back at all. That may be because nobody drives the
    /// runtime any more in which its socket was bound.
    pub(crate) fn give_up(&self, link: &Link) {
        self.forget(link);
        if self.bound.rebuild_if_foreign() {
            // Whoever waits for these dials begins others.
            lock(&self.dials).drain().for_each(|(_, (_, task))| task.abort());
        }
    }

    /// Closes all connections and waits until the peers were told.
    pub(crate) async fn close(&self) {
        lock(&self.links).clear();
        self.bound.close().await;
    }

    /// A stream to one proxy: on the connection with the fewest, or on a further one.
    async fn open_at(self: &Arc<Self>, candidate: &Candidate, besides: Option<usize>) -> Result<Opened, Failure> {
        let mut tried_further = false;
        // Each round uses up a connection or dials one, so this is more than can happen.
        for _ in 0..=2 * CONNECTIONS {
            let (best, count) = self.with_links(candidate, |links| {
                let others = links.iter().filter(|link| Some(link.id()) != besides);
                (others.min_by_key(|link| link.streams()).cloned(), links.len())
            });
            let may_dial = count < CONNECTIONS && !tried_further;
            let Some(link) = best.filter(|link| link.streams() < STREAMS || !may_dial) else {
                tried_further = count > 0;
                match self.dialled(candidate).await {
                    // What is there is better than nothing.
                    Err(Failure::Proxy(_)) if self.has_link(candidate) => {
                        return self.open_on_any(candidate).await;
                    }
                    dialled => dialled?,
                }
                continue;
            };
            match tokio::time::timeout(HEAD_START, link.open()).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) => {
                    self.forget(&link);
                    if is_draining(&error) {
                        return Err(candidate.failure(DialProblem::Draining).into());
                    }
                }
                // All of its streams are taken, or it grants none.
                Err(_head_start_over) => {
                    tried_further = true;
                    // What is there is better than nothing.
                    if !may_dial || self.dialled(candidate).await.is_err() {
                        return self.open_on_any(candidate).await;
                    }
                }
            }
        }
        Err(candidate.failure(DialProblem::NoStream).into())
    }

    /// Waits for a stream on any of the connections that are there.
    async fn open_on_any(&self, candidate: &Candidate) -> Result<Opened, Failure> {
        let links = self.with_links(candidate, |links| links.to_vec());
        let mut running = Race::new();
        for link in &links {
            running.enter(link.open());
        }
        while let Some(opened) = running.next().await {
            if let Ok(opened) = opened {
                return Ok(opened);
            }
        }
        Err(candidate.failure(DialProblem::NoStream).into())
    }

    /// Only connections to proxies that the directory still has, under a key that it still pins. Of those that nobody uses one is
    /// kept for each proxy.
    fn with_links<T>(&self, candidate: &Candidate, look: impl FnOnce(&[Arc<Link>]) -> T) -> T {
        let mut links = lock(&self.links);
        let mut idle = HashSet::new();
        links.retain(|link| link.is_open() && (link.streams() > 0 || idle.insert(link.outer)));
        let fits = |link: &&Arc<Link>| link.outer == candidate.outer && candidate.is_pinned(link.key());
        let fitting: Vec<_> = links.iter().filter(fits).cloned().collect();
        look(&fitting)
    }

    /// Waits for a further connection to this proxy. One dial serves all who wait, and goes on when they give up.
    async fn dialled(self: &Arc<Self>, candidate: &Candidate) -> Result<(), Failure> {
        let mut rebuilt = false;
        loop {
            let mut outcome = self.dialling(candidate)?;
            // Nobody is left to tell it if the runtime of whoever began to dial has ended meanwhile.
            let told = outcome.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
            match told.unwrap_or_else(|| Err(candidate.failure(DialProblem::EndpointGone))) {
                Ok(()) => return Ok(()),
                Err(failure) if failure.problem == DialProblem::EndpointGone && !rebuilt => {
                    rebuilt = true;
                    self.bound.rebuild();
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    fn dialling(self: &Arc<Self>, candidate: &Candidate) -> Result<Dialling, Failure> {
        let mut dials = lock(&self.dials);
        if let Some((dial, _)) = dials.get(&candidate.outer)
            && dial.has_changed().is_ok()
        {
            return Ok(dial.clone());
        }
        let endpoint = self.bound.endpoint().map_err(|error| Failure::Socket(error.into()))?;
        let (tell, told) = watch::channel(None);
        let (pool, candidate, outer) = (self.clone(), candidate.clone(), candidate.outer);
        let task = tokio::spawn(async move {
            let dialled = dial(endpoint, &candidate).await;
            let dialled = dialled.map(|(connection, key)| {
                lock(&pool.links).push(Arc::new(Link::new(candidate.outer, connection, key)));
            });
            lock(&pool.dials).remove(&candidate.outer);
            tell.send_replace(Some(dialled));
        });
        // The task cannot have removed it yet: it waits for this lock.
        dials.insert(outer, (told.clone(), task.abort_handle()));
        Ok(told)
    }
}

/// Why there is no stream.
enum Failure {
    Proxy(DialFailure),
    Socket(DialError),
}

impl From<DialFailure> for Failure {
    fn from(failure: DialFailure) -> Self {
        Self::Proxy(failure)
    }
}
