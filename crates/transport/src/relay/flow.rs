//! One direction of a relay.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use schleuse_protocol::limits::IDLE_TIMEOUT;
use schleuse_protocol::relay::{Direction, Relay, RelayEnd};
use schleuse_protocol::wire::refusal::{STOP_ENOUGH, StreamRefusal};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Standstill, refusal_code};
use crate::clock::Clock;
use crate::endpoint::ReceiveWindow;
use crate::net::{Code, ReadError, RecvStream, SendStream, WriteError, Written};

/// Most chunks that are between the two streams at any time.
pub const CHUNKS: usize = 16;

/// While the source is silent, an empty write as often as this asks whether the sink still wants anything. (quinn's
/// `stopped` would tell at once, but for every stream that is then reset it leaves an entry behind on the connection,
/// and links live long.)
const STOP_PROBE: Duration = Duration::from_secs(1);

/// What both directions share. The locks are never contended: one task drives both.
pub(super) struct Shared<'a> {
    machine: Mutex<&'a mut Relay>,
    clock: Clock,
    abort_code: AtomicU64,
}

impl<'a> Shared<'a> {
    pub(super) fn new(machine: &'a mut Relay, clock: Clock) -> Self {
        Self { machine: Mutex::new(machine), clock, abort_code: AtomicU64::new(StreamRefusal::Unavailable.code()) }
    }

    /// Completes when the machine gives the stream up; progress in either direction puts that off.
    pub(super) async fn timed_out(&self) {
        loop {
            // After the end nothing times out: what is left is waiting for acknowledgements.
            let deadline = self.machine().poll_timeout();
            self.clock.sleep_until_some(deadline).await;
            let mut machine = self.machine();
            machine.handle_timeout(self.clock.now());
            if machine.end() == Some(RelayEnd::TimedOut) {
                return;
            }
        }
    }

    pub(super) fn end(&self) -> RelayEnd {
        self.machine().end().unwrap_or(RelayEnd::Failed)
    }

    fn machine(&self) -> MutexGuard<'_, &'a mut Relay> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort_code(&self) -> Code {
        Code::from_u64(self.abort_code.load(Ordering::Relaxed)).unwrap_or(refusal_code(StreamRefusal::Unavailable))
    }
}

/// One direction.
pub(super) struct Flow<'a> {
    shared: &'a Shared<'a>,
    direction: Direction,
    standstill: &'a Standstill,
    /// Of the connection that the source belongs to.
    window: Option<&'a ReceiveWindow>,
}

/// How a direction ended.
enum End {
    /// The source finished.
    Finished,
    /// The sink wants no more.
    Stopped(Code),
    /// The source was reset with a code, or a connection is lost: the whole relay ends.
    Broken(Option<Code>),
}

/// The relay is to be given up; the machine knows.
pub(super) struct Aborted;

impl<'a> Flow<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, direction: Direction, standstill: &'a Standstill) -> Self {
        Self { shared, direction, standstill, window: None }
    }

    /// What is carried counts for this window.
    pub(super) fn sharing(self, window: Option<&'a ReceiveWindow>) -> Self {
        Self { window, ..self }
    }

    /// Moves bytes until the direction has ended, and tells both peers and the machine how.
    pub(super) async fn run(&self, source: RecvStream, sink: SendStream) -> Result<(), Aborted> {
        let mut ends = Ends { source, sink, shared: self.shared, told: false };
        match self.copy(&mut ends).await {
            End::Finished => {
                ends.finish();
                self.shared.machine().handle_end(self.direction, self.shared.clock.now());
                // Acknowledged means delivered: a proxy that drains may then close the connection. The machine's timer
                // ends with its last direction, and a peer that acknowledges everything but this must not keep the task.
                let _ = tokio::time::timeout(IDLE_TIMEOUT, ends.sink.stopped()).await;
                Ok(())
            }
            End::Stopped(code) => {
                ends.abort(outside(code));
                self.shared.machine().handle_stopped(self.direction, self.shared.clock.now());
                Ok(())
            }
            End::Broken(code) => {
                if let Some(code) = code {
                    self.shared.abort_code.store(outside(code).into_inner(), Ordering::Relaxed);
                }
                self.shared.machine().handle_failed(self.direction, self.shared.clock.now());
                Err(Aborted)
            }
        }
    }

    async fn copy(&self, ends: &mut Ends<'_>) -> End {
        let mut chunks = [const { Bytes::new() }; CHUNKS];
        let mut probe = tokio::time::interval_at(Instant::now() + STOP_PROBE, STOP_PROBE);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let handed_on = tokio::select! {
                biased;
                read = ends.source.read_chunks(&mut chunks) => match read {
                    Ok(Some(filled)) => self.hand_on(&mut ends.sink, &mut chunks[..filled]).await,
                    Ok(None) => return End::Finished,
                    Err(ReadError::Reset(code)) => return End::Broken(Some(code)),
                    Err(_) => return End::Broken(None),
                },
                _ = probe.tick() => probed(&mut ends.sink).await,
            };
            if let Err(end) = handed_on {
                return end;
            }
        }
    }

    /// Writes all chunks. Nothing is read meanwhile, so a reset of the source is noticed with the next progress, or else
    /// by the machine's timer. (quinn's `received_reset` would leave a waker behind when the stream then ends properly.)
    async fn hand_on(&self, sink: &mut SendStream, chunks: &mut [Bytes]) -> Result<(), End> {
        let handed_on = self.standstill.unless_full(self.write_all(sink, chunks));
        let handed_on = match self.window {
            Some(window) => window.while_waiting(handed_on).await,
            None => handed_on.await,
        };
        handed_on.unwrap_or(Err(End::Broken(None)))
    }

    async fn write_all(&self, sink: &mut SendStream, mut chunks: &mut [Bytes]) -> Result<(), End> {
        while !chunks.is_empty() {
            let written = write(sink, chunks).await?;
            let now = self.shared.clock.now();
            self.shared.machine().handle_bytes(self.direction, written.bytes, now);
            if let Some(window) = self.window {
                window.handle_read(written.bytes, now.millis);
            }
            chunks = &mut chunks[written.chunks..];
        }
        Ok(())
    }
}

/// protocol.md 9.1: what a proxy passes on. A code that the protocol does not have would tell something that nobody
/// decided to tell: which program ended the stream, or 62 bits past the seal.
fn outside(code: Code) -> Code {
    match code.into_inner() {
        STOP_ENOUGH => code,
        other => refusal_code(StreamRefusal::from_code(other)),
    }
}

/// Whether the sink still wants anything. It is asked and not waited for: a sink without room has none for this either, and
/// meanwhile the source may have something to say.
async fn probed(sink: &mut SendStream) -> Result<(), End> {
    let mut asked = pin!(write(sink, &mut []));
    match poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx))).await {
        Poll::Ready(Err(end)) => Err(end),
        Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
    }
}

async fn write(sink: &mut SendStream, chunks: &mut [Bytes]) -> Result<Written, End> {
    sink.write_chunks(chunks).await.map_err(|error| match error {
        WriteError::Stopped(code) => End::Stopped(code),
        _ => End::Broken(None),
    })
}

/// Both streams of a direction. Whatever happens to the relay, each learns how it ended.
struct Ends<'a> {
    source: RecvStream,
    sink: SendStream,
    shared: &'a Shared<'a>,
    told: bool,
}

// An error of quinn here means that the half has ended already: nothing is left to tell.
impl Ends<'_> {
    fn finish(&mut self) {
        self.told = true;
        let _ = self.sink.finish();
    }

    /// To the source it is a stop; a sink that stopped is answered with a reset (RFC 9000, 3.5).
    fn abort(&mut self, code: Code) {
        self.told = true;
        let _ = self.source.stop(code);
        let _ = self.sink.reset(code);
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.abort(self.shared.abort_code());
        }
    }
}
