//! Reading a content that the office stored as it came: verified segments, and the wrapped key of their attempt.

use schleuse_protocol::channel::ChannelError;
use schleuse_protocol::limits::{SEGMENT_PLAINTEXT, TAG};
use schleuse_protocol::wire::hello::Trailer;
use zeroize::Zeroizing;

use crate::office::open_trailer;
use crate::secret::StorageKey;
use crate::segment::{LENGTH_FIELD, Last, SegmentCipher, split_plaintext};

/// Opens stored segments in any order. That all are there, and in which order, was checked before the receipt; position
/// and end are bound to each ciphertext all the same.
pub struct SegmentOpener(SegmentCipher);

impl SegmentOpener {
    /// An opener for the attempt with this key.
    pub fn new(key: &StorageKey) -> Self {
        Self(SegmentCipher::new(key))
    }

    /// The data of the segment at `position`, without padding; wiped when dropped.
    pub fn open_segment(&self, position: u32, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, ChannelError> {
        let mut buffer = buffer_for(ciphertext);
        let length = split_plaintext(self.0.open(position, Last::No, ciphertext, &mut buffer)?)?.0.len();
        buffer.copy_within(LENGTH_FIELD..LENGTH_FIELD + length, 0);
        buffer.truncate(length);
        Ok(buffer)
    }

    /// The trailer in the final at `position`.
    pub fn open_final(&self, position: u32, ciphertext: &[u8]) -> Result<Trailer, ChannelError> {
        open_trailer(self.0.open(position, Last::Yes, ciphertext, &mut buffer_for(ciphertext))?)
    }
}

/// Room for the plaintext, at most that of a segment.
fn buffer_for(ciphertext: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; ciphertext.len().saturating_sub(TAG).min(SEGMENT_PLAINTEXT)])
}
