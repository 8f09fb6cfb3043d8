//! What a sender's machine asks of its shell, and what it tells.

use alloc::vec::Vec;

use crate::wire::receipt::Receipt;
use crate::wire::reply::Refusal;

/// How a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The attempt's first connection: the content follows the hello at once.
    Fresh,
    /// Any later one: wait until the office says what it has.
    Resume {
        /// Length of the content; must be given if an earlier connection got as far as its end, because then the office
        /// may already have padding and want no content any more.
        length: Option<u64>,
    },
}

/// What the shell is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderAction {
    /// Write these bytes to the stream.
    Send(Vec<u8>),
    /// End our side of the stream (FIN); go on reading the answer unless the stream is finished.
    FinishStream,
    /// Tell the application.
    Event(SenderEvent),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderEvent {
    /// The office accepted the hello and has all segments before this position.
    Accepted {
        /// The first position that it wants.
        next: u32,
    },
    /// The office stored more: this attempt does not need those segments again. A new attempt needs all of the content, so
    /// whoever can keeps it until the receipt.
    Progress {
        /// So many segments from the beginning are durable.
        stored_segments: u32,
    },
    /// Delivered, with the proof. The stream is over.
    Receipt(Receipt),
    /// The office refused, inside the seal. The stream is over.
    Refused(Refusal),
    /// This connection failed. The stream is over.
    Failed(SenderFailure),
}

/// Why a connection failed. None of these is authenticated: any proxy can cause them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SenderFailure {
    /// Reset before the office accepted: the ticket is not known there (any more), or a proxy on this route refuses it.
    #[error("refused without a reason: the ticket has ended, was used and deleted, or is damaged")]
    RefusedUniformly,
    /// The way to the office is not there just now.
    #[error("the way to the office is not available just now")]
    Unavailable,
    /// The connection ended before the receipt.
    #[error("the connection was lost before the receipt came")]
    Lost,
    /// Nothing moved for too long.
    #[error("nothing moved on the connection for too long")]
    TimedOut,
    /// The answer is not the office's, or was damaged.
    #[error("the answer was damaged on its way")]
    BadReply,
    /// The office answered with a receipt that is not for this content.
    #[error("the office's receipt does not match what was sent")]
    BadReceipt,
    /// The content changed while it was sent.
    #[error("the content changed while it was being sent: begin a new attempt")]
    ContentChanged,
}

impl SenderFailure {
    /// Whether the identical bytes may succeed later on the same route.
    pub fn may_retry(self) -> bool {
        match self {
            Self::Unavailable | Self::Lost | Self::TimedOut | Self::BadReply => true,
            Self::RefusedUniformly | Self::BadReceipt | Self::ContentChanged => false,
        }
    }

    /// Whether the identical bytes may succeed at once on another route. A uniform refusal may be one proxy's lie or one
    /// used-up token; it is final only when every route gives it.
    pub fn other_route_may_help(self) -> bool {
        self.may_retry() || self == Self::RefusedUniformly
    }
}

/// The shell provided what was not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    /// This position is not wanted now.
    #[error("the content at position {0} is not wanted now")]
    NotWanted(u32),
    /// Every piece but the last has the size of a segment.
    #[error(
        "{length} bytes were provided for position {position}: only the last piece may be short, none may be longer"
    )]
    WrongLength {
        /// Where.
        position: u32,
        /// How many bytes came.
        length: usize,
    },
    /// The content is not the one that was sent before.
    #[error("the content changed at position {0} since it was first sent: begin a new attempt")]
    ContentChanged(u32),
    /// More than 2^32 segments.
    #[error("the content is too long")]
    TooLong,
}
