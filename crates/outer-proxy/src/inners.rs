//! The inner proxies as one thread knows them: which are linked, and whose tokens are admitted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use schleuse_admission::AdmissionKey;
use schleuse_protocol::outer::{Admission, AdmissionRing};
use schleuse_protocol::wire::hop::AdmissionKeyBytes;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{Epoch, RouteToken};
use schleuse_transport::clock::Clock;
use schleuse_transport::net::Connection;
use tokio::sync::watch;

use crate::current::Current;

/// Links and admission keys. Locked for a look-up, never across an await; only one thread uses it.
pub(crate) struct Inners {
    current: watch::Receiver<Arc<Current>>,
    clock: Clock,
    /// How many links there are, over all threads.
    links: watch::Sender<usize>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ring: AdmissionRing<AdmissionKey>,
    linked: HashMap<MemberId, Connection>,
}

impl Inners {
    pub(crate) fn new(current: watch::Receiver<Arc<Current>>, clock: Clock, links: watch::Sender<usize>) -> Self {
        Self { current, clock, links, state: Mutex::default() }
    }

    /// Takes the keys that an inner proxy sent, in place of its earlier ones.
    pub(crate) fn admit_with(&self, inner: MemberId, keys: &[(Epoch, AdmissionKeyBytes); 2]) {
        let keys = keys.each_ref().map(|(epoch, key)| (*epoch, AdmissionKey::from_bytes(key)));
        self.state().ring.replace(inner, keys);
    }

    /// New streams for this inner proxy go to `connection`.
    pub(crate) fn linked(&self, inner: MemberId, connection: Connection) {
        if self.state().linked.insert(inner, connection).is_none() {
            self.links.send_modify(|links| *links += 1);
        }
    }

    /// New streams for this inner proxy go nowhere. Running ones keep their connection.
    pub(crate) fn unlinked(&self, inner: &MemberId) {
        if self.state().linked.remove(inner).is_some() {
            self.links.send_modify(|links| *links -= 1);
        }
    }

    /// The judge of one stream.
    pub(crate) fn verdict(&self) -> Verdict<'_> {
        Verdict { inners: self, link: OnceLock::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges one stream's token, and notes in the same moment where the stream goes: what was not checked goes nowhere.
pub(crate) struct Verdict<'a> {
    inners: &'a Inners,
    link: OnceLock<Connection>,
}

impl Verdict<'_> {
    /// The link for an admitted stream, if there is one.
    pub(crate) fn into_link(self) -> Option<Connection> {
        self.link.into_inner()
    }
}

impl Admission for Verdict<'_> {
    fn check(&self, inner: &MemberId, token: &RouteToken) -> Result<(), StreamRefusal> {
        // One that was taken out of the configuration is as unknown as any other.
        if self.inners.current.borrow().inner(inner).is_none() {
            return Err(StreamRefusal::Refused);
        }
        let state = self.inners.state();
        if !state.ring.key(inner, token.epoch, self.inners.clock.unix())?.check(token) {
            return Err(StreamRefusal::Refused);
        }
        if let Some(link) = state.linked.get(inner) {
            // Empty before: a stream has one header.
            let _ = self.link.set(link.clone());
        }
        Ok(())
    }
}
