//! One try: drives the sender's state machine over one stream of one connection.

use std::time::Duration;

use bytes::Bytes;
use schleuse_protocol::limits::{SEGMENT_DATA, SEGMENT_PLAINTEXT, VERSION};
use schleuse_protocol::sender::{SenderAction, SenderError, SenderEvent, SenderFailure, SenderStream, Start};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::Refusal;
use schleuse_protocol::wire::ticket::Route;
use schleuse_seal::Sender;
use schleuse_transport::clock::Clock;
use schleuse_transport::net::{Connection, ReadError, RecvStream, SendStream, WriteError, Written};
use schleuse_transport::relay::refusal_code;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::content::{Content, ContentError, Segment};
use crate::dial::{HEAD_START, Link};
use crate::error::{Interruption, SendError};
use crate::progress::Meter;

/// Bytes of a reply that are read at once; replies are small.
const READ: usize = 4096;

/// While more than this waits to be written, nothing more is sealed: so the next segment is ready when the transport can
/// take it, and a short content is handed over as a whole.
const QUEUE: usize = SEGMENT_PLAINTEXT;

/// What a try needs. The channel comes and goes, because its bytes must be the same on the next way.
pub(crate) struct Attempt<'a> {
    pub(crate) link: &'a Link,
    pub(crate) route: Route,
    pub(crate) content: &'a mut Content,
    pub(crate) meter: &'a mut Meter,
    /// Length of the content, once its last segment was read.
    pub(crate) end: &'a mut Option<u64>,
    /// How long nothing may move.
    pub(crate) patience: Duration,
    /// How long the office may take for its first word.
    pub(crate) answer_within: Duration,
    pub(crate) clock: Clock,
}

/// How a try ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Receipt(Receipt),
    /// By the office, inside the seal.
    Refused(Refusal),
    /// By whomever, without a reason.
    RefusedOnTheWay,
    Interrupted(Interruption),
    /// The office vouches for something else than what was sent.
    BadReceipt,
    /// The content is not what an earlier try sent.
    ContentChanged,
}

/// What happens next on a stream.
enum Turn {
    Written(Result<Written, WriteError>),
    Read(Result<Option<Bytes>, ReadError>),
    Segment(u32, Result<Segment, ContentError>),
    Timer,
    /// The head start is over: has the proxy answered at all?
    ProxyCheck,
    /// The office has not said a word in the time that it had.
    NoAnswer,
    PatienceOver,
}

impl Attempt<'_> {
    pub(crate) async fn run(self, channel: Sender, start: Start) -> (Sender, Result<Ended, SendError>) {
        let (send, recv) = match self.link.connection.open_bi().await {
            Ok(streams) => streams,
            Err(_) => return (channel, Ok(Ended::Interrupted(Interruption::Lost))),
        };
        let open = Open { version: VERSION, inner: self.route.inner, token: self.route.token };
        let machine = SenderStream::new(channel, open, start, self.clock.now());
        let proxy = ProxyCheck::begin(&self.link.connection);
        let answer_due = Some(Instant::now() + self.answer_within);
        let stream = Stream { machine, up: Up::new(send), recv: Some(recv), answer_due, attempt: self };
        stream.run(proxy).await
    }
}

struct Stream<'a> {
    machine: SenderStream<Sender>,
    up: Up,
    recv: Option<RecvStream>,
    /// When the office must have begun to answer; `None` once it has. Whatever died on the way, an inner proxy or the
    /// office itself, shows by this long before the links in between notice.
    answer_due: Option<Instant>,
    attempt: Attempt<'a>,
}

impl Stream<'_> {
    async fn run(mut self, mut proxy: ProxyCheck) -> (Sender, Result<Ended, SendError>) {
        let ended = loop {
            if let Some(ended) = self.act() {
                break Ok(ended);
            }
            let turn = self.next_turn(&mut proxy).await;
            match self.handle(turn, &mut proxy) {
                Ok(None) => {}
                Ok(Some(ended)) => break Ok(ended),
                Err(error) => break Err(error),
            }
        };
        if matches!(ended, Ok(Ended::Receipt(_) | Ended::Refused(_))) {
            self.up.finish_now();
            self.wait_for_end().await;
        }
        (self.machine.into_channel(), ended)
    }

    /// Carries out what the machine wants. It makes more to be sent only when asked, so it is asked only when there is
    /// room for it.
    fn act(&mut self) -> Option<Ended> {
        while self.up.has_room() || self.machine.has_actions() {
            match self.machine.poll_action()? {
                SenderAction::Send(bytes) => self.up.queue(bytes),
                SenderAction::FinishStream => self.up.finish_when_written(),
                SenderAction::Event(event) => {
                    if let Some(ended) = self.on_event(event) {
                        return Some(ended);
                    }
                }
            }
        }
        None
    }

    fn on_event(&mut self, event: SenderEvent) -> Option<Ended> {
        match event {
            SenderEvent::Accepted { next: stored } | SenderEvent::Progress { stored_segments: stored } => {
                self.attempt.content.release(stored);
                self.attempt.meter.stored(u64::from(stored) * SEGMENT_DATA as u64);
                None
            }
            SenderEvent::Receipt(receipt) => Some(Ended::Receipt(receipt)),
            SenderEvent::Refused(refusal) => Some(Ended::Refused(refusal)),
            SenderEvent::Failed(failure) => Some(ended_by(failure)),
        }
    }

    async fn next_turn(&mut self, proxy: &mut ProxyCheck) -> Turn {
        let Self { machine, up, recv, answer_due, attempt } = self;
        let takes = up.has_room() && !up.stopped;
        let wanted = machine.wanted().filter(|position| takes && attempt.content.has_room_for(*position));
        let position = wanted.unwrap_or_default();
        tokio::select! {
            biased;
            read = read(recv) => Turn::Read(read),
            segment = attempt.content.segment(position), if wanted.is_some() => Turn::Segment(position, segment),
            written = up.write(), if !up.is_written() => Turn::Written(written),
            () = attempt.clock.sleep_until_some(machine.poll_timeout()) => Turn::Timer,
            () = proxy.over(), if !proxy.done => Turn::ProxyCheck,
            () = sleep_until_some(*answer_due) => Turn::NoAnswer,
            () = sleep_until(attempt.meter.moved() + attempt.patience) => Turn::PatienceOver,
        }
    }

    fn handle(&mut self, turn: Turn, proxy: &mut ProxyCheck) -> Result<Option<Ended>, SendError> {
        let now = self.attempt.clock.now();
        match turn {
            Turn::Written(Ok(written)) => {
                self.up.written(written);
                self.machine.handle_sent(now);
            }
            // Whoever reads no more has answered, or resets the other direction too: what comes from there decides, so
            // that an answer which is on its way is not missed.
            Turn::Written(Err(WriteError::Stopped(_))) => self.up.stop(),
            Turn::Written(Err(_)) => self.machine.handle_lost(now),
            Turn::Read(Ok(Some(chunk))) => {
                self.answer_due = None;
                self.machine.handle_reply(&chunk, now);
            }
            Turn::Read(Ok(None)) => self.machine.handle_end(now),
            Turn::Read(Err(ReadError::Reset(code))) => self.machine.handle_reset(code.into_inner(), now),
            Turn::Read(Err(_)) => self.machine.handle_lost(now),
            Turn::Segment(position, segment) => self.provide(position, segment?)?,
            Turn::Timer => self.machine.handle_timeout(now),
            Turn::ProxyCheck if proxy.is_silent(&self.attempt.link.connection) => {
                return Ok(Some(Ended::Interrupted(Interruption::ProxySilent)));
            }
            Turn::ProxyCheck => {}
            Turn::NoAnswer => return Ok(Some(Ended::Interrupted(Interruption::NoAnswer))),
            Turn::PatienceOver => return Ok(Some(Ended::Interrupted(Interruption::TimedOut))),
        }
        Ok(None)
    }

    fn provide(&mut self, position: u32, segment: Segment) -> Result<(), SendError> {
        let now = self.attempt.clock.now();
        self.machine.provide(position, &segment.data, segment.last, now).map_err(provide_error)?;
        let end = u64::from(position) * SEGMENT_DATA as u64 + segment.data.len() as u64;
        self.attempt.meter.sent(end);
        if segment.last {
            *self.attempt.end = Some(end);
        }
        Ok(())
    }

    /// The office has said its last word; its FIN is right behind. Waiting for it lets everybody on the way end the
    /// stream properly, instead of by our stop.
    async fn wait_for_end(&mut self) {
        let recv = &mut self.recv;
        let rest = async { while let Ok(Some(_)) = read(recv).await {} };
        let _ = tokio::time::timeout(HEAD_START, rest).await;
    }
}

/// Until then, or forever.
async fn sleep_until_some(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The reading half; after its end this waits forever, so that it can stay a branch of the `select!`.
async fn read(recv: &mut Option<RecvStream>) -> Result<Option<Bytes>, ReadError> {
    let Some(stream) = recv else { return std::future::pending().await };
    let read = stream.read_chunk(READ).await;
    if !matches!(read, Ok(Some(_))) {
        *recv = None;
    }
    read
}

/// The writing half. Dropped before its end it is reset: otherwise it would be finished, which looks like a proper end.
struct Up {
    send: SendStream,
    pending: Vec<Bytes>,
    /// Bytes in `pending`.
    queued: usize,
    finish: bool,
    finished: bool,
    /// The other side reads no more.
    stopped: bool,
}

impl Up {
    fn new(send: SendStream) -> Self {
        Self { send, pending: Vec::new(), queued: 0, finish: false, finished: false, stopped: false }
    }

    fn queue(&mut self, bytes: Vec<u8>) {
        if !self.stopped {
            self.queued += bytes.len();
            self.pending.push(Bytes::from(bytes));
        }
    }

    fn has_room(&self) -> bool {
        self.queued < QUEUE
    }

    fn is_written(&self) -> bool {
        self.pending.is_empty()
    }

    async fn write(&mut self) -> Result<Written, WriteError> {
        self.send.write_chunks(&mut self.pending).await
    }

    fn written(&mut self, written: Written) {
        self.pending.drain(..written.chunks);
        self.queued -= written.bytes;
        self.finish_if_due();
    }

    fn finish_when_written(&mut self) {
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

    fn stop(&mut self) {
        self.stopped = true;
        self.pending.clear();
        self.queued = 0;
    }

    /// The answer is there: what was not written is of no use to anybody.
    fn finish_now(&mut self) {
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

/// Whether the proxy at the other end of a connection is there: it acknowledges what it gets at once, long before the
/// office can answer. So a dead proxy is told from a busy office, and in a fraction of a second.
struct ProxyCheck {
    signs: u64,
    sleep: std::pin::Pin<Box<Sleep>>,
    done: bool,
}

impl ProxyCheck {
    fn begin(connection: &Connection) -> Self {
        let wait = HEAD_START.max(3 * connection.rtt());
        let sleep = Box::pin(tokio::time::sleep_until(Instant::now() + wait));
        Self { signs: connection.signs_of_life(), sleep, done: false }
    }

    async fn over(&mut self) {
        self.sleep.as_mut().await;
        self.done = true;
    }

    fn is_silent(&self, connection: &Connection) -> bool {
        connection.signs_of_life() == self.signs
    }
}

fn ended_by(failure: SenderFailure) -> Ended {
    match failure {
        SenderFailure::RefusedUniformly => Ended::RefusedOnTheWay,
        SenderFailure::Unavailable => Ended::Interrupted(Interruption::OfficeAway),
        SenderFailure::TimedOut => Ended::Interrupted(Interruption::TimedOut),
        SenderFailure::Lost => Ended::Interrupted(Interruption::Lost),
        SenderFailure::BadReply => Ended::Interrupted(Interruption::BadAnswer),
        SenderFailure::BadReceipt => Ended::BadReceipt,
        SenderFailure::ContentChanged => Ended::ContentChanged,
    }
}

fn provide_error(error: SenderError) -> SendError {
    match error {
        SenderError::ContentChanged(_) => ContentError::Changed.into(),
        other => SendError::Sealing(other.to_string()),
    }
}
