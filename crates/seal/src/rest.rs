//! Secrets at rest: wrapped under the office's key-encryption key, and bound to the place where they are stored.
//!
//! ```text
//! key     = HKDF-SHA256 (RFC 5869): Extract(no salt, key-encryption key), Expand(label)
//! wrapped = nonce 24, random | XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) of the secret | tag 16
//! aad     = label | table | id | column | version         so a wrapped secret opens in its own place only
//! ```

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::label::Label;

const NONCE: usize = 24;
const TAG: usize = 16;

/// Where a record is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordContext<'a> {
    /// The table.
    pub table: &'a str,
    /// The row.
    pub id: &'a [u8],
    /// The column.
    pub column: &'a str,
    /// Version of the record's meaning.
    pub version: u32,
}

impl RecordContext<'_> {
    fn aad(&self) -> Vec<u8> {
        let version = self.version.to_le_bytes();
        Label::AtRest.bind(&[self.table.as_bytes(), self.id, self.column.as_bytes(), &version])
    }
}

/// The office's key-encryption key. `chacha20poly1305` wipes it on drop.
pub struct Kek(XChaCha20Poly1305);

impl Kek {
    /// The key from its file or credential.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, bytes)
            .expand(&Label::AtRestKey.bind(&[]), key.as_mut_slice())
            .expect("32 bytes are fewer than 255 blocks");
        Self(XChaCha20Poly1305::new((&*key).into()))
    }

    /// Wraps a secret for its place.
    pub fn wrap(&self, context: &RecordContext<'_>, plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let mut wrapped = Vec::with_capacity(NONCE + plaintext.len() + TAG);
        wrapped.extend_from_slice(&nonce);
        wrapped.extend_from_slice(plaintext);
        let tag = self
            .0
            .encrypt_inout_detached(&XNonce::from(nonce), &context.aad(), (&mut wrapped[NONCE..]).into())
            .expect("a record is far below 256 GiB (RFC 8439 section 2.8)");
        wrapped.extend_from_slice(&tag);
        wrapped
    }

    /// Unwraps what [`wrap`](Self::wrap) made for the same place.
    pub fn unwrap(&self, context: &RecordContext<'_>, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnwrapError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or(UnwrapError)?;
        let mut plaintext = Zeroizing::new(sealed.to_vec());
        self.0.decrypt_in_place(&XNonce::from(*nonce), &context.aad(), &mut *plaintext).map_err(|_| UnwrapError)?;
        Ok(plaintext)
    }
}

/// A wrapped secret does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored key does not open: the key-encryption key is another one, or the record was changed or moved")]
pub struct UnwrapError;
