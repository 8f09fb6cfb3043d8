//! A stream that is carried: counts and timers.
//!
//! The bytes themselves never pass through this type: the shell moves them from socket to socket and reports numbers.
//! It reads from one side only what it can write to the other, so a stream holds at most one flow-control window per
//! direction.

use crate::limits::IDLE_TIMEOUT;
use crate::time::{Millis, Now};

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
    /// Its source has ended it (FIN), or its destination wants no more (STOP_SENDING).
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

    /// The far side of this direction has accepted bytes.
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
    /// [`Unavailable`](crate::wire::refusal::StreamRefusal::Unavailable), or with the code that came.
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
