//! A sender's attempt as bytes, so that its program can go on with it after a restart.
//!
//! ```text
//! magic            8     "schl-att"
//! version          u8    1
//! ticket hash      32
//! intro            128   padded as in the hello
//! segment key      32
//! reply secret     32
//! content length   u64 LE
//! content hash     32
//! final            272   the sealed trailer
//! hello            length u32 LE, encoding
//! tags             count u32 LE, 16 bytes each
//! check            32    SHA-256 of all of the above
//! ```
//!
//! Only an attempt whose whole content was sealed can be saved: then every position has its tag, a restored [`Sender`] seals
//! nothing for the first time, and what it seals again is compared with the tag before it leaves (docs/cryptography.md 4).
//! Whoever writes these bytes down must do so *before* anything sealed under them is sent.

use schleuse_protocol::limits::{INTRO_PLAINTEXT, SEGMENT_DATA, TAG, TRAILER_PLAINTEXT};
use schleuse_protocol::padding::padded_len;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::hello::{ContentHash, Hello, pad_fixed, unpad_fixed};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::identity::Binding;
use crate::secret::{ReplySecret, StorageKey};
use crate::segment::SegmentCipher;
use crate::sender::{Finished, Sender};
use crate::shape::Shape;
use crate::ticket::VerifiedTicket;
use crate::ticket_hash::ticket_hash;

const MAGIC: &[u8; 8] = b"schl-att";
const FORMAT: u8 = 1;
/// Bytes of everything but hello, tags, and their counts.
const FIXED: usize = MAGIC.len() + 1 + 32 + INTRO_PLAINTEXT + 32 + 32 + 8 + 32 + FINAL + 32;
const FINAL: usize = TRAILER_PLAINTEXT + TAG;

impl Sender {
    /// The attempt as bytes that hold its keys: whoever reads them can read the content. `None` until all of the content and
    /// the final were sealed.
    pub fn save(&self) -> Option<Zeroizing<Vec<u8>>> {
        let finished = self.finished.as_ref()?;
        let hello = self.hello.to_wire();
        // Allocated once: a buffer that grows leaves copies of the keys behind.
        let mut out = Zeroizing::new(Vec::with_capacity(FIXED + 8 + hello.len() + self.tags.len() * TAG));
        out.extend_from_slice(MAGIC);
        out.push(FORMAT);
        out.extend_from_slice(&ticket_hash(self.ticket.ticket()));
        out.extend_from_slice(&pad_fixed(&self.intro, INTRO_PLAINTEXT).expect("every intro fits its padding"));
        out.extend_from_slice(self.segment_key.expose());
        out.extend_from_slice(self.replies.expose());
        out.extend_from_slice(&self.shape.content().to_le_bytes());
        out.extend_from_slice(&finished.content_hash.0);
        out.extend_from_slice(&finished.ciphertext);
        out.extend_from_slice(&count(hello.len()));
        out.extend_from_slice(&hello);
        out.extend_from_slice(&count(self.tags.len()));
        out.extend_from_slice(self.tags.as_flattened());
        let check = Sha256::digest(&out);
        out.extend_from_slice(&check);
        Some(out)
    }

    /// The attempt that [`save`](Self::save) wrote down, under the same ticket.
    ///
    /// # Errors
    /// The bytes are damaged, of another version, or belong to another ticket.
    pub fn restore(ticket: &VerifiedTicket, saved: &[u8]) -> Result<Self, RestoreError> {
        let body = checked(saved)?;
        let mut rest = Rest(body);
        let hash = ticket_hash(ticket.ticket());
        if rest.array::<32>()? != hash {
            return Err(RestoreError::OtherTicket);
        }
        let intro = unpad_fixed(rest.take(INTRO_PLAINTEXT)?).map_err(|_| RestoreError::Damaged)?;
        let segment_key = StorageKey::from_bytes(&Zeroizing::new(rest.array()?));
        let replies = ReplySecret::from_bytes(&Zeroizing::new(rest.array()?));
        let length = u64::from_le_bytes(rest.array()?);
        let content_hash = ContentHash(rest.array()?);
        let ciphertext = rest.take(FINAL)?.to_vec();
        let hello = rest.counted(1)?;
        let hello = Hello::from_wire(hello).map_err(|_| RestoreError::Damaged)?;
        let tags = rest.counted(TAG)?.as_chunks::<TAG>().0.to_vec();
        let shape = Shape::complete(length).ok_or(RestoreError::Damaged)?;
        let fits = hello.encapsulated.suite() == ticket.body().key.suite() && tags.len() == shape.next() as usize;
        if !fits || !rest.0.is_empty() {
            return Err(RestoreError::Damaged);
        }
        Ok(Self {
            binding: Binding::new(ticket.ticket(), hello.encapsulated.as_bytes()),
            segments: SegmentCipher::new(&segment_key),
            ticket: ticket.clone(),
            // The trailer is sealed already: there is nothing left to sign.
            identity: None,
            hasher: Sha256::new(),
            finished: Some(Finished { content_hash, ciphertext }),
            intro,
            hello,
            segment_key,
            replies,
            shape,
            tags,
        })
    }
}

/// A list's length: both lists here are far below 4 GiB.
fn count(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("positions are 32 bits").to_le_bytes()
}

/// What stands between version and check.
fn checked(saved: &[u8]) -> Result<&[u8], RestoreError> {
    let rest = saved.strip_prefix(MAGIC).ok_or(RestoreError::Foreign)?;
    let (version, rest) = rest.split_first().ok_or(RestoreError::Damaged)?;
    if *version != FORMAT {
        return Err(RestoreError::Version(*version));
    }
    let (body, check) = rest.split_last_chunk::<32>().ok_or(RestoreError::Damaged)?;
    let covered = &saved[..saved.len() - check.len()];
    if Sha256::digest(covered)[..] != check[..] {
        return Err(RestoreError::Damaged);
    }
    Ok(body)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], RestoreError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(RestoreError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        self.take(N)?.try_into().map_err(|_| RestoreError::Damaged)
    }

    /// A list of elements of this size, behind their number.
    fn counted(&mut self, size: usize) -> Result<&'a [u8], RestoreError> {
        let count = usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| RestoreError::Damaged)?;
        self.take(count.checked_mul(size).ok_or(RestoreError::Damaged)?)
    }
}

impl Shape {
    /// That of a whole content. `None` if it has more segments than there are positions.
    pub(crate) fn complete(length: u64) -> Option<Self> {
        let padded = padded_len(length);
        let segments = u32::try_from(padded.div_ceil(SEGMENT_DATA as u64)).ok().filter(|count| *count < u32::MAX)?;
        Some(Self::ended(segments, length, padded - length))
    }
}

/// Why saved bytes are no attempt that could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Something else entirely.
    #[error("it is no saved attempt")]
    Foreign,
    /// Written by a version of this program that keeps attempts in another form.
    #[error("it is a saved attempt of version {0}, and this program knows version {FORMAT} only")]
    Version(u8),
    /// Cut off, or changed.
    #[error("it is a saved attempt, but it is damaged")]
    Damaged,
    /// Saved under another ticket.
    #[error("it belongs to another ticket")]
    OtherTicket,
}
