//! Ed25519 (RFC 8032): signatures of offices, senders and root keys, always over a labelled encoding.

use std::cell::RefCell;

use ed25519_dalek::{Signer, VerifyingKey};
use rand::CryptoRng;
use schleuse_protocol::wire::signed::Signature;
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
    unpacked(public).is_some_and(|key| key.verify_strict(&label.bind(parts), &signature).is_ok())
}

/// Public keys that a thread has unpacked, each at the place that its first byte names.
const UNPACKED: usize = 64;

thread_local! {
    static CACHE: RefCell<[Option<VerifyingKey>; UNPACKED]> = const { RefCell::new([None; UNPACKED]) };
}

/// The point of a public key: RFC 8032 section 5.1.3. Unpacking it costs a square root, and the same few members sign again
/// and again.
fn unpacked(public: &[u8; 32]) -> Option<VerifyingKey> {
    let place = usize::from(public[0]) % UNPACKED;
    CACHE.with_borrow_mut(|cache| match cache[place] {
        Some(key) if key.as_bytes() == public => Some(key),
        _ => {
            cache[place] = Some(VerifyingKey::from_bytes(public).ok()?);
            cache[place]
        }
    })
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
    fn keys_that_share_a_place_in_the_cache_are_not_mixed_up() {
        let keys: Vec<_> = (0..=255).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect();
        for (signer, other) in keys.iter().zip(keys.iter().cycle().skip(1)).chain(keys.iter().zip(&keys[128..])) {
            let signature = signer.sign(Label::Receipt, &[b"content"]);
            assert!(!verify(&other.public(), Label::Receipt, &[b"content"], &signature));
            assert!(verify(&signer.public(), Label::Receipt, &[b"content"], &signature));
        }
        // No point of the curve: refused again and again.
        let nonsense = [2; 32];
        assert!((0..2).all(|_| unpacked(&nonsense).is_none()));
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
