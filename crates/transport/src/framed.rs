//! Frames of the protocol on streams.
//!
//! Mind that a [`SendStream`] that is dropped is *finished*: to the peer this looks like a proper end. Whoever gives
//! up halfway must call `reset` first; [`relay`](crate::relay) does.

use std::time::Duration;

use bytes::{Buf, Bytes};
use schleuse_protocol::wire::frame::{Frame, FrameError, FrameReader, FrameType, encode_frame};
use schleuse_protocol::wire::{Wire, WireError};

use crate::net::{Code, ReadError, RecvStream, SendStream, WriteError};

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

    /// The next frame, which must be of a type that is `due`; `None` when the peer has finished the stream after a whole
    /// frame.
    ///
    /// Cancel-safe: dropping the future loses nothing, so it may stand in a `select!`.
    ///
    /// # Errors
    /// The stream was reset or lost, ends inside a frame, or is no sequence of frames of these types. That shows by a
    /// frame's head, before its body has come.
    pub async fn next(&mut self, due: &[FrameType]) -> Result<Option<Frame>, ReadFrameError> {
        loop {
            let mut input = &self.chunk[..];
            let frame = self.reader.read(&mut input, due)?;
            let consumed = self.chunk.len() - input.len();
            self.chunk.advance(consumed);
            if frame.is_some() {
                return Ok(frame);
            }
            match self.recv.read_chunk(usize::MAX).await? {
                Some(chunk) => self.chunk = chunk,
                None if self.reader.is_at_boundary() => return Ok(None),
                None => return Err(ReadFrameError::Truncated),
            }
        }
    }

    /// [`Frames::next`] as a wire type; a frame must be of type `due`. Cancel-safe too.
    ///
    /// # Errors
    /// As [`Frames::next`], or its body is not what the type says.
    pub async fn next_message<T: Wire>(&mut self, due: FrameType) -> Result<Option<T>, ReadFrameError> {
        let Some(frame) = self.next(&[due]).await? else { return Ok(None) };
        Ok(Some(frame.decode()?))
    }

    /// [`Frames::next_message`], which must have come whole within `timeout`.
    ///
    /// # Errors
    /// As [`Frames::next_message`], or there is none, or the peer is too slow.
    pub async fn expect<T: Wire>(&mut self, due: FrameType, timeout: Duration) -> Result<T, ReadFrameError> {
        let message = tokio::time::timeout(timeout, self.next_message(due)).await;
        message.map_err(|_| ReadFrameError::TimedOut)??.ok_or(ReadFrameError::Truncated)
    }

    /// The stream, to stop it or to wait for its reset.
    pub fn stream(&mut self) -> &mut RecvStream {
        &mut self.recv
    }
}

/// What a control stream says goes before all that is carried: it is never behind data in our own queue.
pub fn prioritise(control: &SendStream) {
    // An error means that the stream has ended, which shows with the first write.
    let _ = control.set_priority(1);
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
/// As [`write()`].
pub async fn write_message<T: Wire>(send: &mut SendStream, frame_type: FrameType, value: &T) -> Result<(), WriteError> {
    write(send, encode_frame(frame_type, value)).await
}

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFrameError {
    /// The peer reset the stream, or the connection is lost.
    #[error("the stream broke off: {0}")]
    Read(#[from] ReadError),
    /// The bytes are no frame that is due.
    #[error("the peer sent no frame that is due: {0}")]
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
}

impl ReadFrameError {
    /// The code, if the peer reset the stream.
    pub fn reset_code(&self) -> Option<Code> {
        match self {
            Self::Read(ReadError::Reset(code)) => Some(*code),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use schleuse_protocol::wire::frame::encode_raw;
    use schleuse_protocol::wire::hop::{InnerToOffice, OuterToInner};

    use super::*;
    use crate::endpoint::Limits;
    use crate::net::{Connection, Endpoint};
    use crate::testing::{Ca, connect, dialler, soon};
    use crate::tls::Peers;

    struct Pair {
        send: SendStream,
        frames: Frames,
        _open: ([Endpoint; 2], [Connection; 2]),
    }

    async fn pair() -> Pair {
        let ca = Ca::new("net");
        let listener = ca.listener("outer-1", &Peers::Anonymous, &Limits::PUBLIC);
        let client = dialler(ca.sender());
        let (near, far) = connect(&client, &listener, "outer-1").await;
        let (mut send, _) = near.open_bi().await.unwrap();
        // The stream exists for the peer from its first byte on: here an empty control frame.
        write(&mut send, encode_raw(FrameType::Control, &[])).await.unwrap();
        let (_, recv) = soon(far.accept_bi()).await.unwrap();
        let mut frames = Frames::new(recv);
        assert!(soon(frames.next(&[FrameType::Control])).await.unwrap().unwrap().body.is_empty());
        Pair { send, frames, _open: ([listener, client], [near, far]) }
    }

    #[tokio::test]
    async fn frames_come_whole_however_they_were_cut_until_the_end() {
        let Pair { mut send, mut frames, _open } = pair().await;
        let bodies: Vec<Vec<u8>> = [0, 1, 4096, 17].iter().map(|length| vec![7; *length]).collect();
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| encode_raw(FrameType::Control, &[body])).collect();
        let writing = tokio::spawn(async move {
            for piece in bytes.chunks(3) {
                send.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            send.finish().unwrap();
        });
        for body in bodies {
            // Giving up again and again must not lose a byte.
            let patient = async {
                loop {
                    tokio::select! {
                        biased;
                        frame = frames.next(&[FrameType::Control]) => break frame.unwrap().unwrap(),
                        () = tokio::task::yield_now() => {}
                    }
                }
            };
            let frame = soon(patient).await;
            assert_eq!((frame.frame_type, frame.body), (FrameType::Control, body));
        }
        assert!(soon(frames.next(&[FrameType::Control])).await.unwrap().is_none());
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn a_stream_that_ends_inside_a_frame_is_no_proper_end() {
        let Pair { mut send, mut frames, _open } = pair().await;
        write(&mut send, encode_raw(FrameType::Control, &[&[1; 9]])[..7].to_vec()).await.unwrap();
        send.finish().unwrap();
        assert!(matches!(soon(frames.next(&[FrameType::Control])).await, Err(ReadFrameError::Truncated)));
    }

    #[tokio::test]
    async fn what_is_no_frame_is_refused_before_its_body_has_come() {
        let Pair { mut send, mut frames, _open } = pair().await;
        write(&mut send, vec![0x30, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
        assert!(matches!(
            soon(frames.next(&[FrameType::Control])).await,
            Err(ReadFrameError::Frame(FrameError::TooLong(..)))
        ));
        let Pair { mut send, mut frames, _open } = pair().await;
        write(&mut send, b"GET / HTTP/1.1".to_vec()).await.unwrap();
        assert!(matches!(
            soon(frames.next(&[FrameType::Control])).await,
            Err(ReadFrameError::Frame(FrameError::UnknownType(b'G')))
        ));
    }

    #[tokio::test]
    async fn slow_bytes_do_not_put_off_the_timeout_of_a_frame() {
        let Pair { mut send, mut frames, _open } = pair().await;
        let slow = tokio::spawn(async move {
            for byte in encode_raw(FrameType::Control, &[&[1; 4000]]) {
                send.write_all(&[byte]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let timeout = Duration::from_millis(200);
        let slow_one = soon(frames.expect::<OuterToInner>(FrameType::Control, timeout)).await;
        assert!(matches!(slow_one, Err(ReadFrameError::TimedOut)));
        slow.abort();
    }

    #[tokio::test]
    async fn messages_are_typed_and_a_reset_tells_its_code() {
        let Pair { mut send, mut frames, _open } = pair().await;
        let timeout = Duration::from_secs(5);
        write_message(&mut send, FrameType::Control, &OuterToInner::Hello(1)).await.unwrap();
        let hello: OuterToInner = frames.expect(FrameType::Control, timeout).await.unwrap();
        assert_eq!(hello, OuterToInner::Hello(1));
        write_message(&mut send, FrameType::Control, &InnerToOffice::Drain).await.unwrap();
        let other = frames.expect::<OuterToInner>(FrameType::Hello, timeout).await.unwrap_err();
        assert!(matches!(other, ReadFrameError::Frame(FrameError::NotDue(FrameType::Control))), "{other}");
        let Pair { mut send, mut frames, _open } = pair().await;
        send.reset(Code::from_u32(77)).unwrap();
        let reset = soon(frames.next(&[FrameType::Control])).await.unwrap_err();
        assert_eq!(reset.reset_code(), Some(Code::from_u32(77)));
    }
}
