//! Which offices are connected right now: soft state, lost with the process and built anew by the offices themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schleuse_protocol::wire::name::MemberId;
use tokio::sync::watch;

/// Most connections that one office keeps here at a time. More come from an office that reconnects faster than its
/// dead connections time out, so the oldest goes.
pub(crate) const MAX_CONNECTIONS_PER_OFFICE: usize = 8;

/// The live connections (`C`, in the daemon a QUIC connection) of every office, newest last.
///
/// Shared by all runtimes of the process. The lock is held for a look-up and never across an await.
///
/// A stream goes to the *newest* connection. Balancing by load would be worse: the connection of an office that
/// crashed carries nothing, so it would look like the best choice until it times out.
pub(crate) struct Offices<C> {
    inner: Mutex<Inner<C>>,
    connected: watch::Sender<usize>,
}

struct Inner<C> {
    next_link: u64,
    links: HashMap<MemberId, Vec<(u64, C)>>,
}

impl<C: Clone> Offices<C> {
    /// Nobody is connected.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner { next_link: 0, links: HashMap::new() }),
            connected: watch::Sender::new(0),
        })
    }

    /// Makes `connection` the newest of `office` until the returned [`Presence`] is dropped. If there are more than
    /// [`MAX_CONNECTIONS_PER_OFFICE`] now, the oldest is handed back, to be closed.
    pub(crate) fn join(self: &Arc<Self>, office: MemberId, connection: C) -> (Presence<C>, Option<C>) {
        let mut inner = self.lock();
        let link = inner.next_link;
        inner.next_link += 1;
        let links = inner.links.entry(office).or_default();
        links.push((link, connection));
        let oldest = (links.len() > MAX_CONNECTIONS_PER_OFFICE).then(|| links.remove(0).1);
        self.connected.send_replace(inner.links.len());
        (Presence { offices: self.clone(), office, link }, oldest)
    }

    /// Where the next stream for `office` may go, best first.
    pub(crate) fn connections(&self, office: &MemberId) -> Vec<C> {
        let inner = self.lock();
        let links = inner.links.get(office).map(Vec::as_slice).unwrap_or_default();
        links.iter().rev().map(|(_, connection)| connection.clone()).collect()
    }

    /// How many offices have a connection, to be watched.
    pub(crate) fn connected(&self) -> watch::Receiver<usize> {
        self.connected.subscribe()
    }

    fn leave(&self, office: &MemberId, link: u64) {
        let mut inner = self.lock();
        if let Some(links) = inner.links.get_mut(office) {
            links.retain(|(number, _)| *number != link);
            if links.is_empty() {
                inner.links.remove(office);
                self.connected.send_replace(inner.links.len());
            }
        }
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
    link: u64,
}

impl<C: Clone> Drop for Presence<C> {
    fn drop(&mut self) {
        self.offices.leave(&self.office, self.link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    #[test]
    fn a_stream_goes_to_the_newest_connection_of_its_office() {
        let offices = Offices::new();
        let (_first, _) = offices.join(office("ga-koeln"), 1);
        let (second, _) = offices.join(office("ga-koeln"), 2);
        let (_other, _) = offices.join(office("ga-bonn"), 3);
        assert_eq!(offices.connections(&office("ga-koeln")), [2, 1]);
        drop(second);
        assert_eq!(offices.connections(&office("ga-koeln")), [1], "an older connection serves on");
        assert_eq!(offices.connections(&office("ga-aachen")), [0; 0]);
    }

    #[test]
    fn an_office_without_connections_leaves_nothing_behind() {
        let offices = Offices::new();
        let (first, _) = offices.join(office("ga-koeln"), 1);
        assert_eq!(*offices.connected().borrow(), 1);
        drop(first);
        assert_eq!(*offices.connected().borrow(), 0);
        assert!(offices.connections(&office("ga-koeln")).is_empty());
    }

    #[test]
    fn the_oldest_connection_goes_when_there_are_too_many() {
        let offices = Offices::new();
        let mut present: Vec<_> =
            (0..MAX_CONNECTIONS_PER_OFFICE).map(|n| offices.join(office("ga-koeln"), n)).collect();
        assert!(present.iter().all(|(_, displaced)| displaced.is_none()));
        let (_newest, displaced) = offices.join(office("ga-koeln"), 99);
        assert_eq!(displaced, Some(0));
        drop(present.remove(0));
        let left = offices.connections(&office("ga-koeln"));
        assert_eq!((left.len(), left[0]), (MAX_CONNECTIONS_PER_OFFICE, 99), "leaving late takes nobody else out");
    }
}
