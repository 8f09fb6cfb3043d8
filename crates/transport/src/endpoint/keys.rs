//! Keys by which peers recognise a restarted proxy at once.
//!
//! A restarted process does not know its old connections. If it still recognises its own connection ids and can still
//! compute their reset tokens, it answers the next packet with a stateless reset (RFC 9000, 10.3), and the peer dials
//! anew within a round trip. With quinn's default random keys the peer would wait for its idle timeout.

use std::sync::Arc;
use std::time::Duration;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use quinn::EndpointConfig;
use quinn_proto::crypto::{CryptoError, HmacKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::cid::{CidKey, Generator};
use super::post::{Place, Post};
use crate::secret::SecretKey;

const CID_LABEL: &str = "schleuse/1 quic connection id";
const RESET_LABEL: &str = "schleuse/1 quic stateless reset";
/// As many as an id can tell apart.
const MOST_CORES: usize = u16::MAX as usize;
/// quinn allows itself one reset in 20 ms; a few hundred links of a restarted proxy would wait seconds for theirs.
const MIN_RESET_INTERVAL: Duration = Duration::from_millis(1);

/// The connection-id key and the reset key of one endpoint.
#[derive(Clone)]
pub struct EndpointKeys {
    cid: CidKey,
    reset: Arc<ResetKey>,
    core: u16,
    /// How many there are at this address, if it is known.
    cores: Option<u16>,
    place: Option<Place>,
}

impl EndpointKeys {
    /// Derives both with HKDF-SHA256 from the cluster secret.
    ///
    /// `instance` names the process and address among those that share the secret (its member id and listening address
    /// will do). They must differ because endpoints that share a reset key would answer each other's packets, and so hand
    /// the token to whoever sends a copy of a packet to the wrong one (RFC 9000, 21.11). The endpoints of one instance
    /// share the keys: `core` is in each id, and a core answers only for its own.
    pub fn derive(cluster_secret: &SecretKey, instance: &str, core: usize) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, cluster_secret.expose());
        let core = u16::try_from(core).unwrap_or(u16::MAX);
        let expand = |label: &str, output: &mut [u8]| {
            hkdf.expand_multi_info(&[label.as_bytes(), &[0], instance.as_bytes()], output)
                .expect("HKDF-SHA256 yields up to 8160 bytes");
        };
        let mut cid = [[0; 8]; 2];
        expand(CID_LABEL, cid.as_flattened_mut());
        let [first, second] = cid.map(u64::from_le_bytes);
        let mut reset = Zeroizing::new([0; 32]);
        expand(RESET_LABEL, &mut *reset);
        Self { cid: CidKey(first, second), reset: Arc::new(ResetKey(reset)), core, cores: None, place: None }
    }

    /// The keys of all endpoints at one address, which hand each other what came in on the wrong socket.
    pub fn derive_all(cluster_secret: &SecretKey, instance: &str, cores: usize) -> Vec<Self> {
        let mut all: Vec<_> = (0..cores).map(|core| Self::derive(cluster_secret, instance, core)).collect();
        for keys in &mut all {
            keys.cores = u16::try_from(cores).ok();
        }
        if let (Some(first), 2..=MOST_CORES) = (all.first(), cores) {
            let post = Arc::new(Post::new(first.cid, u16::try_from(cores).unwrap_or(u16::MAX)));
            for keys in &mut all {
                keys.place = Some(Place { post: post.clone(), core: keys.core });
            }
        }
        all
    }

    /// Where the endpoint finds what came in on another socket, if there are others.
    pub(super) fn place(&self) -> Option<Place> {
        self.place.clone()
    }

    pub(super) fn endpoint_config(&self) -> EndpointConfig {
        let (key, core, cores) = (self.cid, self.core, self.cores);
        let mut config = EndpointConfig::new(self.reset.clone());
        config.cid_generator(move || Box::new(Generator { key, core, cores })).min_reset_interval(MIN_RESET_INTERVAL);
        config
    }
}

struct ResetKey(Zeroizing<[u8; 32]>);

impl ResetKey {
    fn mac(&self, data: &[u8]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length").chain_update(data)
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(&self.mac(data).finalize().into_bytes());
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.mac(data).verify_slice(signature).map_err(|_| CryptoError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(keys: &EndpointKeys) -> [u8; 32] {
        let mut token = [0; 32];
        keys.reset.sign(b"connection id", &mut token);
        token
    }

    #[test]
    fn keys_repeat_after_a_restart_and_differ_everywhere_else() {
        let secret = SecretKey::new([7; 32]);
        let keys = EndpointKeys::derive(&secret, "inner-1", 0);
        let again = EndpointKeys::derive(&secret, "inner-1", 0);
        let cid = |keys: &EndpointKeys| (keys.cid.0, keys.cid.1);
        assert_eq!((cid(&keys), token(&keys)), (cid(&again), token(&again)));
        assert!(keys.reset.verify(b"connection id", &token(&again)).is_ok());
        let others =
            [EndpointKeys::derive(&secret, "inner-2", 0), EndpointKeys::derive(&SecretKey::new([8; 32]), "inner-1", 0)];
        for other in others {
            assert_ne!(cid(&keys), cid(&other));
            assert!(keys.reset.verify(b"connection id", &token(&other)).is_err());
        }
    }
}
