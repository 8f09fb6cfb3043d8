//! The writing half of a stream.

use bytes::Bytes;
use schleuse_protocol::limits::SEGMENT_PLAINTEXT;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::net::{SendStream, WriteError, Written};
use schleuse_transport::relay::refusal_code;

/// While more than this waits to be written, nothing more is sealed: so the next segment is ready when the transport can
/// take it, and a short content is handed over as a whole.
const QUEUE: usize = SEGMENT_PLAINTEXT;

/// Dropped before its end it is reset: otherwise it would be finished, which looks like a proper end.
pub(super) struct Up {
    send: SendStream,
    pending: Vec<Bytes>,
    /// Bytes in `pending`.
    queued: usize,
    /// Bytes that the transport took.
    written: u64,
    finish: bool,
    finished: bool,
    /// The other side reads no more.
    stopped: bool,
}

impl Up {
    pub(super) fn new(send: SendStream) -> Self {
        let (pending, queued, written) = (Vec::new(), 0, 0);
        Self { send, pending, queued, written, finish: false, finished: false, stopped: false }
    }

    pub(super) fn queue(&mut self, bytes: Vec<u8>) {
        if !self.stopped {
            self.queued += bytes.len();
            self.pending.push(Bytes::from(bytes));
        }
    }

    /// Whether more is to be sealed at all.
    pub(super) fn takes_more(&self) -> bool {
        self.has_room() && !self.stopped
    }

    pub(super) fn has_room(&self) -> bool {
        self.queued < QUEUE
    }

    pub(super) fn is_written(&self) -> bool {
        self.pending.is_empty()
    }

    /// Bytes that the transport took since the stream began.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) async fn write(&mut self) -> Result<Written, WriteError> {
        self.send.write_chunks(&mut self.pending).await
    }

    pub(super) fn on_written(&mut self, written: Written) {
        self.pending.drain(..written.chunks);
        self.queued -= written.bytes;
        self.written += written.bytes as u64;
        self.finish_if_due();
    }

    pub(super) fn finish_when_written(&mut self) {
        self.finish = true;
        self.finish_if_due();
    }

    fn finish_if_due(&mut self) {
        if self.finish && self.is_written() && !self.finished {
            // Fails only if the stream is closed already, which is the same.
            let _ = self.send.finish();
            self.finished = true;
        }
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.pending.clear();
        self.queued = 0;
    }

    /// The answer is there: what was not written is of no use to anybody.
    pub(super) fn finish_now(&mut self) {
        self.stop();
        self.finish_when_written();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.send.reset(refusal_code(StreamRefusal::Unavailable));
        }
    }
}
