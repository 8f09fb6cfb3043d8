//! Admission: the MAC of a route token, and nothing else.
//!
//! An inner proxy mints it ([`AdmissionKey::mac`]); an outer proxy, which received the key of the epoch, checks it
//! ([`AdmissionKey::check`]) before it opens anything. The key lets its holder check and mint MACs; it opens nothing.
//! What the token seals is in `schleuse-seal`, which outer proxies do not link.
//!
//! ```text
//! key   = HKDF-SHA256 (RFC 5869): Extract(no salt, cluster secret), Expand(key label | epoch)
//! mac   = HMAC-SHA256 (RFC 2104) under it of: MAC label | epoch | nonce | sealed; its first 16 bytes
//! ```
//!
//! Encodings are those of `schleuse-seal`'s labels: `len u8 | label | (len u32 LE | part)*`.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use schleuse_protocol::wire::hop::AdmissionKeyBytes;
use schleuse_protocol::wire::token::{Epoch, RouteToken};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

const KEY_LABEL: &str = "schleuse/1 admission key";
const MAC_LABEL: &str = "schleuse/1 admission";

/// Length of [`RouteToken::mac`] in bytes.
const MAC: usize = 16;

/// The admission key of one inner proxy's cluster and one epoch. Wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct AdmissionKey([u8; 32]);

impl AdmissionKey {
    /// The key of this epoch: RFC 5869 sections 2.2 and 2.3.
    pub fn derive(cluster_secret: &[u8; 32], epoch: Epoch) -> Self {
        let mut key = Self([0; 32]);
        Hkdf::<Sha256>::new(None, cluster_secret)
            .expand(&bind(KEY_LABEL, &epoch.0.to_le_bytes()), &mut key.0)
            .expect("32 bytes are fewer than 255 blocks");
        key
    }

    /// The key as an inner proxy sends it to an outer proxy.
    pub fn to_bytes(&self) -> AdmissionKeyBytes {
        AdmissionKeyBytes(self.0)
    }

    /// The key as an outer proxy receives it.
    pub fn from_bytes(bytes: &AdmissionKeyBytes) -> Self {
        Self(bytes.0)
    }

    /// Fills in the token's `mac`.
    pub fn mac(&self, token: &mut RouteToken) {
        let mac = self.hmac(token).finalize().into_bytes();
        token.mac.copy_from_slice(&mac[..MAC]);
    }

    /// Whether the token's `mac` was made with this key, in constant time. A key of another epoch says no.
    pub fn check(&self, token: &RouteToken) -> bool {
        self.hmac(token).verify_truncated_left(&token.mac).is_ok()
    }

    fn hmac(&self, token: &RouteToken) -> Hmac<Sha256> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        hmac.update(&bind(MAC_LABEL, &token.authenticated_bytes()));
        hmac
    }
}

/// Label and part as one unambiguous string of bytes.
fn bind(label: &str, part: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5 + label.len() + part.len());
    bytes.push(u8::try_from(label.len()).expect("labels are short"));
    bytes.extend_from_slice(label.as_bytes());
    bytes.extend_from_slice(&u32::try_from(part.len()).expect("parts are short").to_le_bytes());
    bytes.extend_from_slice(part);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use schleuse_protocol::wire::Wire;
    use schleuse_protocol::wire::token::RouteNonce;

    const EPOCH: Epoch = Epoch(690);

    fn token() -> RouteToken {
        RouteToken { epoch: EPOCH, nonce: RouteNonce([1; 16]), sealed: [2; 48], mac: [0; 16] }
    }

    #[test]
    fn passes_what_it_minted_even_through_another_copy_of_the_key() {
        let key = AdmissionKey::derive(&[9; 32], EPOCH);
        let mut token = token();
        assert!(!key.check(&token));
        key.mac(&mut token);
        assert!(key.check(&token));
        assert!(AdmissionKey::from_bytes(&key.to_bytes()).check(&token));
    }

    #[test]
    fn refuses_any_flipped_bit() {
        let key = AdmissionKey::derive(&[9; 32], EPOCH);
        let mut token = token();
        key.mac(&mut token);
        let bytes = token.to_wire();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = RouteToken::from_wire(&flipped).unwrap();
            assert!(!key.check(&flipped), "bit {bit}");
        }
    }

    #[test]
    fn refuses_a_token_of_another_cluster_or_epoch() {
        let mut token = token();
        AdmissionKey::derive(&[9; 32], EPOCH).mac(&mut token);
        assert!(!AdmissionKey::derive(&[8; 32], EPOCH).check(&token));
        assert!(!AdmissionKey::derive(&[9; 32], EPOCH.next()).check(&token));
        token.epoch = EPOCH.next();
        assert!(!AdmissionKey::derive(&[9; 32], EPOCH.next()).check(&token));
    }

    #[test]
    fn the_format_has_not_changed() {
        // Computed independently with Python's hmac and hashlib from the formulas in this crate's documentation.
        let mut token = token();
        AdmissionKey::derive(&[9; 32], EPOCH).mac(&mut token);
        let mac: String = token.mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(mac, "d1e9500713001cac781fb0c26935dee2");
    }

    #[test]
    fn the_table_in_the_documentation_has_both_labels() {
        let table = include_str!("../../../docs/cryptography.md");
        for label in [KEY_LABEL, MAC_LABEL] {
            assert!(table.contains(&format!("| `{label}` |")), "docs/cryptography.md has no row for {label}");
        }
    }
}
