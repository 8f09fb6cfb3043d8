//! Segments: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance", CRYPTO 2015) over ChaCha20-Poly1305 (RFC 8439).
//!
//! ```text
//! nonce = 7 zero bytes | position u32 BE | last u8        the key is new for every attempt
//! plaintext of a segment = data length u32 LE | data | zeros, at most 64 KiB
//! ```

use aead_stream::aead::{self, Buffer};
use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
use chacha20poly1305::ChaCha20Poly1305;
use schleuse_protocol::channel::ChannelError;
use schleuse_protocol::limits::{SEGMENT_PLAINTEXT, TAG};

use crate::secret::StorageKey;

/// Bytes before the data in a segment's plaintext.
pub(crate) const LENGTH_FIELD: usize = 4;

/// Whether a frame is the last of its attempt: the STREAM flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    No,
    Yes,
}

/// The AEAD of one attempt's segments and final. `chacha20poly1305` wipes the key on drop.
pub(crate) struct SegmentCipher(StreamBE32<ChaCha20Poly1305>);

impl SegmentCipher {
    pub(crate) fn new(key: &StorageKey) -> Self {
        Self(StreamBE32::new(key.expose().into(), &[0; 7].into()))
    }

    /// Appends the ciphertext of one data segment to `out`, encrypting in place; `out` grows at most once.
    pub(crate) fn seal_data(&self, position: u32, data: &[u8], padding: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let length = u32::try_from(data.len()).expect("the caller checked that the data fit a segment");
        out.reserve_exact(LENGTH_FIELD + data.len() + padding + TAG);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(data);
        out.resize(start + LENGTH_FIELD + data.len() + padding, 0);
        self.seal_tail(position, Last::No, start, out);
    }

    /// Encrypts what stands in `out` from `start` on, and appends the tag.
    pub(crate) fn seal_tail(&self, position: u32, last: Last, start: usize, out: &mut Vec<u8>) {
        let mut tail = Tail { bytes: out, start };
        self.0
            .encrypt_in_place(position, last == Last::Yes, &[], &mut tail)
            .expect("a vector takes the tag, and a segment is far below 256 GiB (RFC 8439 section 2.8)");
    }

    /// Opens a ciphertext into `plaintext`, whose former content is lost. On an error `plaintext` holds nothing of use.
    pub(crate) fn open(
        &self,
        position: u32,
        last: Last,
        ciphertext: &[u8],
        plaintext: &mut Vec<u8>,
    ) -> Result<(), ChannelError> {
        if ciphertext.len() > SEGMENT_PLAINTEXT + TAG {
            return Err(ChannelError::NotAuthentic);
        }
        plaintext.clear();
        plaintext.extend_from_slice(ciphertext);
        self.0.decrypt_in_place(position, last == Last::Yes, &[], plaintext).map_err(|_| ChannelError::NotAuthentic)
    }
}

/// Splits the plaintext of a data segment into its data and the length of its padding, which must be zeros.
pub(crate) fn split_plaintext(plaintext: &[u8]) -> Result<(&[u8], usize), ChannelError> {
    let (length, rest) = plaintext.split_first_chunk::<LENGTH_FIELD>().ok_or(ChannelError::Malformed)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| ChannelError::Malformed)?;
    let (data, padding) = rest.split_at_checked(length).ok_or(ChannelError::Malformed)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(ChannelError::Malformed);
    }
    Ok((data, padding.len()))
}

/// The end of a vector as a buffer of the AEAD, so that a ciphertext can be made where its frame is built.
struct Tail<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
}

impl AsRef<[u8]> for Tail<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl AsMut<[u8]> for Tail<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

impl Buffer for Tail<'_> {
    fn extend_from_slice(&mut self, other: &[u8]) -> aead::Result<()> {
        self.bytes.extend_from_slice(other);
        Ok(())
    }

    fn truncate(&mut self, length: usize) {
        self.bytes.truncate(self.start + length);
    }
}
