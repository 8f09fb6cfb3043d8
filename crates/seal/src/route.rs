//! The sealed half of a route token: an inner proxy's note to itself, which nobody else can read.
//!
//! ```text
//! key id = HKDF-SHA256: Extract(no salt, cluster secret), Expand(key id label), 8 bytes
//! key    = HKDF-SHA256 (RFC 5869): Extract(no salt, cluster secret), Expand(label | epoch)
//! sealed = XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) of the claims, nonce = token nonce 16 | 8 zero bytes,
//!          aad = label | epoch
//! ```
//!
//! The token's MAC, which an outer proxy checks, is in the crate `schleuse-admission`.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand::CryptoRng;
use schleuse_protocol::limits::TAG;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken, TokenKeyId};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::label::Label;

/// Seals and opens the routes of one cluster of inner proxies.
pub struct RouteSealer {
    /// RFC 5869 section 2.2: the extracted cluster secret.
    secret: Zeroizing<[u8; 32]>,
}

impl RouteSealer {
    /// A sealer for the cluster with this secret.
    pub fn new(cluster_secret: &[u8; 32]) -> Self {
        let (extracted, _) = Hkdf::<Sha256>::extract(None, cluster_secret);
        Self { secret: Zeroizing::new(extracted.into()) }
    }

    /// Names the cluster's secret, and tells nothing about it.
    pub fn key_id(&self) -> TokenKeyId {
        let mut id = TokenKeyId([0; 8]);
        self.expand(&Label::TokenKeyId.bind(&[]), &mut id.0);
        id
    }

    /// A token for these claims. Its `mac` is still zero: `AdmissionKey::mac` fills it in.
    pub fn seal(&self, claims: &RouteClaims, rng: &mut impl CryptoRng) -> RouteToken {
        let mut nonce = RouteNonce([0; 16]);
        rng.fill_bytes(&mut nonce.0);
        let epoch = Epoch::of(claims.not_after);
        let mut sealed = [0; RouteClaims::LEN + TAG];
        let (body, tag) = sealed.split_at_mut(RouteClaims::LEN);
        body.copy_from_slice(&claims.to_wire());
        let made = self
            .cipher(epoch)
            .encrypt_inout_detached(&extended_nonce(&nonce), &aad(epoch), body.into())
            .expect("32 bytes are few enough (RFC 8439 section 2.8)");
        tag.copy_from_slice(&made);
        RouteToken { epoch, nonce, sealed, mac: [0; 16] }
    }

    /// The claims of a token that this cluster sealed. Whether they are still valid is for the caller to check.
    pub fn open(&self, token: &RouteToken) -> Option<RouteClaims> {
        let mut body = [0; RouteClaims::LEN];
        let (sealed, tag) = token.sealed.split_first_chunk::<{ RouteClaims::LEN }>()?;
        body.copy_from_slice(sealed);
        let tag = Tag::try_from(tag).ok()?;
        self.cipher(token.epoch)
            .decrypt_inout_detached(&extended_nonce(&token.nonce), &aad(token.epoch), body.as_mut_slice().into(), &tag)
            .ok()?;
        RouteClaims::from_wire(&body).ok()
    }

    /// RFC 5869 section 2.3: the key of one epoch.
    fn cipher(&self, epoch: Epoch) -> XChaCha20Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        self.expand(&Label::RouteKey.bind(&[&epoch.0.to_le_bytes()]), key.as_mut_slice());
        XChaCha20Poly1305::new((&*key).into())
    }

    fn expand(&self, info: &[u8], output: &mut [u8]) {
        Hkdf::<Sha256>::from_prk(self.secret.as_slice())
            .expect("32 bytes are a whole extracted secret")
            .expand(info, output)
            .expect("32 bytes are fewer than 255 blocks");
    }
}

fn extended_nonce(nonce: &RouteNonce) -> XNonce {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&nonce.0);
    XNonce::from(bytes)
}

fn aad(epoch: Epoch) -> Vec<u8> {
    Label::Route.bind(&[&epoch.0.to_le_bytes()])
}
