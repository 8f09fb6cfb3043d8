//! What can be sent, and how the parts of it are asked for again after an interruption.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use schleuse_protocol::limits::{MAX_UNSTORED_SEGMENTS, SEGMENT_DATA};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Segments of a reader that are kept until the office has stored them. More than the office leaves unstored, so that
/// waiting for it never stands still, and what is under way between; in bytes about 3 MiB, whatever the content's length.
const WINDOW: usize = MAX_UNSTORED_SEGMENTS + MAX_UNSTORED_SEGMENTS / 2;

/// A content to send.
///
/// Bytes, values and files can be read again from any place, so an interrupted sending is repeated on another way
/// without your doing. A reader cannot: what the office has not stored is kept for that (about 3 MiB), so it survives
/// an interruption, but not the loss of what the office had stored already.
pub struct Content {
    origin: Origin,
    length: Option<u64>,
}

enum Origin {
    Bytes(Bytes),
    File(Arc<Mutex<File>>, Stamp),
    Reader(Box<Reader>),
}

impl Content {
    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { length: Some(bytes.len() as u64), origin: Origin::Bytes(bytes) }
    }

    /// A value, as JSON.
    ///
    /// # Errors
    /// The value cannot be written as JSON (for instance a map whose keys are no strings).
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(Self::bytes)
    }

    /// A file, read piece by piece while it is sent. It must not change meanwhile.
    ///
    /// # Errors
    /// The file cannot be opened, or it is a folder.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(named)?;
        let metadata = file.metadata().map_err(named)?;
        if metadata.is_dir() {
            return Err(named(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        // A pipe or a device has no length and no way back.
        if !metadata.is_file() {
            return Ok(Self::reader(tokio::fs::File::from_std(file)));
        }
        let stamp = Stamp::of(&metadata);
        Ok(Self { length: Some(stamp.length), origin: Origin::File(Arc::new(Mutex::new(file)), stamp) })
    }

    /// Anything that yields bytes, of unknown length.
    pub fn reader(reader: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self { length: None, origin: Origin::Reader(Box::new(Reader::new(Box::new(reader)))) }
    }

    /// The length in bytes, if it is known before sending.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether any part of it can be read at any time.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.origin, Origin::Bytes(_) | Origin::File(..))
    }

    /// Whether [`Content::segment`] may be asked now: a reader's window may be full of what the office has not stored.
    pub(crate) fn has_room_for(&self, position: u32) -> bool {
        match &self.origin {
            Origin::Bytes(_) | Origin::File(..) => true,
            Origin::Reader(reader) => reader.has_room_for(position),
        }
    }

    /// The data of a segment, and whether it is the last one. Dropping the future loses nothing.
    pub(crate) async fn segment(&mut self, position: u32) -> Result<Segment, ContentError> {
        let start = u64::from(position) * SEGMENT_DATA as u64;
        match &mut self.origin {
            Origin::Bytes(bytes) => cut(bytes, start),
            Origin::File(file, stamp) => read_file(file.clone(), start, *stamp).await,
            Origin::Reader(reader) => reader.segment(position).await,
        }
    }

    /// Segments before `stored` are durable at the office and will not be asked for again.
    pub(crate) fn release(&mut self, stored: u32) {
        if let Origin::Reader(reader) = &mut self.origin {
            reader.release(stored);
        }
    }
}

/// The data of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// As many bytes as a segment holds, unless it is the last.
    pub(crate) data: Bytes,
    pub(crate) last: bool,
}

/// Why a content could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// Reading failed.
    #[error("reading the content failed: {0}")]
    Read(#[source] io::Error),
    /// The content is not what it was when sending began.
    #[error("the content changed while it was being sent: send it again once it is complete")]
    Changed,
    /// The source of the content, on this machine, gave nothing more, while the office waited for it.
    #[error(
        "the content's own source has given nothing for {} s, while the office waited for it: send again when it is ready",
        patience.as_secs()
    )]
    Stalled {
        /// How long it was waited for.
        patience: Duration,
    },
    /// A part of a reader is wanted that is gone.
    #[error("the sending was interrupted and this reader cannot go back: send again from the beginning")]
    Gone,
}

fn cut(bytes: &Bytes, start: u64) -> Result<Segment, ContentError> {
    let start = usize::try_from(start).ok().filter(|start| *start <= bytes.len()).ok_or(ContentError::Changed)?;
    let end = bytes.len().min(start + SEGMENT_DATA);
    Ok(Segment { data: bytes.slice(start..end), last: end == bytes.len() })
}

/// What tells that a file is still the same.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    /// Not every file system knows it.
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// One whole read under the lock, on a thread that may block: dropping the future leaves nothing half done.
async fn read_file(file: Arc<Mutex<File>>, start: u64, stamp: Stamp) -> Result<Segment, ContentError> {
    let wanted = stamp.length.checked_sub(start).ok_or(ContentError::Changed)?.min(SEGMENT_DATA as u64) as usize;
    let read = move || {
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut data = vec![0; wanted];
        file.seek(SeekFrom::Start(start))?;
        match file.read_exact(&mut data) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        // Asked after reading: a change before it is noticed here, one after it with the next segment.
        Ok((Stamp::of(&file.metadata()?) == stamp).then_some(data))
    };
    let data =
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other).flatten().map_err(ContentError::Read)?;
    let data = data.ok_or(ContentError::Changed)?;
    Ok(Segment { data: Bytes::from(data), last: start + wanted as u64 == stamp.length })
}

/// A reader, and what was read of it that the office has not stored.
struct Reader {
    input: Box<dyn AsyncRead + Send + Unpin>,
    /// Bytes of the segment after the window, and at most one more: only that byte tells that it is not the last.
    partial: BytesMut,
    /// Segments `first..first + window.len()`.
    window: VecDeque<Segment>,
    first: u32,
    ended: bool,
}

impl Reader {
    fn new(input: Box<dyn AsyncRead + Send + Unpin>) -> Self {
        Self { input, partial: BytesMut::new(), window: VecDeque::new(), first: 0, ended: false }
    }

    fn has_room_for(&self, position: u32) -> bool {
        self.window.len() < WINDOW || position < self.next()
    }

    fn next(&self) -> u32 {
        self.first + u32::try_from(self.window.len()).expect("the window is small")
    }

    async fn segment(&mut self, position: u32) -> Result<Segment, ContentError> {
        if position == self.next() && !self.ended {
            let segment = self.read().await.map_err(ContentError::Read)?;
            self.window.push_back(segment);
        }
        let index = position.checked_sub(self.first).ok_or(ContentError::Gone)?;
        self.window.get(index as usize).cloned().ok_or(ContentError::Gone)
    }

    /// Dropping the future keeps what was read so far in `partial`.
    async fn read(&mut self) -> io::Result<Segment> {
        while self.partial.len() <= SEGMENT_DATA {
            let missing = SEGMENT_DATA + 1 - self.partial.len();
            self.partial.reserve(missing);
            let read = (&mut self.input).take(missing as u64).read_buf(&mut self.partial).await?;
            if read == 0 {
                self.ended = true;
                return Ok(Segment { data: std::mem::take(&mut self.partial).freeze(), last: true });
            }
        }
        // A copy of its own: a slice of the buffer would keep the buffer's other byte, and with it all of it, alive.
        let data = Bytes::copy_from_slice(&self.partial[..SEGMENT_DATA]);
        let next = self.partial[SEGMENT_DATA];
        self.partial.clear();
        self.partial.extend_from_slice(&[next]);
        Ok(Segment { data, last: false })
    }

    fn release(&mut self, stored: u32) {
        while self.first < stored && self.window.pop_front().is_some() {
            self.first += 1;
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::bytes(bytes)
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::bytes(bytes)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::bytes(text)
    }
}

impl From<&'static [u8]> for Content {
    fn from(bytes: &'static [u8]) -> Self {
        Self::bytes(bytes)
    }
}

impl From<&'static str> for Content {
    fn from(text: &'static str) -> Self {
        Self::bytes(text)
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
