//! What outer and inner proxy have in common: a stream's header is collected and judged, the next hop is opened, then
//! bytes are carried both ways and only counted.
//!
//! The two differ in their [`Judge`]: [`outer`](crate::outer) and [`inner`](crate::inner).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::limits::HEADER_TIMEOUT;
use crate::relay::Relay;
use crate::time::{Millis, Now};
use crate::wire::frame::{Frame, FrameReader, FrameType};
use crate::wire::hop::Open;
use crate::wire::refusal::StreamRefusal;

/// Decides what becomes of a stream by its header.
pub trait Judge {
    /// What the shell is to do: forward, or reset with the refusal that it is made of.
    type Action: From<StreamRefusal>;

    /// The action that forwards the stream, if it may go on.
    fn judge(&self, header: Header, now: Now) -> Option<Self::Action>;
}

/// A stream's whole header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it says.
    pub open: Open,
    /// The frame that says so.
    pub frame: Frame,
    /// What came after it.
    pub rest: Vec<u8>,
}

/// One stream through a proxy.
#[derive(Debug)]
pub struct HopStream<J: Judge> {
    judge: J,
    state: State,
    actions: VecDeque<J::Action>,
}

#[derive(Debug)]
enum State {
    /// Collecting the header.
    AwaitHeader(AwaitHeader),
    /// The next hop is being opened.
    AwaitNextHop {
        /// When that takes too long.
        deadline: Millis,
    },
    /// Carrying.
    Relaying(Relay),
    /// Refused; nothing more happens.
    Refused,
}

impl<J: Judge> HopStream<J> {
    pub(crate) fn with_judge(judge: J, now: Now) -> Self {
        Self { judge, state: State::AwaitHeader(AwaitHeader::new(now)), actions: VecDeque::new() }
    }

    /// Whether the shell shall read and pass to [`handle_header`](Self::handle_header). Later it moves bytes by itself
    /// and reports their number to [`relay`](Self::relay).
    pub fn wants_header(&self) -> bool {
        matches!(self.state, State::AwaitHeader(_))
    }

    /// Bytes of the beginning of the stream.
    pub fn handle_header(&mut self, bytes: &[u8], now: Now) {
        let State::AwaitHeader(awaited) = &mut self.state else { return };
        let forward = match awaited.read(bytes) {
            Ok(None) => return,
            Ok(Some(header)) => self.judge.judge(header, now),
            Err(NotAHeader) => None,
        };
        match forward {
            Some(action) => {
                self.actions.push_back(action);
                self.state = State::AwaitNextHop { deadline: now.millis.after(HEADER_TIMEOUT) };
            }
            None => self.refuse(StreamRefusal::Refused),
        }
    }

    /// The previous hop ended or reset the stream, or is gone, before it was carried.
    pub fn handle_lost(&mut self, _now: Now) {
        match &mut self.state {
            State::AwaitHeader(_) | State::AwaitNextHop { .. } => self.refuse(StreamRefusal::Refused),
            State::Relaying(_) | State::Refused => {}
        }
    }

    /// The stream to the next hop is there, and the bytes to forward are written to it.
    pub fn handle_opened(&mut self, now: Now) {
        if matches!(self.state, State::AwaitNextHop { .. }) {
            self.state = State::Relaying(Relay::new(now));
        }
    }

    /// There is no connection to the next hop, or it takes no more streams.
    pub fn handle_open_failed(&mut self, _now: Now) {
        if matches!(self.state, State::AwaitNextHop { .. }) {
            self.refuse(StreamRefusal::Unavailable);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        match &mut self.state {
            State::AwaitHeader(header) if now.millis >= header.deadline => self.refuse(StreamRefusal::Refused),
            State::AwaitNextHop { deadline } if now.millis >= *deadline => self.refuse(StreamRefusal::Unavailable),
            State::Relaying(relay) => {
                let before = relay.end();
                relay.handle_timeout(now);
                if before != relay.end() {
                    self.actions.push_back(StreamRefusal::Unavailable.into());
                }
            }
            State::AwaitHeader(_) | State::AwaitNextHop { .. } | State::Refused => {}
        }
    }

    /// Counts and timers, once the stream is carried.
    pub fn relay(&mut self) -> Option<&mut Relay> {
        match &mut self.state {
            State::Relaying(relay) => Some(relay),
            _ => None,
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<J::Action> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        match &self.state {
            State::AwaitHeader(header) => Some(header.deadline),
            State::AwaitNextHop { deadline } => Some(*deadline),
            State::Relaying(relay) => relay.poll_timeout(),
            State::Refused => None,
        }
    }

    /// Whether nothing more happens (once the actions are done).
    pub fn is_finished(&self) -> bool {
        match &self.state {
            State::Relaying(relay) => relay.end().is_some(),
            State::Refused => true,
            State::AwaitHeader(_) | State::AwaitNextHop { .. } => false,
        }
    }

    fn refuse(&mut self, refusal: StreamRefusal) {
        self.state = State::Refused;
        self.actions.push_back(refusal.into());
    }
}

/// Collects a stream's first frame, which must be [`Open`], within [`HEADER_TIMEOUT`].
#[derive(Debug)]
struct AwaitHeader {
    frames: FrameReader,
    deadline: Millis,
}

/// Not an [`Open`] frame of this version.
struct NotAHeader;

impl AwaitHeader {
    fn new(now: Now) -> Self {
        Self { frames: FrameReader::new(), deadline: now.millis.after(HEADER_TIMEOUT) }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<Option<Header>, NotAHeader> {
        let frame = self.frames.read(&mut bytes, &[FrameType::Open]).map_err(|_| NotAHeader)?;
        let Some(frame) = frame else { return Ok(None) };
        let open = frame.decode().map_err(|_| NotAHeader)?;
        Ok(Some(Header { open, frame, rest: bytes.to_vec() }))
    }
}
