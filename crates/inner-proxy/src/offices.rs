//! Which receivers of which offices are connected right now: soft state, lost with the process and built anew by the
//! offices themselves.
//!
//! A token leads to one *store*, so streams go to the receiver that works on it: an office may have several. Two
//! receivers that work on copies of one store (a cloned machine) would take each other's streams, and refuse them for
//! good. So whoever comes is told to those that are here with the same store; one that answers is alive, and keeps its
//! streams. One that does not was an earlier run, killed, whose connection has not timed out yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schleuse_protocol::wire::hop::RunId;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::token::StoreId;
use tokio::sync::{mpsc, oneshot, watch};

/// Most connections that one office keeps here at a time. More come from a receiver that reconnects faster than its
/// dead connections time out, so its oldest goes.
pub(crate) const MAX_CONNECTIONS_PER_OFFICE: usize = 8;
/// Rivals that a link may still have to be told of. More would be the same story.
const UNTOLD: usize = 4;

/// The live connections (`C`, in the daemon a QUIC connection) of every office, newest last.
///
/// Shared by all runtimes of the process. The lock is held for a look-up and never across an await.
///
/// A stream goes to the *newest* connection of its store. Balancing by load would be worse: the connection of a receiver
/// that crashed carries nothing, so it would look like the best choice until it times out.
pub(crate) struct Offices<C> {
    inner: Mutex<Inner<C>>,
    connected: watch::Sender<usize>,
}

struct Inner<C> {
    next_link: u64,
    links: HashMap<MemberId, Vec<Link<C>>>,
}

struct Link<C> {
    number: u64,
    receiver: Receiver,
    connection: C,
    /// Whether it takes streams. Before that it is waited whether somebody contests it.
    has_joined: bool,
    contested: mpsc::Sender<RunId>,
    disowned: Option<oneshot::Sender<RunId>>,
}

/// One running receiver of an office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receiver {
    /// Where its tickets are.
    pub(crate) store: StoreId,
    /// Tells it from earlier runs, and from receivers that work on copies.
    pub(crate) run: RunId,
}

/// What a link hears of others that claim its store.
pub(crate) struct Rivals {
    /// Another run has come with the same store: the peer is to be asked.
    pub(crate) contested: mpsc::Receiver<RunId>,
    /// An older link does not know this run.
    pub(crate) disowned: oneshot::Receiver<RunId>,
}

impl<C: Clone> Offices<C> {
    /// Nobody is connected.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner { next_link: 0, links: HashMap::new() }),
            connected: watch::Sender::new(0),
        })
    }

    /// A receiver is here, and takes no streams before [`Presence::join`]. Those of the same store and another run hear of
    /// it; returns whether there are any.
    pub(crate) fn announce(
        self: &Arc<Self>,
        office: MemberId,
        receiver: Receiver,
        connection: C,
    ) -> (Presence<C>, Rivals, bool) {
        let mut inner = self.lock();
        let number = inner.next_link;
        inner.next_link += 1;
        let links = inner.links.entry(office).or_default();
        let mut is_contested = false;
        for rival in
            links.iter().filter(|link| link.receiver.store == receiver.store && link.receiver.run != receiver.run)
        {
            is_contested = true;
            // Without room it has been told of others, and answers for itself with the first.
            let _ = rival.contested.try_send(receiver.run);
        }
        let (contested, hears_contested) = mpsc::channel(UNTOLD);
        let (disowned, hears_disowned) = oneshot::channel();
        let disowned = Some(disowned);
        links.push(Link { number, receiver, connection, has_joined: false, contested, disowned });
        drop(inner);
        let presence = Presence { offices: self.clone(), office, number };
        (presence, Rivals { contested: hears_contested, disowned: hears_disowned }, is_contested)
    }

    /// The receiver `by`, which is alive, does not know the run that claims its store.
    pub(crate) fn disown(&self, office: &MemberId, by: Receiver, run: RunId) {
        let mut inner = self.lock();
        let Some(links) = inner.links.get_mut(office) else { return };
        for link in links.iter_mut().filter(|link| link.receiver == Receiver { run, ..by }) {
            link.has_joined = false;
            if let Some(disowned) = link.disowned.take() {
                // Fails only if it is about to go anyway.
                let _ = disowned.send(by.run);
            }
        }
        self.count(&inner);
    }

    /// Where the next stream for this store may go, best first.
    pub(crate) fn connections(&self, office: &MemberId, store: StoreId) -> Vec<C> {
        let inner = self.lock();
        let links = inner.links.get(office).map(Vec::as_slice).unwrap_or_default();
        let joined = links.iter().rev().filter(|link| link.has_joined && link.receiver.store == store);
        joined.map(|link| link.connection.clone()).collect()
    }

    /// How many offices have a connection, to be watched.
    pub(crate) fn connected(&self) -> watch::Receiver<usize> {
        self.connected.subscribe()
    }

    fn count(&self, inner: &Inner<C>) {
        let joined = inner.links.values().filter(|links| links.iter().any(|link| link.has_joined)).count();
        self.connected.send_if_modified(|connected| std::mem::replace(connected, joined) != joined);
    }

    /// No operation under the lock can panic half-way, so a poisoned lock still guards a whole map.
    fn lock(&self) -> MutexGuard<'_, Inner<C>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place in the registry; dropping it takes the connection out.
pub(crate) struct Presence<C: Clone> {
    offices: Arc<Offices<C>>,
    office: MemberId,
    number: u64,
}

impl<C: Clone> Presence<C> {
    /// From now on streams may come. If the office has more than [`MAX_CONNECTIONS_PER_OFFICE`] now, the oldest connection
    /// of the store that has most is handed back, to be closed: no receiver pushes out another.
    pub(crate) fn join(&self) -> Option<C> {
        let mut inner = self.offices.lock();
        let links = inner.links.get_mut(&self.office)?;
        links.iter_mut().filter(|link| link.number == self.number).for_each(|link| link.has_joined = true);
        let displaced =
            (links.len() > MAX_CONNECTIONS_PER_OFFICE).then(|| links.remove(oldest_of_most(links)).connection);
        self.offices.count(&inner);
        displaced
    }
}

/// Where the oldest link of the store with most links is.
fn oldest_of_most<C>(links: &[Link<C>]) -> usize {
    let links_of = |store: StoreId| links.iter().filter(|link| link.receiver.store == store).count();
    let most = links.iter().map(|link| links_of(link.receiver.store)).max();
    links.iter().position(|link| Some(links_of(link.receiver.store)) == most).unwrap_or(0)
}

impl<C: Clone> Drop for Presence<C> {
    fn drop(&mut self) {
        let mut inner = self.offices.lock();
        if let Some(links) = inner.links.get_mut(&self.office) {
            links.retain(|link| link.number != self.number);
            if links.is_empty() {
                inner.links.remove(&self.office);
            }
        }
        self.offices.count(&inner);
    }
}

#[cfg(test)]
mod tests;
