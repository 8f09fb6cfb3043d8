//! One try: drives the sender's state machine over one stream of one connection. A sending has one of them, or two beside each
//! other while it is not known which way works.

mod up;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schleuse_protocol::limits::{SEGMENT_DATA, SEGMENT_PLAINTEXT, VERSION};
use schleuse_protocol::sender::{SenderAction, SenderError, SenderEvent, SenderFailure, SenderStream, Start};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Refusal;
use schleuse_protocol::wire::ticket::Route;
use schleuse_transport::clock::Clock;
use schleuse_transport::net::{Connection, ReadError, RecvStream, WriteError, Written};
use tokio::time::{Instant, sleep_until};

use crate::channel::Channel;
use crate::content::{Content, ContentError, Segment};
use crate::error::{Interruption, SendError};
use crate::health::HEAD_START;
use crate::pool::{Link, Opened, Place, is_draining};
use up::Up;

/// Bytes of a reply that are read at once; replies are small.
const READ: usize = 4096;

/// One stream of a sending.
pub(crate) struct Lane {
    machine: SenderStream<Channel>,
    up: Up,
    recv: Option<RecvStream>,
    proxy: ProxyCheck,
    clock: Clock,
    link: Arc<Link>,
    _place: Place,
    /// Which of the ticket's routes.
    route: usize,
    asked: Instant,
    /// When a reply last opened. Other bytes are nobody's answer.
    answered: Option<Instant>,
    /// When something moved last, in either direction.
    moved: Instant,
    /// What [`has_moved`](Self::has_moved) saw of the connection last.
    signs: u64,
    /// Segments that the office has durably, as it said over this stream.
    stored: u32,
    /// Content that was handed over, in segments; the final counts as one.
    provided: u32,
    /// Since when the content's source has given nothing although it was asked.
    hungry: Option<Instant>,
}

/// What a stream brings about that its sending must know.
#[derive(Debug)]
pub(crate) enum Happened {
    /// The transport took the attempt's bytes up to here.
    Handed(u64),
    /// Content up to this byte was sealed and queued; `last` if it has ended.
    Sent { end: u64, last: bool },
    /// The office's word, and no proxy's: it has this many segments durably. `first` if this accepts the hello.
    Stored { segments: u32, first: bool },
    /// The stream is over.
    Ended(Ended),
    /// So is the sending.
    Failed(SendError),
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
}

impl Lane {
    /// Sends the hello over an opened stream.
    pub(crate) fn begin(
        opened: Opened,
        channel: Channel,
        start: Start,
        (route, on): (usize, &Route),
        clock: Clock,
    ) -> Self {
        let open = Open { version: VERSION, inner: on.inner, token: on.token };
        let now = Instant::now();
        let Opened { link, place, send, recv } = opened;
        let signs = link.connection().signs_of_work();
        Self {
            machine: SenderStream::new(channel, open, start, clock.now()),
            up: Up::new(send),
            recv: Some(recv),
            proxy: ProxyCheck::begin(link.connection()),
            clock,
            link,
            _place: place,
            route,
            asked: now,
            answered: None,
            moved: now,
            signs,
            stored: 0,
            provided: 0,
            hungry: None,
        }
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(crate) fn route(&self) -> usize {
        self.route
    }

    /// When the hello was sent.
    pub(crate) fn asked(&self) -> Instant {
        self.asked
    }

    /// Whether the office has said anything.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// Since when the office owes an answer, or has not taken what it was sent; `None` while it owes nothing.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        match self.answered {
            None => Some(self.asked),
            Some(answered) => (self.provided > self.stored).then_some(answered.max(self.moved)),
        }
    }

    /// When the office was heard last, or the stream began.
    pub(crate) fn heard(&self) -> Instant {
        self.answered.unwrap_or(self.asked)
    }

    /// Whether anything but answers to keep-alives came over the connection since this was last asked. The transport takes
    /// much more than a slow line carries at once: while the proxy acknowledges, what it took is still on its way, and the
    /// office cannot have it yet.
    pub(crate) fn has_moved(&mut self) -> bool {
        let seen = std::mem::replace(&mut self.signs, self.link.connection().signs_of_work());
        let has_moved = seen < self.signs;
        if has_moved {
            self.moved = Instant::now();
        }
        has_moved
    }

    /// Since when this machine's own source of the content has given nothing.
    pub(crate) fn hungry_since(&self) -> Option<Instant> {
        self.hungry
    }

    /// The other stream of the sending has come to the end of the content.
    pub(crate) fn know_length(&mut self, length: u64) {
        self.machine.know_length(length);
    }

    /// Goes on until something happens that the sending must know. Only one stream of a sending may be given the content.
    /// Dropping the future loses nothing.
    pub(crate) async fn advance(&mut self, mut content: Option<&mut Content>) -> Happened {
        loop {
            if let Some(happened) = self.act() {
                return happened;
            }
            let turn = self.next_turn(content.as_deref_mut()).await;
            if let Some(happened) = self.handle(turn) {
                return happened;
            }
        }
    }

    /// Ends the stream after the office's last word. Its FIN is right behind: waiting for it lets everybody on the way end
    /// the stream properly, instead of by our stop.
    pub(crate) async fn finish(mut self) {
        self.up.finish_now();
        let rest = async { while let Ok(Some(_)) = read(&mut self.recv).await {} };
        let _ = tokio::time::timeout(HEAD_START, rest).await;
    }

    /// Carries out what the machine wants. It makes more to be sent only when asked, so it is asked only when there is
    /// room for it.
    fn act(&mut self) -> Option<Happened> {
        while self.up.has_room() || self.machine.has_actions() {
            match self.machine.poll_action()? {
                SenderAction::Send(bytes) => self.up.queue(bytes),
                SenderAction::FinishStream => {
                    // Whatever is stored so far, the receipt is still to come.
                    self.provided = u32::MAX;
                    self.up.finish_when_written();
                }
                SenderAction::Event(event) => return Some(self.on_event(event)),
            }
        }
        None
    }

    fn on_event(&mut self, event: SenderEvent) -> Happened {
        let ended = match event {
            SenderEvent::Accepted { next: segments } | SenderEvent::Progress { stored_segments: segments } => {
                let first = self.answered.replace(Instant::now()).is_none();
                self.stored = self.stored.max(segments);
                self.signs = self.link.connection().signs_of_work();
                return Happened::Stored { segments, first };
            }
            SenderEvent::Receipt(receipt) => Ended::Receipt(receipt),
            SenderEvent::Refused(refusal) => Ended::Refused(refusal),
            SenderEvent::Failed(failure) => ended_by(failure),
        };
        Happened::Ended(ended)
    }

    async fn next_turn(&mut self, content: Option<&mut Content>) -> Turn {
        let Self { machine, up, recv, proxy, clock, hungry, .. } = self;
        let wanted = machine.wanted().filter(|_| up.takes_more());
        let source = content.zip(wanted).filter(|(content, position)| content.has_room_for(*position));
        if source.is_some() {
            hungry.get_or_insert_with(Instant::now);
        }
        let segment = async {
            match source {
                Some((content, position)) => Turn::Segment(position, content.segment(position).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            read = read(recv) => Turn::Read(read),
            turn = segment => turn,
            written = up.write(), if !up.is_written() => Turn::Written(written),
            () = clock.sleep_until_some(machine.poll_timeout()) => Turn::Timer,
            () = proxy.over(), if !proxy.done => Turn::ProxyCheck,
        }
    }

    fn handle(&mut self, turn: Turn) -> Option<Happened> {
        let now = self.clock.now();
        match turn {
            Turn::Written(Ok(written)) => {
                self.up.on_written(written);
                self.moved = Instant::now();
                self.machine.handle_sent(now);
                return Some(Happened::Handed(self.handed()));
            }
            // Whoever reads no more has answered, or resets the other direction too: what comes from there decides, so
            // that an answer which is on its way is not missed.
            Turn::Written(Err(WriteError::Stopped(_))) => self.up.stop(),
            Turn::Written(Err(WriteError::ConnectionLost(error)))
            | Turn::Read(Err(ReadError::ConnectionLost(error)))
                if is_draining(&error) =>
            {
                return Some(Happened::Ended(Ended::Interrupted(Interruption::ProxyDrains)));
            }
            Turn::Written(Err(_)) => self.machine.handle_lost(now),
            Turn::Read(Ok(Some(chunk))) => {
                self.moved = Instant::now();
                self.machine.handle_reply(&chunk, now);
            }
            Turn::Read(Ok(None)) => self.machine.handle_end(now),
            Turn::Read(Err(ReadError::Reset(code))) => self.machine.handle_reset(code.into_inner(), now),
            Turn::Read(Err(_)) => self.machine.handle_lost(now),
            Turn::Segment(position, segment) => return Some(self.provide(position, segment)),
            Turn::Timer => self.machine.handle_timeout(now),
            Turn::ProxyCheck if self.proxy.is_silent(self.link.connection()) => {
                return Some(Happened::Ended(Ended::Interrupted(Interruption::ProxySilent)));
            }
            Turn::ProxyCheck => {}
        }
        None
    }

    fn provide(&mut self, position: u32, segment: Result<Segment, ContentError>) -> Happened {
        self.hungry = None;
        let provided = segment.map_err(SendError::from).and_then(|segment| {
            self.machine.provide(position, &segment.data, segment.last, self.clock.now()).map_err(provide_error)?;
            Ok(segment)
        });
        match provided {
            Ok(segment) => {
                self.provided = self.provided.max(position.saturating_add(1));
                let end = u64::from(position) * SEGMENT_DATA as u64 + segment.data.len() as u64;
                Happened::Sent { end, last: segment.last }
            }
            Err(error) => Happened::Failed(error),
        }
    }

    /// About how many bytes of the attempt were handed over by this stream and those before it.
    fn handed(&self) -> u64 {
        let before = u64::from(self.stored) * SEGMENT_PLAINTEXT as u64;
        before.max(self.up.written())
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

/// Whether the proxy at the other end of a connection is there: it acknowledges what it gets at once, long before the
/// office can answer. So a dead proxy is told from a busy office, and in a fraction of a second.
struct ProxyCheck {
    signs: u64,
    over: Instant,
    done: bool,
}

impl ProxyCheck {
    fn begin(connection: &Connection) -> Self {
        let wait: Duration = HEAD_START.max(3 * connection.rtt());
        Self { signs: connection.signs_of_life(), over: Instant::now() + wait, done: false }
    }

    async fn over(&mut self) {
        sleep_until(self.over).await;
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
