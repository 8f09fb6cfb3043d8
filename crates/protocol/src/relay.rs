//! What outer and inner proxy have in common: a stream's header is collected and judged, then bytes are carried both
//! ways and only counted.
//!
//! The bytes themselves never pass through these types once the header is judged: the shell moves them from socket to
//! socket and reports numbers. It reads from one side only what it can write to the other, so a stream holds at most one
//! flow-control window per direction.

use alloc::vec::Vec;

use crate::limits::{HEADER_TIMEOUT, IDLE_TIMEOUT};
use crate::time::{Millis, Now};
use crate::wire::frame::{Frame, FrameReader, FrameType};
use crate::wire::hop::Open;
use crate::wire::refusal::StreamRefusal;

/// The two directions of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the sender towards the office.
    ToOffice,
    /// From the office towards the sender.
    ToSender,
}

/// What became of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// Bytes may come.
    Open,
    /// Its source said that this was all (FIN), or its destination wants no more (STOP_SENDING).
    Closed,
}

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelayEnd {
    /// Both directions came to their own end.
    Finished,
    /// A side was reset or its connection went away.
    Failed,
    /// No byte moved for [`IDLE_TIMEOUT`].
    TimedOut,
}

/// Counts and timers of a stream that is carried both ways.
#[derive(Debug)]
pub struct Relay {
    to_office: Flow,
    to_sender: Flow,
    bytes_to_office: u64,
    bytes_to_sender: u64,
    deadline: Millis,
    end: Option<RelayEnd>,
}

impl Relay {
    /// A stream that begins to be carried now.
    pub fn new(now: Now) -> Self {
        Self {
            to_office: Flow::Open,
            to_sender: Flow::Open,
            bytes_to_office: 0,
            bytes_to_sender: 0,
            deadline: now.millis.after(IDLE_TIMEOUT),
            end: None,
        }
    }

    /// Bytes were taken over by the far side of this direction.
    pub fn handle_bytes(&mut self, direction: Direction, count: usize, now: Now) {
        if count == 0 || self.end.is_some() {
            return;
        }
        let total = match direction {
            Direction::ToOffice => &mut self.bytes_to_office,
            Direction::ToSender => &mut self.bytes_to_sender,
        };
        *total = total.saturating_add(count as u64);
        // protocol.md 7.3: every byte of progress renews the timeout
        self.deadline = now.millis.after(IDLE_TIMEOUT);
    }

    /// The source of this direction ended it (FIN); the shell passes that on.
    pub fn handle_end(&mut self, direction: Direction, now: Now) {
        self.close(direction, now);
    }

    /// The destination of this direction wants no more (STOP_SENDING); the shell stops the source. The other direction
    /// goes on: the office's answer may still be on its way (protocol.md 7.2).
    pub fn handle_stopped(&mut self, direction: Direction, now: Now) {
        self.close(direction, now);
    }

    /// A side was reset or its connection is gone. The shell resets what is left on both sides with
    /// [`StreamRefusal::Unavailable`], or with the code that came.
    pub fn handle_failed(&mut self, _direction: Direction, _now: Now) {
        self.end.get_or_insert(RelayEnd::Failed);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.end.is_none() && now.millis >= self.deadline {
            self.end = Some(RelayEnd::TimedOut);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.end.is_none().then_some(self.deadline)
    }

    /// Whether and how it ended. After [`RelayEnd::Failed`] and [`RelayEnd::TimedOut`] both sides are to be reset.
    pub fn end(&self) -> Option<RelayEnd> {
        self.end
    }

    /// Bytes carried in this direction, without what the header phase forwarded.
    pub fn total(&self, direction: Direction) -> u64 {
        match direction {
            Direction::ToOffice => self.bytes_to_office,
            Direction::ToSender => self.bytes_to_sender,
        }
    }

    fn close(&mut self, direction: Direction, now: Now) {
        match direction {
            Direction::ToOffice => self.to_office = Flow::Closed,
            Direction::ToSender => self.to_sender = Flow::Closed,
        }
        self.deadline = now.millis.after(IDLE_TIMEOUT);
        if (self.to_office, self.to_sender) == (Flow::Closed, Flow::Closed) {
            self.end.get_or_insert(RelayEnd::Finished);
        }
    }
}

/// Collects a stream's first frame, which must be [`Open`], within [`HEADER_TIMEOUT`].
#[derive(Debug)]
pub(crate) struct Header {
    frames: FrameReader,
    deadline: Millis,
}

/// What the header's bytes have become.
pub(crate) enum HeaderProgress {
    /// Not whole yet.
    More,
    /// Whole: the frame, and the bytes that came after it.
    Whole(Open, Frame, Vec<u8>),
    /// Not an [`Open`] frame of this version.
    Bad,
}

impl Header {
    pub(crate) fn new(now: Now) -> Self {
        Self { frames: FrameReader::new(), deadline: now.millis.after(HEADER_TIMEOUT) }
    }

    pub(crate) fn deadline(&self) -> Millis {
        self.deadline
    }

    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> HeaderProgress {
        match self.frames.read(&mut bytes) {
            Ok(None) => HeaderProgress::More,
            Ok(Some(frame)) if frame.frame_type == FrameType::Open => match frame.decode::<Open>() {
                Ok(open) => HeaderProgress::Whole(open, frame, bytes.to_vec()),
                Err(_) => HeaderProgress::Bad,
            },
            Ok(Some(_)) | Err(_) => HeaderProgress::Bad,
        }
    }
}

/// The states that both kinds of proxy share.
#[derive(Debug)]
pub(crate) enum HopState {
    /// Collecting the header.
    AwaitHeader(Header),
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

impl HopState {
    pub(crate) fn await_next_hop(now: Now) -> Self {
        Self::AwaitNextHop { deadline: now.millis.after(HEADER_TIMEOUT) }
    }

    pub(crate) fn handle_opened(&mut self, now: Now) {
        if matches!(self, Self::AwaitNextHop { .. }) {
            *self = Self::Relaying(Relay::new(now));
        }
    }

    /// Returns the refusal to send if the state changed to refused.
    pub(crate) fn handle_timeout(&mut self, now: Now) -> Option<StreamRefusal> {
        match self {
            Self::AwaitHeader(header) if now.millis >= header.deadline() => self.refuse(StreamRefusal::Refused),
            Self::AwaitNextHop { deadline } if now.millis >= *deadline => self.refuse(StreamRefusal::Unavailable),
            Self::Relaying(relay) => {
                let before = relay.end();
                relay.handle_timeout(now);
                (before != relay.end()).then_some(StreamRefusal::Unavailable)
            }
            _ => None,
        }
    }

    pub(crate) fn refuse(&mut self, refusal: StreamRefusal) -> Option<StreamRefusal> {
        *self = Self::Refused;
        Some(refusal)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Millis> {
        match self {
            Self::AwaitHeader(header) => Some(header.deadline()),
            Self::AwaitNextHop { deadline } => Some(*deadline),
            Self::Relaying(relay) => relay.poll_timeout(),
            Self::Refused => None,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Relaying(relay) => relay.end().is_some(),
            Self::Refused => true,
            Self::AwaitHeader(_) | Self::AwaitNextHop { .. } => false,
        }
    }
}
