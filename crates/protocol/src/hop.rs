//! What outer and inner proxy have in common: a stream's header is collected ([`AwaitHeader`]), judged by
//! [`outer::judge`](crate::outer::judge) or [`inner::judge`](crate::inner::judge), the next hop is opened
//! ([`AwaitNextHop`]), then bytes are carried both ways and only counted ([`Relay`]).

use alloc::vec::Vec;

use crate::limits::{HEADER_TIMEOUT, NEXT_HOP_TIMEOUT};
use crate::relay::Relay;
use crate::time::{Millis, Now};
use crate::wire::frame::{Frame, FrameReader, FrameType};
use crate::wire::hop::Open;
use crate::wire::refusal::StreamRefusal;

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

/// Collects a stream's first frame, which must be [`Open`], within [`HEADER_TIMEOUT`] (protocol.md 7.1).
#[derive(Debug)]
pub struct AwaitHeader {
    frames: FrameReader,
    deadline: Millis,
    state: State,
}

#[derive(Debug)]
enum State {
    /// More bytes are wanted.
    Collecting,
    /// To be polled.
    Decided(Result<Header, StreamRefusal>),
    /// Polled: nothing more happens.
    Over,
}

impl AwaitHeader {
    /// A stream that was just accepted.
    pub fn new(now: Now) -> Self {
        let deadline = now.millis.after(HEADER_TIMEOUT);
        Self { frames: FrameReader::new(), deadline, state: State::Collecting }
    }

    /// Whether the shell shall read and pass to [`handle_bytes`](Self::handle_bytes).
    pub fn wants_bytes(&self) -> bool {
        matches!(self.state, State::Collecting)
    }

    /// Bytes of the beginning of the stream.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if !self.wants_bytes() {
            return;
        }
        match self.read(bytes) {
            Ok(None) => {}
            Ok(Some(header)) => self.state = State::Decided(Ok(header)),
            Err(NotAHeader) => self.refuse(),
        }
    }

    /// The previous hop ended or reset the stream, or is gone.
    pub fn handle_lost(&mut self) {
        self.refuse();
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if now.millis >= self.deadline {
            self.refuse();
        }
    }

    /// The header, or [`StreamRefusal::Refused`]; once.
    pub fn poll_verdict(&mut self) -> Option<Result<Header, StreamRefusal>> {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Collecting => {
                self.state = State::Collecting;
                None
            }
            State::Decided(verdict) => Some(verdict),
            State::Over => None,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.wants_bytes().then_some(self.deadline)
    }

    fn refuse(&mut self) {
        if self.wants_bytes() {
            self.state = State::Decided(Err(StreamRefusal::Refused));
        }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<Option<Header>, NotAHeader> {
        let frame = self.frames.read(&mut bytes, &[FrameType::Open]).map_err(|_| NotAHeader)?;
        let Some(frame) = frame else { return Ok(None) };
        let open = frame.decode().map_err(|_| NotAHeader)?;
        Ok(Some(Header { open, frame, rest: bytes.to_vec() }))
    }
}

/// Not an [`Open`] frame of this version.
struct NotAHeader;

/// The next hop is being opened, over one connection or several in turn, within [`NEXT_HOP_TIMEOUT`] (protocol.md 7.1).
#[derive(Debug)]
pub struct AwaitNextHop {
    deadline: Millis,
}

impl AwaitNextHop {
    /// The header has just been accepted.
    pub fn new(now: Now) -> Self {
        Self { deadline: now.millis.after(NEXT_HOP_TIMEOUT) }
    }

    /// The stream to the next hop is there, and the bytes to forward are written to it: from now on it is carried.
    pub fn handle_opened(&self, now: Now) -> Relay {
        Relay::new(now)
    }

    /// Time has passed: [`StreamRefusal::Unavailable`] once it was too long.
    pub fn handle_timeout(&self, now: Now) -> Option<StreamRefusal> {
        (now.millis >= self.deadline).then_some(StreamRefusal::Unavailable)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Millis {
        self.deadline
    }
}
