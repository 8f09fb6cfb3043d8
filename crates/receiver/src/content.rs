//! Reading a stored content back, segment by segment: of a large one no more than one is ever in memory.

use std::sync::Arc;

use schleuse_protocol::wire::name::PayloadKind;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_seal::SegmentOpener;
use zeroize::Zeroizing;

use crate::keys::{DamagedRecord, Vault};
use crate::store::{Store, StoreError, StoredContent, StoredSegment, UploadId};

/// A submission's content, from its first byte to its last.
pub struct Content {
    id: TicketId,
    store: Arc<Store>,
    opener: SegmentOpener,
    upload: UploadId,
    /// Segments from `next` on that were read already.
    at_hand: std::vec::IntoIter<StoredSegment>,
    segments: u32,
    next: u32,
    length: u64,
    kind: PayloadKind,
}

/// Why a content could not be read (on).
#[derive(Clone, Debug, thiserror::Error)]
pub enum ContentError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The wrapped key does not open.
    #[error(transparent)]
    Key(#[from] DamagedRecord),
    /// The submission was deleted while it was read.
    #[error("submission {0} was deleted")]
    Deleted(TicketId),
    /// A segment is not what was verified when it came.
    #[error("segment {position} of submission {id} is damaged: restore the database from a backup")]
    Damaged {
        /// Which submission.
        id: TicketId,
        /// Which segment.
        position: u32,
    },
}

impl Content {
    /// The content of a complete submission; `None` if there is none of this name.
    pub(crate) async fn open(store: &Arc<Store>, vault: &Vault, id: TicketId) -> Result<Option<Self>, ContentError> {
        match store.content(id).await? {
            Some(stored) => Self::of(store, vault, id, stored, Vec::new()).map(Some).map_err(ContentError::from),
            None => Ok(None),
        }
    }

    /// The content of a submission whose row was read, and its first segments with it.
    pub(crate) fn of(
        store: &Arc<Store>,
        vault: &Vault,
        id: TicketId,
        stored: StoredContent,
        first_segments: Vec<StoredSegment>,
    ) -> Result<Self, DamagedRecord> {
        let key = vault.open_segment_key(id, &stored.key_sealed)?;
        Ok(Self {
            id,
            store: Arc::clone(store),
            opener: SegmentOpener::new(&key),
            upload: stored.upload,
            at_hand: first_segments.into_iter(),
            segments: stored.segments,
            next: 0,
            length: stored.length,
            kind: stored.kind,
        })
    }

    /// Bytes in all.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What it was declared to be.
    pub fn kind(&self) -> PayloadKind {
        self.kind
    }

    /// The next piece, at most 64 KiB; `None` at the end. Wiped when dropped.
    ///
    /// # Errors
    /// The database failed, or the content was deleted or damaged meanwhile.
    pub async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, ContentError> {
        while self.next < self.segments {
            let position = self.next;
            self.next += 1;
            let stored = match self.at_hand.next() {
                Some(segment) => Some(segment),
                None => self.store.segment(self.upload, position).await?,
            };
            let stored = stored.ok_or(ContentError::Deleted(self.id))?;
            // The rest is padding.
            if stored.data_len == 0 {
                continue;
            }
            let damaged = |_| ContentError::Damaged { id: self.id, position };
            return self.opener.open_segment(position, &stored.ciphertext).map(Some).map_err(damaged);
        }
        Ok(None)
    }

    /// All of it. Only for contents whose length was looked at first.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn read_to_end(mut self) -> Result<Zeroizing<Vec<u8>>, ContentError> {
        // At full size from the start: a growing buffer would leave plaintext behind in freed memory.
        let mut all = Zeroizing::new(Vec::with_capacity(usize::try_from(self.length).unwrap_or(0)));
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}
