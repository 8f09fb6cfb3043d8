//! Ed25519 (RFC 8032): signatures of offices, senders and root keys, always over a labelled encoding.

use ed25519_dalek::{Signer, VerifyingKey};
use rand::CryptoRng;
use schleuse_protocol::wire::ticket::Signature;
use zeroize::Zeroizing;

use crate::label::Label;

/// A private signing key. Wiped when dropped (by `ed25519-dalek`).
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A fresh key: RFC 8032 section 5.1.5, step 1.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_bytes(&seed)
    }

    /// The key with this 32-byte seed.
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The 32-byte seed, for storage in a key file or under a key-encryption key.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public key, 32 bytes.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs label and parts: RFC 8032 section 5.1.6 (deterministic).
    pub fn sign(&self, label: Label, parts: &[&[u8]]) -> Signature {
        Signature(self.0.sign(&label.bind(parts)).to_bytes())
    }
}

/// Whether `signature` is by `public` over label and parts: RFC 8032 section 5.1.7, in the strict form that also
/// refuses keys and commitments of small order, so that one signature cannot fit several messages or keys.
pub fn verify(public: &[u8; 32], label: Label, parts: &[&[u8]], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify_strict(&label.bind(parts), &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_one_label_one_split_and_one_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let other = SigningKey::from_bytes(&[8; 32]);
        let signature = key.sign(Label::Identity, &[b"ab", b"c"]);
        assert!(verify(&key.public(), Label::Identity, &[b"ab", b"c"], &signature));
        assert!(!verify(&key.public(), Label::Receipt, &[b"ab", b"c"], &signature));
        assert!(!verify(&key.public(), Label::Identity, &[b"a", b"bc"], &signature));
        assert!(!verify(&other.public(), Label::Identity, &[b"ab", b"c"], &signature));
    }

    #[test]
    fn a_key_of_small_order_verifies_nothing() {
        // The neutral element as public key and commitment, s = 0: passes the plain equation for every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(!verify(&neutral, Label::Receipt, &[b"anything"], &Signature(forged)));
    }

    #[test]
    fn keys_survive_storage() {
        let key = SigningKey::from_bytes(&[7; 32]);
        assert_eq!(SigningKey::from_bytes(&key.to_bytes()).public(), key.public());
    }
}
