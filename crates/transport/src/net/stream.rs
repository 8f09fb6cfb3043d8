//! The two halves of a stream.

use bytes::Bytes;

use super::{ClosedStream, Code, ConnectionError, ReadError, ReadExactError, ReadToEndError, WriteError};

/// The writing half. Mind that dropping it *finishes* the stream, which to the peer looks like a proper end: whoever gives up
/// halfway calls [`reset`](Self::reset).
#[derive(Debug)]
pub enum SendStream {
    /// A stream of a QUIC connection.
    Quic(quinn::SendStream),
}

/// What was taken by one write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes in all, also of a chunk that was taken in part.
    pub bytes: usize,
    /// Chunks that were taken whole.
    pub chunks: usize,
}

impl SendStream {
    /// Writes at least one byte; returns how many.
    ///
    /// # Errors
    /// The peer stopped the stream, or the connection is lost.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<usize, WriteError> {
        match self {
            Self::Quic(stream) => Ok(stream.write(bytes).await?),
        }
    }

    /// Writes all bytes. Not cancel-safe.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_all(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        match self {
            Self::Quic(stream) => Ok(stream.write_all(bytes).await?),
        }
    }

    /// Writes a chunk without copying it. Not cancel-safe.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), WriteError> {
        match self {
            Self::Quic(stream) => Ok(stream.write_chunk(chunk).await?),
        }
    }

    /// Writes as much of the chunks as there is room for, at least a byte if there is one; chunks that were taken in part
    /// are cut. With no chunks it only tells whether the peer still wants anything. Cancel-safe.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_chunks(&mut self, chunks: &mut [Bytes]) -> Result<Written, WriteError> {
        match self {
            Self::Quic(stream) => {
                let quinn::Written { bytes, chunks } = stream.write_chunks(chunks).await?;
                Ok(Written { bytes, chunks })
            }
        }
    }

    /// Writes all chunks without copying them. Not cancel-safe.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_all_chunks(&mut self, chunks: &mut [Bytes]) -> Result<(), WriteError> {
        match self {
            Self::Quic(stream) => Ok(stream.write_all_chunks(chunks).await?),
        }
    }

    /// The proper end. What was written still arrives.
    ///
    /// # Errors
    /// It was finished or reset before.
    pub fn finish(&mut self) -> Result<(), ClosedStream> {
        match self {
            Self::Quic(stream) => Ok(stream.finish()?),
        }
    }

    /// Gives the stream up. What was written and has not arrived is thrown away.
    ///
    /// # Errors
    /// It was finished and acknowledged, or reset, before.
    pub fn reset(&mut self, code: Code) -> Result<(), ClosedStream> {
        match self {
            Self::Quic(stream) => Ok(stream.reset(code.into())?),
        }
    }

    /// Streams of a connection with a higher priority are sent first; all begin with 0.
    ///
    /// # Errors
    /// The stream has ended.
    pub fn set_priority(&self, priority: i32) -> Result<(), ClosedStream> {
        match self {
            Self::Quic(stream) => Ok(stream.set_priority(priority)?),
        }
    }

    /// Completes when the peer wants no more (then with its code), or when it has acknowledged everything up to the end.
    /// After a reset it never does.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn stopped(&self) -> Result<Option<Code>, ConnectionError> {
        match self {
            Self::Quic(stream) => match stream.stopped().await {
                Ok(code) => Ok(code.map(Code::from)),
                Err(quinn::StoppedError::ConnectionLost(lost)) => Err(lost.into()),
                // 0-RTT is not used.
                Err(quinn::StoppedError::ZeroRttRejected) => Ok(None),
            },
        }
    }
}

impl From<quinn::SendStream> for SendStream {
    fn from(stream: quinn::SendStream) -> Self {
        Self::Quic(stream)
    }
}

/// The reading half. Dropping it stops the stream with code 0.
#[derive(Debug)]
pub enum RecvStream {
    /// A stream of a QUIC connection.
    Quic(quinn::RecvStream),
}

impl RecvStream {
    /// The next bytes, at most `max` of them and without copying; none after the proper end. Cancel-safe.
    ///
    /// # Errors
    /// The peer reset the stream, the connection is lost, or the stream was stopped.
    pub async fn read_chunk(&mut self, max: usize) -> Result<Option<Bytes>, ReadError> {
        match self {
            Self::Quic(stream) => Ok(stream.read_chunk(max, true).await?.map(|chunk| chunk.bytes)),
        }
    }

    /// The next chunks without copying, as many as have come and fit; says how many. None after the proper end. Cancel-safe.
    ///
    /// # Errors
    /// As [`read_chunk`](Self::read_chunk).
    pub async fn read_chunks(&mut self, chunks: &mut [Bytes]) -> Result<Option<usize>, ReadError> {
        match self {
            Self::Quic(stream) => Ok(stream.read_chunks(chunks).await?),
        }
    }

    /// Copies the next bytes that have come into `bytes`; says how many. None after the proper end. Cancel-safe.
    ///
    /// # Errors
    /// As [`read_chunk`](Self::read_chunk).
    pub async fn read(&mut self, bytes: &mut [u8]) -> Result<Option<usize>, ReadError> {
        match self {
            Self::Quic(stream) => Ok(stream.read(bytes).await?),
        }
    }

    /// Fills `bytes`. Not cancel-safe.
    ///
    /// # Errors
    /// As [`read_chunk`](Self::read_chunk), or the stream ends before.
    pub async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadExactError> {
        match self {
            Self::Quic(stream) => stream.read_exact(bytes).await.map_err(|error| match error {
                quinn::ReadExactError::FinishedEarly(length) => ReadExactError::FinishedEarly(length),
                quinn::ReadExactError::ReadError(error) => ReadExactError::Read(error.into()),
            }),
        }
    }

    /// Everything up to the proper end, at most `limit` bytes. Not cancel-safe.
    ///
    /// # Errors
    /// As [`read_chunk`](Self::read_chunk), or there is more.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, ReadToEndError> {
        match self {
            Self::Quic(stream) => stream.read_to_end(limit).await.map_err(|error| match error {
                quinn::ReadToEndError::TooLong => ReadToEndError::TooLong,
                quinn::ReadToEndError::Read(error) => ReadToEndError::Read(error.into()),
            }),
        }
    }

    /// Asks the peer to send no more. What comes is thrown away.
    ///
    /// # Errors
    /// The stream has ended or was stopped before.
    pub fn stop(&mut self, code: Code) -> Result<(), ClosedStream> {
        match self {
            Self::Quic(stream) => Ok(stream.stop(code.into())?),
        }
    }
}

impl From<quinn::RecvStream> for RecvStream {
    fn from(stream: quinn::RecvStream) -> Self {
        Self::Quic(stream)
    }
}
