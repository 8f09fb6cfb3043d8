//! Segments: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance", CRYPTO 2015) over ChaCha20-Poly1305 (RFC 8439).
//!
//! ```text
//! nonce = 7 zero bytes | position u32 BE | last u8        the key is new for every attempt
//! plaintext of a segment = data length u32 LE | data | zeros, at most 64 KiB
//! ```

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Tag};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use schleuse_protocol::channel::ChannelError;
use schleuse_protocol::limits::TAG;

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
pub(crate) struct SegmentCipher(ChaCha20Poly1305);

impl SegmentCipher {
    pub(crate) fn new(key: &StorageKey) -> Self {
        Self(ChaCha20Poly1305::new(key.expose().into()))
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
        let tag = self
            .0
            .encrypt_inout_detached(&nonce(position, last), &[], InOutBuf::from(&mut out[start..]))
            .expect("a segment is far below 256 GiB (RFC 8439 section 2.8)");
        out.extend_from_slice(&tag);
    }

    /// Opens a ciphertext into the beginning of `buffer` and returns the plaintext there. What does not fit is longer
    /// than anything that a sender seals. On an error nothing was written.
    pub(crate) fn open<'b>(
        &self,
        position: u32,
        last: Last,
        ciphertext: &[u8],
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], ChannelError> {
        let (sealed, tag) = ciphertext.split_last_chunk::<TAG>().ok_or(ChannelError::NotAuthentic)?;
        let plaintext = buffer.get_mut(..sealed.len()).ok_or(ChannelError::NotAuthentic)?;
        let between = InOutBuf::new(sealed, &mut *plaintext).expect("both have the same length");
        self.0
            .decrypt_inout_detached(&nonce(position, last), &[], between, &Tag::<ChaCha20Poly1305>::from(*tag))
            .map_err(|_| ChannelError::NotAuthentic)?;
        Ok(plaintext)
    }
}

fn nonce(position: u32, last: Last) -> Nonce {
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&position.to_be_bytes());
    nonce[11] = (last == Last::Yes).into();
    nonce.into()
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

#[cfg(test)]
mod tests {
    use aead_stream::{NewStream, StreamBE32, StreamPrimitive};

    use super::*;

    #[test]
    fn it_is_stream_be32() {
        let stream = StreamBE32::<ChaCha20Poly1305>::new(&[7; 32].into(), &[0; 7].into());
        let cipher = SegmentCipher::new(&StorageKey::from_bytes(&[7; 32]));
        for (position, last) in [(0, Last::No), (1, Last::Yes), (0x0102_0304, Last::No), (u32::MAX - 1, Last::Yes)] {
            let mut sealed = b"head|plaintext".to_vec();
            cipher.seal_tail(position, last, 5, &mut sealed);
            assert_eq!(&sealed[..5], b"head|");
            let is_last = last == Last::Yes;
            assert_eq!(stream.encrypt(position, is_last, &b"plaintext"[..]).unwrap(), &sealed[5..]);

            let mut buffer = [0; 20];
            assert_eq!(cipher.open(position, last, &sealed[5..], &mut buffer), Ok(&b"plaintext"[..]));
            let other = if is_last { Last::No } else { Last::Yes };
            for (position, last) in [(position, other), (position ^ 1, last)] {
                assert_eq!(cipher.open(position, last, &sealed[5..], &mut buffer), Err(ChannelError::NotAuthentic));
            }
        }
    }

    #[test]
    fn what_is_too_short_or_too_long_is_not_authentic() {
        let cipher = SegmentCipher::new(&StorageKey::from_bytes(&[7; 32]));
        let mut sealed = vec![1; 9];
        cipher.seal_tail(0, Last::No, 0, &mut sealed);
        assert_eq!(cipher.open(0, Last::No, &sealed, &mut [0; 8]), Err(ChannelError::NotAuthentic));
        assert_eq!(cipher.open(0, Last::No, &sealed[..TAG - 1], &mut [0; 9]), Err(ChannelError::NotAuthentic));
        assert!(cipher.open(0, Last::No, &sealed, &mut [0; 9]).is_ok());
    }
}
