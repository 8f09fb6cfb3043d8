//! Route tokens: minted, opened, and what outer proxies need to check them. Everything derives from the cluster secret.

use std::sync::{Arc, Mutex, PoisonError};

use schleuse_admission::AdmissionKey;
use schleuse_protocol::inner::{RouteOpener, UsedNonces};
use schleuse_protocol::limits::EPOCH;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hop::AdmissionKeyBytes;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken, TokenKeyId};
use schleuse_seal::{RouteSealer, system_rng};
use schleuse_transport::secret::SecretKey;

/// Current and next: all epochs that have living tokens.
type Pair = [(Epoch, AdmissionKey); 2];

/// The keys of this proxy.
pub(crate) struct KeyRing {
    secret: SecretKey,
    sealer: RouteSealer,
    admission: Mutex<Arc<Pair>>,
}

impl KeyRing {
    pub(crate) fn new(secret: SecretKey, now: UnixSeconds) -> Self {
        let sealer = RouteSealer::new(secret.expose());
        let admission = Mutex::new(Arc::new(derive(&secret, Epoch::of(now))));
        Self { secret, sealer, admission }
    }

    /// What offices are told, so that they throw tokens of another secret away.
    pub(crate) fn id(&self) -> TokenKeyId {
        self.sealer.key_id()
    }

    /// What outer proxies need now.
    pub(crate) fn admission_keys(&self, now: UnixSeconds) -> [(Epoch, AdmissionKeyBytes); 2] {
        self.pair(now).each_ref().map(|(epoch, key)| (*epoch, key.to_bytes()))
    }

    /// Mints `count` tokens, and says until when they are valid: as is claimed, but not in the past, and for one epoch at
    /// most, since nobody has keys for longer.
    pub(crate) fn mint(&self, claims: RouteClaims, count: u16, now: UnixSeconds) -> (UnixSeconds, Vec<RouteToken>) {
        let not_after = claims.not_after.clamp(now, now.after(EPOCH));
        let pair = self.pair(now);
        let (mut rng, claims) = (system_rng(), RouteClaims { not_after, ..claims });
        let tokens = (0..count).filter_map(|_| {
            let mut token = self.sealer.seal(&claims, &mut rng);
            key_of(&pair, token.epoch)?.mac(&mut token);
            Some(token)
        });
        (not_after, tokens.collect())
    }

    /// protocol.md 7.1: MAC first, then the seal.
    fn open(&self, token: &RouteToken, now: UnixSeconds) -> Option<RouteClaims> {
        let pair = self.pair(now);
        key_of(&pair, token.epoch).filter(|key| key.check(token))?;
        self.sealer.open(token)
    }

    /// The keys of the epoch that contains `now`, and of the next.
    fn pair(&self, now: UnixSeconds) -> Arc<Pair> {
        let mut pair = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        if pair[0].0 != Epoch::of(now) {
            *pair = Arc::new(derive(&self.secret, Epoch::of(now)));
        }
        pair.clone()
    }
}

fn derive(secret: &SecretKey, current: Epoch) -> Pair {
    [current, current.next()].map(|epoch| (epoch, AdmissionKey::derive(secret.expose(), epoch)))
}

fn key_of(pair: &Pair, epoch: Epoch) -> Option<&AdmissionKey> {
    pair.iter().find(|(of, _)| *of == epoch).map(|(_, key)| key)
}

/// What judges the token of a stream.
pub(crate) struct Opener<'a> {
    pub(crate) keys: &'a KeyRing,
    pub(crate) used: &'a Mutex<UsedNonces>,
}

impl RouteOpener for Opener<'_> {
    fn open(&self, token: &RouteToken, now: UnixSeconds) -> Option<RouteClaims> {
        self.keys.open(token, now)
    }

    fn is_used(&self, office: &MemberId, nonce: &RouteNonce) -> bool {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).contains(office, nonce)
    }
}

#[cfg(test)]
mod tests {
    use schleuse_protocol::wire::token::StoreId;

    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

    fn ring(secret: u8) -> KeyRing {
        KeyRing::new(SecretKey::new([secret; 32]), NOW)
    }

    fn claims(not_after: UnixSeconds) -> RouteClaims {
        RouteClaims { office: "ga-koeln".parse().unwrap(), store: StoreId([7; 8]), not_after }
    }

    #[test]
    fn a_token_is_opened_by_every_instance_with_the_same_secret() {
        let (not_after, tokens) = ring(1).mint(claims(NOW.after(EPOCH / 2)), 3, NOW);
        assert_eq!((not_after, tokens.len()), (NOW.after(EPOCH / 2), 3));
        for token in &tokens {
            assert_eq!(ring(1).open(token, NOW), Some(claims(not_after)));
            assert_eq!(ring(2).open(token, NOW), None);
        }
        assert_ne!(tokens[0].nonce, tokens[1].nonce);
    }

    #[test]
    fn validity_is_one_epoch_at_most_and_never_in_the_past() {
        let minted = |wanted| ring(1).mint(claims(wanted), 1, NOW);
        let (not_after, tokens) = minted(UnixSeconds(u64::MAX));
        assert_eq!((not_after, tokens[0].epoch), (NOW.after(EPOCH), Epoch::of(NOW).next()));
        assert!(ring(1).open(&tokens[0], NOW).is_some());
        let (not_after, tokens) = minted(UnixSeconds(0));
        assert_eq!((not_after, tokens[0].epoch), (NOW, Epoch::of(NOW)));
    }

    #[test]
    fn the_ring_turns_with_the_epoch() {
        let ring = ring(1);
        let before = ring.admission_keys(NOW);
        let after = ring.admission_keys(NOW.after(EPOCH));
        assert_eq!(before[1], after[0], "the next key has become the current one");
        assert_eq!(after[1].0, before[1].0.next());
        let (_, tokens) = ring.mint(claims(NOW), 1, NOW);
        assert!(ring.open(&tokens[0], NOW).is_some());
        assert!(ring.open(&tokens[0], NOW.after(EPOCH)).is_none(), "keys of a past epoch open nothing");
    }

    #[test]
    fn an_outer_proxy_with_the_keys_admits_what_was_minted_and_nothing_else() {
        let ring = ring(1);
        let (_, tokens) = ring.mint(claims(NOW), 1, NOW);
        let keys = ring.admission_keys(NOW).map(|(epoch, key)| (epoch, AdmissionKey::from_bytes(&key)));
        let mut token = tokens[0];
        assert!(key_of(&keys, token.epoch).unwrap().check(&token));
        token.sealed[0] ^= 1;
        assert!(!key_of(&keys, token.epoch).unwrap().check(&token));
        assert!(ring.open(&token, NOW).is_none());
    }
}
