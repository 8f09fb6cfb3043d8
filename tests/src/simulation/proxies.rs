//! The proxies: what each has in memory, and what it judges tokens by.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rand::CryptoRng;
use schleuse_admission::AdmissionKey;
use schleuse_protocol::inner::{Room, RouteOpener, UsedNonces};
use schleuse_protocol::outer::{Admission, AdmissionRing};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{RouteClaims, RouteNonce, RouteToken, TokenKeyId};
use schleuse_seal::RouteSealer;

use super::mischief::Recording;

/// An outer proxy.
pub(super) struct OuterParty {
    pub(super) up: bool,
    pub(super) is_malicious: bool,
    pub(super) answers: Answers,
    pub(super) ring: Rc<RefCell<AdmissionRing<AdmissionKey>>>,
    pub(super) recordings: Vec<Recording>,
}

/// An inner proxy.
pub(super) struct InnerParty {
    pub(super) id: MemberId,
    pub(super) up: bool,
    pub(super) is_malicious: bool,
    pub(super) answers: Answers,
    pub(super) cluster_secret: [u8; 32],
    pub(super) keys: Rc<RefCell<InnerKeys>>,
    pub(super) recordings: Vec<Recording>,
}

/// Answers that a malicious proxy recorded, by the hello to which they were given.
pub(super) type Answers = BTreeMap<Vec<u8>, Vec<u8>>;

/// What an inner proxy judges tokens by.
pub(super) struct InnerKeys {
    sealer: RouteSealer,
    cluster_secret: [u8; 32],
    pub(super) used: UsedNonces,
}

impl InnerKeys {
    pub(super) fn new(cluster_secret: [u8; 32]) -> Self {
        Self {
            sealer: RouteSealer::new(&cluster_secret),
            cluster_secret,
            used: UsedNonces::new(Room { per_office: 100, in_all: 1000 }),
        }
    }

    pub(super) fn id(&self) -> TokenKeyId {
        self.sealer.key_id()
    }

    pub(super) fn mint(&self, claims: &RouteClaims, rng: &mut impl CryptoRng) -> RouteToken {
        let mut token = self.sealer.seal(claims, rng);
        AdmissionKey::derive(&self.cluster_secret, token.epoch).mac(&mut token);
        token
    }
}

/// The outer proxy's keys, the time, and the inner proxies of its configuration.
pub(super) struct Ring<'a> {
    pub(super) keys: &'a AdmissionRing<AdmissionKey>,
    pub(super) now: UnixSeconds,
    pub(super) configured: &'a [InnerParty],
}

impl Admission for Ring<'_> {
    fn check(&self, inner: &MemberId, token: &RouteToken) -> Result<(), StreamRefusal> {
        if self.configured.iter().all(|known| known.id != *inner) {
            return Err(StreamRefusal::Refused);
        }
        let key = self.keys.key(inner, token.epoch, self.now)?;
        if key.check(token) { Ok(()) } else { Err(StreamRefusal::Refused) }
    }
}

impl RouteOpener for InnerKeys {
    fn open(&self, token: &RouteToken, _: UnixSeconds) -> Option<RouteClaims> {
        let admitted = AdmissionKey::derive(&self.cluster_secret, token.epoch).check(token);
        if admitted { self.sealer.open(token) } else { None }
    }

    fn is_used(&self, office: &MemberId, nonce: &RouteNonce) -> bool {
        self.used.contains(office, nonce)
    }
}
