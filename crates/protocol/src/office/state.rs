//! The states of an office's stream. Each holds what its state needs and nothing more.

use super::action::Found;
use super::session::Session;
use crate::channel::OfficeSeal;
use crate::limits::MAX_UNSTORED_SEGMENTS;
use crate::wire::frame::FrameType;
use crate::wire::receipt::Receipt;
use crate::wire::reply::Reason;

/// Where a stream stands.
pub(super) enum State<S: OfficeSeal> {
    /// Waiting for the first frame.
    AwaitIncoming,
    /// The shell is looking for the ticket.
    AwaitTicket,
    /// Waiting for the hello.
    AwaitHello(AwaitHello<S>),
    /// The shell is taking the ticket's lease and reading its state.
    AwaitClaim(AwaitClaim<S>),
    /// Resuming: the stored segments are being opened again to rebuild the hash.
    ReadingBack(ReadingBack<S>),
    /// Receiving segments.
    Receiving(Receiving<S>),
    /// The final frame is verified; the shell makes everything durable.
    Finishing(Session<S>),
    /// The ticket has its submission; what comes is read and hashed, not stored.
    Comparing(Comparing<S>),
    /// Nothing more happens.
    Done,
}

impl<S: OfficeSeal> State<S> {
    /// Whether the next frame can be worked on now.
    pub(super) fn takes_frames(&self) -> bool {
        !self.due().is_empty()
    }

    /// The types of frames that may come next; none while the next frame cannot be worked on.
    pub(super) fn due(&self) -> &'static [FrameType] {
        match self {
            Self::AwaitIncoming => &[FrameType::Incoming],
            Self::AwaitHello(_) => &[FrameType::Hello],
            Self::Comparing(_) => &[FrameType::Segment, FrameType::Final],
            Self::Receiving(receiving) if receiving.unstored() < MAX_UNSTORED_SEGMENTS => {
                &[FrameType::Segment, FrameType::Final]
            }
            Self::Receiving(_)
            | Self::AwaitTicket
            | Self::AwaitClaim(_)
            | Self::ReadingBack(_)
            | Self::Finishing(_)
            | Self::Done => &[],
        }
    }
}

/// See [`State::AwaitHello`].
pub(super) struct AwaitHello<S: OfficeSeal> {
    /// The ticket and its one-time keys, which are dropped with this state.
    pub(super) found: Found<S::TicketKeys>,
}

/// See [`State::AwaitClaim`].
pub(super) struct AwaitClaim<S: OfficeSeal> {
    pub(super) session: Session<S>,
    pub(super) storage_key: S::StorageKey,
    /// The limit of the content, or why it is not welcome; decided before the claim, whose attempt number depends on it.
    pub(super) admitted: Result<u64, Reason>,
}

/// See [`State::ReadingBack`].
pub(super) struct ReadingBack<S: OfficeSeal> {
    pub(super) session: Session<S>,
    /// The position that was asked for.
    pub(super) position: u32,
    /// The first position that is not stored.
    pub(super) next: u32,
    /// Data bytes in the segments so far.
    pub(super) length: u64,
    /// The limit of the content.
    pub(super) max_length: u64,
}

/// See [`State::Receiving`].
pub(super) struct Receiving<S: OfficeSeal> {
    pub(super) session: Session<S>,
    /// The only position that is accepted next.
    pub(super) expected: u32,
    /// Everything before this position is durable.
    pub(super) durable: u32,
    /// Data bytes in the segments so far.
    pub(super) length: u64,
    /// The limit of the content.
    pub(super) max_length: u64,
}

impl<S: OfficeSeal> Receiving<S> {
    fn unstored(&self) -> usize {
        (self.expected - self.durable) as usize
    }

    /// Notes that the store has advanced; returns whether it has.
    pub(super) fn stored(&mut self, next: u32) -> bool {
        let further = next > self.durable && next <= self.expected;
        if further {
            self.durable = next;
        }
        further
    }
}

/// See [`State::Comparing`].
pub(super) struct Comparing<S: OfficeSeal> {
    pub(super) session: Session<S>,
    /// The only position that is accepted next.
    pub(super) expected: u32,
    /// Data bytes in the segments so far.
    pub(super) length: u64,
    /// What the ticket's submission is known by.
    pub(super) receipt: Receipt,
}
