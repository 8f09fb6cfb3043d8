//! One direction of a relay.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use quinn::{ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError};
use tokio::time::Instant;

/// Most chunks that are between the two streams at any time.
pub const CHUNKS: usize = 16;

/// How one direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowEnd {
    /// The source finished, and so did we.
    Finished,
    /// The source gave up with this code, which was passed on.
    Reset(VarInt),
    /// The sink wanted no more, with this code, which was passed on.
    Stopped(VarInt),
    /// The connection to the source was lost.
    SourceLost,
    /// The connection to the sink was lost.
    SinkLost,
    /// Nothing moved for the idle timeout, or the relay was dropped.
    Aborted,
}

/// When anything last moved, in either direction.
pub(super) struct Idle {
    start: Instant,
    /// Milliseconds after `start`. Atomic only so that the future may move between threads.
    last: AtomicU64,
}

impl Idle {
    pub(super) fn new(now: Instant) -> Self {
        Self { start: now, last: AtomicU64::new(0) }
    }

    pub(super) fn last_progress(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    fn renew(&self) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }
}

/// The account of one direction; it outlives the future that moves the bytes.
pub(super) struct Flow<'a> {
    idle: &'a Idle,
    bytes: AtomicU64,
    end: OnceLock<FlowEnd>,
}

impl<'a> Flow<'a> {
    pub(super) fn new(idle: &'a Idle) -> Self {
        Self { idle, bytes: AtomicU64::new(0), end: OnceLock::new() }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) -> FlowEnd {
        self.end.get().copied().unwrap_or(FlowEnd::Aborted)
    }

    /// Moves bytes until the direction has ended, and tells both peers how.
    pub(super) async fn run(
        &self,
        source: RecvStream,
        sink: SendStream,
        already_read: Bytes,
        abort_code: VarInt,
        on_bytes: impl Fn(usize),
    ) {
        let mut ends = Ends { source, sink, abort_code, told: false };
        let end = self.copy(&mut ends, already_read, on_bytes).await;
        ends.tell(end);
        let _ = self.end.set(end);
    }

    async fn copy(&self, ends: &mut Ends, already_read: Bytes, on_bytes: impl Fn(usize)) -> FlowEnd {
        let mut chunks = [const { Bytes::new() }; CHUNKS];
        let mut filled = usize::from(!already_read.is_empty());
        chunks[0] = already_read;
        // Completes when the sink wants no more, even while the source is silent.
        let stopped = ends.sink.stopped();
        tokio::pin!(stopped);
        loop {
            if let Err(end) = self.hand_on(ends, &mut chunks[..filled], &on_bytes).await {
                return end;
            }
            tokio::select! {
                biased;
                read = ends.source.read_chunks(&mut chunks) => match read {
                    Ok(Some(count)) => filled = count,
                    Ok(None) => return FlowEnd::Finished,
                    Err(ReadError::Reset(code)) => return FlowEnd::Reset(code),
                    Err(_) => return FlowEnd::SourceLost,
                },
                stopped = &mut stopped => return stopped_end(stopped),
            }
        }
    }

    /// Writes all chunks; watches for a reset of the source meanwhile, which makes the rest worthless.
    async fn hand_on(
        &self,
        ends: &mut Ends,
        mut chunks: &mut [Bytes],
        on_bytes: &impl Fn(usize),
    ) -> Result<(), FlowEnd> {
        while !chunks.is_empty() {
            let written = tokio::select! {
                biased;
                written = ends.sink.write_chunks(chunks) => match written {
                    Ok(written) => written,
                    Err(WriteError::Stopped(code)) => return Err(FlowEnd::Stopped(code)),
                    Err(_) => return Err(FlowEnd::SinkLost),
                },
                end = reset_of(&mut ends.source) => return Err(end),
            };
            self.idle.renew();
            self.bytes.fetch_add(written.bytes as u64, Ordering::Relaxed);
            on_bytes(written.bytes);
            chunks = &mut chunks[written.chunks..];
        }
        Ok(())
    }
}

fn stopped_end(stopped: Result<Option<VarInt>, StoppedError>) -> FlowEnd {
    match stopped {
        Ok(Some(code)) => FlowEnd::Stopped(code),
        // `None` comes only after our own finish, which ends the copying before.
        Ok(None) | Err(_) => FlowEnd::SinkLost,
    }
}

/// Completes when the source was reset or lost, never when it merely finished: its last bytes are still to be handed on.
async fn reset_of(source: &mut RecvStream) -> FlowEnd {
    match source.received_reset().await {
        Ok(Some(code)) => FlowEnd::Reset(code),
        Ok(None) => std::future::pending().await,
        Err(_) => FlowEnd::SourceLost,
    }
}

/// Both streams of a direction; each learns exactly once how it ended, also when the relay is dropped.
struct Ends {
    source: RecvStream,
    sink: SendStream,
    abort_code: VarInt,
    told: bool,
}

impl Ends {
    /// Errors here mean that the stream has ended already: nothing is left to tell.
    fn tell(&mut self, end: FlowEnd) {
        self.told = true;
        match end {
            FlowEnd::Finished => {
                let _ = self.sink.finish();
            }
            FlowEnd::Reset(code) => {
                let _ = self.sink.reset(code);
            }
            FlowEnd::Stopped(code) => {
                let _ = self.source.stop(code);
                // A stopped stream is to be reset (RFC 9000, 3.5).
                let _ = self.sink.reset(code);
            }
            FlowEnd::SourceLost | FlowEnd::SinkLost | FlowEnd::Aborted => {
                let _ = self.source.stop(self.abort_code);
                let _ = self.sink.reset(self.abort_code);
            }
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if !self.told {
            self.tell(FlowEnd::Aborted);
        }
    }
}
