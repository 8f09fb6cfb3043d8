//! The bytes of a stream that were not worked on yet.

use alloc::vec::Vec;

use crate::wire::frame::{Frame, FrameError, FrameReader};

/// Cuts the stream into frames, on demand. It holds at most what the shell passed in one go while data was wanted, and
/// one incomplete frame.
#[derive(Debug, Default)]
pub(super) struct Input {
    frames: FrameReader,
    pending: Vec<u8>,
    ended: bool,
}

impl Input {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.pending.extend_from_slice(bytes);
        }
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let mut rest = self.pending.as_slice();
        let frame = self.frames.read(&mut rest);
        let consumed = self.pending.len() - rest.len();
        self.pending.drain(..consumed);
        frame
    }
}
