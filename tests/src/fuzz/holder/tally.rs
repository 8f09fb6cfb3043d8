//! What a script has reached, so that a test can say whether the seeds still reach what they are for.

use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Receipts that a sender got.
    pub receipts: u64,
    /// Accepted uploads that began where an earlier stream had ended.
    pub resumes: u64,
    /// Segments that were read again for that.
    pub read_back: u64,
    /// Streams that lost the ticket's lease to another.
    pub taken_over: u64,
    /// Hellos that came before a newer stream knew the ticket's state.
    pub undecided: u64,
    /// Streams that were reset.
    pub resets: u64,
    /// Sealed refusals, by the number of their reason (protocol.md 9.2).
    pub refusals: [u64; 12],
}

impl Tally {
    pub(super) fn count(&mut self, reply: &Reply) {
        match reply {
            Reply::Receipt(_) => self.receipts += 1,
            Reply::Accepted { next } => self.resumes += u64::from(*next > 0),
            Reply::Refusal(Refusal { reason, .. }) => self.refusals[number(*reason)] += 1,
            Reply::Progress { .. } => {}
        }
    }

    /// How often this was the reason of a refusal; its field does not matter.
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refusals[number(reason)]
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.receipts += other.receipts;
        self.resumes += other.resumes;
        self.read_back += other.read_back;
        self.taken_over += other.taken_over;
        self.undecided += other.undecided;
        self.resets += other.resets;
        self.refusals.iter_mut().zip(other.refusals).for_each(|(sum, more)| *sum += more);
    }
}

fn number(reason: Reason) -> usize {
    match reason {
        Reason::NotYetValid(_) => 0,
        Reason::Expired => 1,
        Reason::AlreadyUsed => 2,
        Reason::Revoked => 3,
        Reason::Superseded(_) => 4,
        Reason::WrongKind => 5,
        Reason::SenderRequired => 6,
        Reason::NotPermitted => 7,
        Reason::BadIdentity => 8,
        Reason::TooLarge(_) => 9,
        Reason::Malformed => 10,
        Reason::TryLater => 11,
    }
}
