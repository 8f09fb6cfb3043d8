//! Links between members: admission keys to the outer proxies, route tokens to the offices.

use std::collections::BTreeSet;

use schleuse_admission::AdmissionKey;
use schleuse_protocol::limits::EPOCH;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::hop::{InnerToOffice, OfficeToInner};
use schleuse_protocol::wire::token::{Epoch, RouteClaims, StoreId};

use super::world::{Event, Party, World};

/// Which links are up.
#[derive(Default)]
pub(super) struct Links {
    outer_inner: BTreeSet<(usize, usize)>,
    inner_office: BTreeSet<(usize, usize)>,
}

impl Links {
    pub(super) fn has_outer(&self, outer: usize, inner: usize) -> bool {
        self.outer_inner.contains(&(outer, inner))
    }

    pub(super) fn has_office(&self, inner: usize, office: usize) -> bool {
        self.inner_office.contains(&(inner, office))
    }

    pub(super) fn drop_outer(&mut self, gone: impl Fn(usize, usize) -> bool) {
        self.outer_inner.retain(|(outer, inner)| !gone(*outer, *inner));
    }

    /// Returns the links that are gone.
    pub(super) fn drop_office(&mut self, gone: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
        let dropped: Vec<_> =
            self.inner_office.iter().copied().filter(|(inner, office)| gone(*inner, *office)).collect();
        self.inner_office.retain(|pair| !dropped.contains(pair));
        dropped
    }
}

impl World {
    pub(super) fn link_outer(&mut self, outer: usize, inner: usize) {
        let is_parted = self.parted_until([Party::Outer(outer), Party::Inner(inner)]).is_some();
        if self.outers[outer].up && self.inners[inner].up && !is_parted {
            self.links.outer_inner.insert((outer, inner));
            let now = self.clock_of(Party::Inner(inner)).unix;
            let (id, secret) = (self.inners[inner].id, self.inners[inner].cluster_secret);
            let current = Epoch::of(now);
            // As it travels: the key's bytes.
            let keys = [current, current.next()].map(|epoch| (epoch, AdmissionKey::derive(&secret, epoch).to_bytes()));
            let keys = keys.map(|(epoch, bytes)| (epoch, AdmissionKey::from_bytes(&bytes)));
            let at_the_outer = self.clock_of(Party::Outer(outer)).unix;
            let mut ring = self.outers[outer].ring.borrow_mut();
            ring.replace(id, keys);
            ring.forget_past(at_the_outer);
        }
        self.again(Event::LinkOuter { outer, inner });
    }

    pub(super) fn link_office(&mut self, inner: usize, office: usize) {
        let is_parted = self.parted_until([Party::Inner(inner), Party::Office(office)]).is_some();
        if self.offices[office].up && self.inners[inner].up && !is_parted {
            let id = self.inners[inner].id;
            let (now, key) = (self.clock_of(Party::Office(office)), self.inners[inner].keys.borrow().id());
            let is_new = self.links.inner_office.insert((inner, office));
            let pool = &mut self.offices[office].pool;
            if is_new {
                pool.handle_connected(id);
                pool.handle_key(&id, key);
            }
            if let Some((wanted_from, request)) = pool.poll_request(now) {
                let inner = self.inners.iter().position(|inner| inner.id == wanted_from).expect("a known proxy");
                let request = request.to_wire();
                self.schedule_in(1, 200, Event::Tokens { inner, office, request });
            }
        }
        self.again(Event::LinkOffice { inner, office });
    }

    /// An inner proxy mints, the office takes them into its stock. A link that went down loses request and answer.
    pub(super) fn mint_tokens(&mut self, inner: usize, office: usize, request: Vec<u8>) {
        if let Some(until) = self.parted_until([Party::Inner(inner), Party::Office(office)]) {
            return self.schedule(until, Event::Tokens { inner, office, request });
        }
        if !self.links.has_office(inner, office) {
            return;
        }
        let Ok(OfficeToInner::TokensWanted { count, not_after }) = OfficeToInner::from_wire(&request) else {
            panic!("an office asks for tokens");
        };
        // As an inner proxy does whose clock is behind the office's.
        let now = self.clock_of(Party::Inner(inner)).unix;
        let not_after = not_after.clamp(now, now.after(EPOCH));
        let (id, office_id) = (self.inners[inner].id, self.offices[office].id);
        let keys = self.inners[inner].keys.clone();
        let claims = RouteClaims { office: office_id, store: StoreId([0; 8]), not_after };
        let tokens = (0..count).map(|_| keys.borrow().mint(&claims, &mut self.rng)).collect();
        let answer = InnerToOffice::Tokens { not_after, tokens }.to_wire();
        let Ok(InnerToOffice::Tokens { not_after, tokens }) = InnerToOffice::from_wire(&answer) else {
            panic!("an inner proxy answers with tokens");
        };
        let now = self.clock_of(Party::Office(office));
        // An answer to a request of before a link's loss finds nobody waiting.
        let _ = self.offices[office].pool.handle_tokens(&id, not_after, tokens, |_| false, now);
    }

    /// Repeats a link's event as long as anybody still wants to send.
    fn again(&mut self, event: Event) {
        if self.apps.iter().any(|app| app.outcome.is_none()) {
            self.schedule_in(2_000, 5_000, event);
        }
    }
}
