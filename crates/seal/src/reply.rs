//! Replies: the same AEAD the other way, under a key of its own for every stream.
//!
//! ```text
//! key   = HKDF-SHA256 (RFC 5869): Extract(salt, reply secret), Expand(label)
//! nonce = 7 zero bytes | number of the reply u32 BE | 0
//! ```
//!
//! The office draws the salt at random for each stream. So a pair of key and nonce never comes twice, even if an office
//! forgets everything between two streams of one attempt.

use aead_stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use schleuse_protocol::channel::{ChannelError, ReplyOpener};
use schleuse_protocol::limits::{REPLY_PLAINTEXT, TAG};
use schleuse_protocol::wire::hello::{pad_fixed, unpad_fixed};
use schleuse_protocol::wire::reply::{Refusal, Reply};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::label::Label;
use crate::secret::ReplySecret;

/// The office's end of one stream's replies.
pub(crate) struct ReplySealer(EncryptorBE32<ChaCha20Poly1305>);

impl ReplySealer {
    pub(crate) fn new(secret: &ReplySecret, salt: &[u8; 32]) -> Self {
        Self(EncryptorBE32::new((&*reply_key(secret, salt)).into(), &[0; 7].into()))
    }

    /// Seals the next reply: [`REPLY_PLAINTEXT`] bytes and a tag, whatever it says.
    pub(crate) fn seal(&mut self, reply: &Reply) -> Vec<u8> {
        let mut buffer = pad_fixed(reply, REPLY_PLAINTEXT).unwrap_or_else(|| pad_without_text(reply));
        buffer.reserve_exact(TAG);
        self.0.encrypt_next_in_place(&[], &mut buffer).expect("no stream has 2^32 replies");
        buffer
    }
}

/// A refusal whose text does not fit says its reason only.
fn pad_without_text(reply: &Reply) -> Vec<u8> {
    let Reply::Refusal(Refusal { reason, .. }) = reply else {
        unreachable!("only a refusal's text has no fixed length")
    };
    let short = Reply::Refusal(Refusal { reason: *reason, text: String::new() });
    pad_fixed(&short, REPLY_PLAINTEXT).expect("a reason alone fits")
}

/// The sender's end of one stream's replies.
pub struct Replies(DecryptorBE32<ChaCha20Poly1305>);

impl Replies {
    pub(crate) fn new(secret: &ReplySecret, salt: &[u8; 32]) -> Self {
        Self(DecryptorBE32::new((&*reply_key(secret, salt)).into(), &[0; 7].into()))
    }
}

impl ReplyOpener for Replies {
    fn open(&mut self, ciphertext: &[u8]) -> Result<Reply, ChannelError> {
        if ciphertext.len() != REPLY_PLAINTEXT + TAG {
            return Err(ChannelError::NotAuthentic);
        }
        let mut buffer = ciphertext.to_vec();
        self.0.decrypt_next_in_place(&[], &mut buffer).map_err(|_| ChannelError::NotAuthentic)?;
        unpad_fixed(&buffer).map_err(|_| ChannelError::Malformed)
    }
}

/// RFC 5869 sections 2.2 and 2.3.
fn reply_key(secret: &ReplySecret, salt: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret.expose())
        .expand(&Label::ReplyKey.bind(&[]), key.as_mut_slice())
        .expect("32 bytes are fewer than 255 blocks");
    key
}
