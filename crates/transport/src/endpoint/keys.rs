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
use quinn_proto::HashedConnectionIdGenerator;
use quinn_proto::crypto::{CryptoError, HmacKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::SecretKey;

const CID_LABEL: &str = "schleuse/1 quic connection id";
const RESET_LABEL: &str = "schleuse/1 quic stateless reset";
/// quinn allows itself one reset in 20 ms; a few hundred links of a restarted proxy would wait seconds for theirs.
const MIN_RESET_INTERVAL: Duration = Duration::from_millis(1);

/// The connection-id key and the reset key of one endpoint.
#[derive(Clone)]
pub struct EndpointKeys {
    cid: u64,
    reset: Arc<ResetKey>,
}

impl EndpointKeys {
    /// Derives both with HKDF-SHA256 from the cluster secret.
    ///
    /// `instance` names the process among those that share the secret (its member id and listening address will do),
    /// `core` the endpoint within it. They must differ because endpoints that share a reset key would answer each
    /// other's packets, and so hand the token to whoever sends a copy of a packet to the wrong one (RFC 9000, 21.11).
    pub fn derive(cluster_secret: &SecretKey, instance: &str, core: usize) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, cluster_secret.expose());
        let core = u64::try_from(core).unwrap_or(u64::MAX).to_le_bytes();
        let expand = |label: &str, output: &mut [u8]| {
            hkdf.expand_multi_info(&[label.as_bytes(), &[0], &core, instance.as_bytes()], output)
                .expect("HKDF-SHA256 yields up to 8160 bytes");
        };
        let mut cid = [0; 8];
        expand(CID_LABEL, &mut cid);
        let mut reset = Zeroizing::new([0; 32]);
        expand(RESET_LABEL, &mut *reset);
        Self { cid: u64::from_le_bytes(cid), reset: Arc::new(ResetKey(reset)) }
    }

    pub(super) fn endpoint_config(&self) -> EndpointConfig {
        let cid = self.cid;
        let mut config = EndpointConfig::new(self.reset.clone());
        config
            .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(cid)))
            .min_reset_interval(MIN_RESET_INTERVAL);
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
        assert_eq!((keys.cid, token(&keys)), (again.cid, token(&again)));
        assert!(keys.reset.verify(b"connection id", &token(&again)).is_ok());
        let others = [
            EndpointKeys::derive(&secret, "inner-1", 1),
            EndpointKeys::derive(&secret, "inner-2", 0),
            EndpointKeys::derive(&SecretKey::new([8; 32]), "inner-1", 0),
        ];
        for other in others {
            assert_ne!(keys.cid, other.cid);
            assert!(keys.reset.verify(b"connection id", &token(&other)).is_err());
        }
    }
}
