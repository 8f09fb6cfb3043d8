//! Frames: `type u8 | length u32 | body`, the same on every stream.

use alloc::vec::Vec;

use super::{Wire, WireError};
use crate::limits::{MAX_HEADER, MAX_SEGMENT_BODY, REPLY_PLAINTEXT, TAG};

/// Bytes before a frame's body.
pub const FRAME_HEAD: usize = 5;
/// Bytes of the position before a segment's ciphertext.
const POSITION: usize = 4;
/// How much more of a body is reserved than has come.
const AHEAD: usize = 4;

/// The types of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameType {
    /// [`Open`](super::hop::Open), sender to outer to inner.
    Open = 0x01,
    /// [`Incoming`](super::hop::Incoming), inner to office.
    Incoming = 0x02,
    /// [`Hello`](super::hello::Hello), sender to office.
    Hello = 0x10,
    /// A segment that is not the last: `position u32 | ciphertext`.
    Segment = 0x11,
    /// The final segment: `position u32 | ciphertext` of the trailer.
    Final = 0x12,
    /// The salt of this stream's replies, 32 bytes, office to sender.
    ReplyStart = 0x20,
    /// A sealed [`Reply`](super::reply::Reply), office to sender.
    Reply = 0x21,
    /// A message of a control stream.
    Control = 0x30,
}

impl FrameType {
    /// Every type, for who reads without taking part: a test, a tool.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Incoming,
        Self::Hello,
        Self::Segment,
        Self::Final,
        Self::ReplyStart,
        Self::Reply,
        Self::Control,
    ];

    /// The type with this number.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|frame_type| *frame_type as u8 == number)
    }

    /// The longest body of this type.
    pub fn max_body(self) -> usize {
        match self {
            Self::Open => super::hop::Open::MAX,
            Self::Incoming => super::hop::Incoming::MAX,
            Self::Hello => super::hello::Hello::MAX,
            Self::Segment => MAX_SEGMENT_BODY,
            Self::Final => POSITION + crate::limits::TRAILER_PLAINTEXT + TAG,
            Self::ReplyStart => 32,
            Self::Reply => REPLY_PLAINTEXT + TAG,
            Self::Control => MAX_HEADER,
        }
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the body is.
    pub frame_type: FrameType,
    /// At most [`FrameType::max_body`] bytes.
    pub body: Vec<u8>,
}

impl Frame {
    /// Decodes the body as a wire type.
    pub fn decode<T: Wire>(&self) -> Result<T, WireError> {
        T::from_wire(&self.body)
    }

    /// Splits a segment's body into position and ciphertext.
    pub fn segment(&self) -> Result<(u32, &[u8]), WireError> {
        let (position, ciphertext) = self.body.split_first_chunk::<POSITION>().ok_or(WireError::Malformed)?;
        Ok((u32::from_le_bytes(*position), ciphertext))
    }

    /// The ciphertext of a segment's body, where it stands.
    pub fn into_ciphertext(mut self) -> Vec<u8> {
        self.body.drain(..POSITION.min(self.body.len()));
        self.body
    }
}

/// A whole frame around a wire type.
pub fn encode_frame<T: Wire>(frame_type: FrameType, value: &T) -> Vec<u8> {
    encode_raw(frame_type, &[&value.to_wire()])
}

/// A whole segment or final frame.
pub fn encode_segment(frame_type: FrameType, position: u32, ciphertext: &[u8]) -> Vec<u8> {
    encode_raw(frame_type, &[&position.to_le_bytes(), ciphertext])
}

/// A whole segment frame whose ciphertext, of about `size` bytes, is appended by `seal`: so it is made where it stays.
///
/// # Panics
/// If `seal` appends more than a segment's body may have.
pub fn build_segment<E>(
    position: u32,
    size: usize,
    seal: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let mut bytes = Vec::with_capacity(FRAME_HEAD + POSITION + size);
    bytes.push(FrameType::Segment as u8);
    bytes.extend_from_slice(&[0; FRAME_HEAD - 1]);
    bytes.extend_from_slice(&position.to_le_bytes());
    seal(&mut bytes)?;
    let length = bytes.len() - FRAME_HEAD;
    assert!(length <= FrameType::Segment.max_body(), "a segment frame of {length} bytes");
    let length_field = u32::try_from(length).expect("limits are far below 4 GiB");
    bytes[1..FRAME_HEAD].copy_from_slice(&length_field.to_le_bytes());
    Ok(bytes)
}

/// A whole frame around the concatenation of `parts`.
///
/// # Panics
/// If the body is longer than its type allows: callers make bodies, they do not receive them.
pub fn encode_raw(frame_type: FrameType, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    assert!(length <= frame_type.max_body(), "a {frame_type:?} frame of {length} bytes");
    let length_field = u32::try_from(length).expect("limits are far below 4 GiB");
    let mut bytes = Vec::with_capacity(FRAME_HEAD + length);
    bytes.push(frame_type as u8);
    bytes.extend_from_slice(&length_field.to_le_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Cuts a stream of bytes into frames. Holds at most one frame; a hostile length allocates nothing.
#[derive(Debug, Default)]
pub struct FrameReader {
    head: [u8; FRAME_HEAD],
    head_len: usize,
    /// Type, wanted length, and what has come of the body.
    body: Option<(FrameType, usize, Vec<u8>)>,
}

/// Why a stream of bytes is no sequence of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame type that this protocol version does not have.
    #[error("unknown frame type {0:#04x}")]
    UnknownType(u8),
    /// A length above the limit of the frame's type.
    #[error("a {0:?} frame claims {1} bytes")]
    TooLong(FrameType, u32),
    /// A frame type that the protocol does not have at this place.
    #[error("a {0:?} frame is not due here")]
    NotDue(FrameType),
}

impl FrameReader {
    /// An empty reader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the reader stands between two frames.
    pub fn is_at_boundary(&self) -> bool {
        self.head_len == 0 && self.body.is_none()
    }

    /// Takes bytes from the front of `input` until a frame is whole or the input is empty.
    ///
    /// # Errors
    /// With its first byte, what begins no frame of a type that is `due`; with the fifth, a length above the type's limit.
    pub fn read(&mut self, input: &mut &[u8], due: &[FrameType]) -> Result<Option<Frame>, FrameError> {
        if self.body.is_none() && !self.read_head(input, due)? {
            return Ok(None);
        }
        let Some((frame_type, wanted, mut body)) = self.body.take() else { return Ok(None) };
        let take = (wanted - body.len()).min(input.len());
        // Grows with what arrives, but not so often that all of it is copied again and again.
        let came = body.len() + take;
        if came > body.capacity() {
            body.reserve_exact(wanted.min(AHEAD * came) - body.len());
        }
        body.extend_from_slice(&input[..take]);
        *input = &input[take..];
        if body.len() < wanted {
            self.body = Some((frame_type, wanted, body));
            return Ok(None);
        }
        Ok(Some(Frame { frame_type, body }))
    }

    /// Returns whether the head is whole.
    fn read_head(&mut self, input: &mut &[u8], due: &[FrameType]) -> Result<bool, FrameError> {
        let take = (FRAME_HEAD - self.head_len).min(input.len());
        self.head[self.head_len..self.head_len + take].copy_from_slice(&input[..take]);
        self.head_len += take;
        *input = &input[take..];
        if self.head_len == 0 {
            return Ok(false);
        }
        let [number, length @ ..] = self.head;
        let frame_type = FrameType::from_u8(number).ok_or(FrameError::UnknownType(number))?;
        if !due.contains(&frame_type) {
            return Err(FrameError::NotDue(frame_type));
        }
        if self.head_len < FRAME_HEAD {
            return Ok(false);
        }
        let length = u32::from_le_bytes(length);
        let wanted = usize::try_from(length).ok().filter(|wanted| *wanted <= frame_type.max_body());
        let wanted = wanted.ok_or(FrameError::TooLong(frame_type, length))?;
        self.head_len = 0;
        // Grows with what arrives: a claimed length reserves little.
        self.body = Some((frame_type, wanted, Vec::with_capacity(wanted.min(2048))));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SEGMENT_PLAINTEXT;

    #[test]
    fn a_claimed_length_reserves_next_to_nothing() {
        let mut reader = FrameReader::new();
        let length = u32::try_from(MAX_SEGMENT_BODY).unwrap().to_le_bytes();
        let mut head: &[u8] = &[&[FrameType::Segment as u8], &length[..]].concat();
        assert_eq!(reader.read(&mut head, &[FrameType::Segment]), Ok(None));
        let (_, wanted, body) = reader.body.unwrap();
        assert_eq!(wanted, MAX_SEGMENT_BODY);
        assert!(body.capacity() <= 2048);
    }

    #[test]
    fn a_body_reserves_a_few_times_of_what_has_come() {
        let mut frame = encode_segment(FrameType::Segment, 7, &[1; SEGMENT_PLAINTEXT + TAG]);
        frame.push(FrameType::Final as u8);
        let mut reader = FrameReader::new();
        for (index, byte) in frame[..frame.len() - 2].iter().enumerate() {
            assert_eq!(reader.read(&mut core::slice::from_ref(byte), &[FrameType::Segment]), Ok(None));
            let capacity = reader.body.as_ref().map_or(0, |(_, _, body)| body.capacity());
            assert!(capacity <= 2048.max(AHEAD * index), "{capacity} after {index}");
        }
        let whole = reader.read(&mut &frame[frame.len() - 2..], &[FrameType::Segment]).unwrap().unwrap();
        assert_eq!(whole.segment().unwrap().0, 7);
        assert_eq!(whole.body.capacity(), MAX_SEGMENT_BODY, "nothing more than it has");
        assert_eq!(whole.into_ciphertext(), [1; SEGMENT_PLAINTEXT + TAG]);
    }

    #[test]
    fn a_segment_can_be_sealed_where_its_frame_is() {
        let seal = |out: &mut Vec<u8>| {
            out.extend_from_slice(&[0xaa, 0xbb]);
            Ok::<_, ()>(())
        };
        let built = build_segment(0x0102, 2, seal).unwrap();
        assert_eq!(built, encode_segment(FrameType::Segment, 0x0102, &[0xaa, 0xbb]));
        assert_eq!(build_segment(0, 2, |_| Err(())), Err(()));
    }

    #[test]
    fn the_layout_is_type_length_body() {
        assert_eq!(encode_segment(FrameType::Final, 0x0102, &[0xaa, 0xbb]), [0x12, 6, 0, 0, 0, 2, 1, 0, 0, 0xaa, 0xbb]);
        assert_eq!(encode_raw(FrameType::ReplyStart, &[&[]]), [0x20, 0, 0, 0, 0]);
    }
}
