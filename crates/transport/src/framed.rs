//! Frames of the protocol on quinn streams.
//!
//! Mind that quinn *finishes* a [`SendStream`] that is dropped: to the peer this looks like a proper end. Whoever gives
//! up halfway must call `reset` first; [`relay`](crate::relay) does.

use std::time::Duration;

use bytes::{Buf, Bytes};
use quinn::{ReadError, RecvStream, SendStream, WriteError};
use schleuse_protocol::wire::frame::{Frame, FrameError, FrameReader, FrameType, encode_frame};
use schleuse_protocol::wire::{Wire, WireError};

/// The receiving half of a stream, cut into frames. Holds at most one frame and one chunk.
pub struct Frames {
    recv: RecvStream,
    reader: FrameReader,
    chunk: Bytes,
}

impl Frames {
    /// Reads frames from the next byte of `recv` on.
    pub fn new(recv: RecvStream) -> Self {
        Self { recv, reader: FrameReader::new(), chunk: Bytes::new() }
    }

    /// The next frame; `None` when the peer has finished the stream after a whole frame.
    ///
    /// Cancel-safe: dropping the future loses nothing, so it may stand in a `select!`.
    ///
    /// # Errors
    /// The stream was reset or lost, ends inside a frame, or is no sequence of frames.
    pub async fn next(&mut self) -> Result<Option<Frame>, ReadFrameError> {
        loop {
            let mut input = &self.chunk[..];
            let frame = self.reader.read(&mut input)?;
            let consumed = self.chunk.len() - input.len();
            self.chunk.advance(consumed);
            if frame.is_some() {
                return Ok(frame);
            }
            match self.recv.read_chunk(usize::MAX, true).await? {
                Some(chunk) => self.chunk = chunk.bytes,
                None if self.reader.is_at_boundary() => return Ok(None),
                None => return Err(ReadFrameError::Truncated),
            }
        }
    }

    /// [`Frames::next`], but the whole frame must have come within `timeout`.
    ///
    /// # Errors
    /// As [`Frames::next`], or the peer is too slow.
    pub async fn next_within(&mut self, timeout: Duration) -> Result<Option<Frame>, ReadFrameError> {
        tokio::time::timeout(timeout, self.next()).await.map_err(|_| ReadFrameError::TimedOut)?
    }

    /// The next frame as a wire type; the frame must be there, be of this type and have come within `timeout`.
    ///
    /// # Errors
    /// As [`Frames::next_within`], or it is another frame, or none.
    pub async fn expect<T: Wire>(&mut self, wanted: FrameType, timeout: Duration) -> Result<T, ReadFrameError> {
        let frame = self.next_within(timeout).await?.ok_or(ReadFrameError::Truncated)?;
        if frame.frame_type != wanted {
            return Err(ReadFrameError::Unexpected { wanted, found: frame.frame_type });
        }
        Ok(frame.decode()?)
    }

    /// Ends the cutting: the stream, and the bytes that were read from it beyond the last frame. A relay sends them
    /// first.
    pub fn into_parts(self) -> (RecvStream, Bytes) {
        (self.recv, self.chunk)
    }

    /// The stream, to stop it or to wait for its reset.
    pub fn stream(&mut self) -> &mut RecvStream {
        &mut self.recv
    }
}

/// Writes bytes (one or several whole frames, as the protocol's encoders make them) without copying them.
///
/// # Errors
/// The peer stopped the stream, or the connection is lost.
pub async fn write(send: &mut SendStream, frame: impl Into<Bytes>) -> Result<(), WriteError> {
    send.write_chunk(frame.into()).await
}

/// Encodes a wire type as one frame and writes it.
///
/// # Errors
/// As [`write`].
pub async fn write_message<T: Wire>(send: &mut SendStream, frame_type: FrameType, value: &T) -> Result<(), WriteError> {
    write(send, encode_frame(frame_type, value)).await
}

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFrameError {
    /// The peer reset the stream, or the connection is lost.
    #[error("the stream broke off: {0}")]
    Read(#[from] ReadError),
    /// The bytes are no frame.
    #[error("the peer sent no frame: {0}")]
    Frame(#[from] FrameError),
    /// The body is not what the frame's type says.
    #[error("the peer sent a bad frame: {0}")]
    Wire(#[from] WireError),
    /// The stream ended where a frame, or the rest of one, was due.
    #[error("the stream ended early")]
    Truncated,
    /// The frame did not come in time.
    #[error("the peer is too slow")]
    TimedOut,
    /// A frame that the protocol does not have at this place.
    #[error("expected a {wanted:?} frame, found {found:?}")]
    Unexpected {
        /// What was due.
        wanted: FrameType,
        /// What came.
        found: FrameType,
    },
}

impl ReadFrameError {
    /// The code, if the peer reset the stream.
    pub fn reset_code(&self) -> Option<quinn::VarInt> {
        match self {
            Self::Read(ReadError::Reset(code)) => Some(*code),
            _ => None,
        }
    }
}
