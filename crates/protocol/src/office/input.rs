//! The bytes of a stream that have not been processed yet.

use alloc::vec::Vec;

use crate::wire::frame::{Frame, FrameError, FrameReader, FrameType};

/// Splits the stream into frames on demand. Fresh bytes are split in place; only bytes that no state wants yet are kept: at
/// most what the shell passed in one call while data was wanted, and one incomplete frame.
#[derive(Debug, Default)]
pub(super) struct Input {
    frames: FrameReader,
    pending: Vec<u8>,
    ended: bool,
}

impl Input {
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next frame of what is pending and then of `fresh`, which is shortened by what was taken. It must be `due`.
    pub(super) fn next_frame(&mut self, fresh: &mut &[u8], due: &[FrameType]) -> Result<Option<Frame>, FrameError> {
        if !self.pending.is_empty() {
            let mut rest = self.pending.as_slice();
            let frame = self.frames.read(&mut rest, due)?;
            let consumed = self.pending.len() - rest.len();
            self.pending.drain(..consumed);
            if frame.is_some() {
                return Ok(frame);
            }
        }
        self.frames.read(fresh, due)
    }

    /// Keeps what was not taken.
    pub(super) fn keep(&mut self, fresh: &[u8]) {
        self.pending.extend_from_slice(fresh);
    }
}
