//! Everything that changes the store, and what each change answers.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;
use tokio::sync::oneshot;

use super::error::StoreError;
use super::model::{Completion, NewSegment, NewTicket, NewUpload, Summary};

/// What became of each command of a job, in their order.
pub type Answers = Vec<Result<Outcome, StoreError>>;
/// The answer to a queued job.
pub type Answer = oneshot::Receiver<Answers>;

/// One change. Every command may be sent twice: the second time changes nothing and answers the same.
#[derive(Clone, Debug)]
pub enum Command {
    /// Tickets that will be handed out once this is answered.
    AddTickets(Vec<NewTicket>),
    /// An upload begins; an unfinished earlier attempt is shredded.
    Begin(NewUpload),
    /// A segment.
    Store(NewSegment),
    /// The last segment and the receipt.
    Finish(Completion),
    /// An attempt was refused for good: shreds it if it is the current, unfinished one.
    Discard {
        /// Which ticket; it is open for a higher attempt.
        ticket: TicketId,
        /// Which attempt.
        attempt: u64,
    },
    /// What was found in submissions.
    Summarise(Vec<Summary>),
    /// Queues every submission that was examined by fewer checks, once.
    ExamineAgain {
        /// Number of the checks.
        checks: u32,
    },
    /// Shreds a submission and revokes its ticket; an unused ticket is revoked. Until the next [`Command::Cut`] is
    /// answered, files of the database may still hold the keys.
    Delete(TicketId),
    /// Changes nothing: answered when no file of the database holds a key that was deleted before.
    Cut,
    /// Deletes the keys of tickets whose validity ended before this time, and what is unfinished of them.
    EndTickets {
        /// End of validity, exclusive.
        before: UnixSeconds,
        /// Tickets whose upload runs just now: they end later.
        except: Vec<TicketId>,
    },
    /// Clears away segments of shredded uploads.
    Sweep,
    /// A named value of the daemon itself.
    SetMeta {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: Vec<u8>,
    },
}

/// What a command answers once it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Segments before this position are durable.
    Stored {
        /// First position that is not.
        next: u32,
    },
    /// The submission is complete; the receipt is the stored one.
    Finished(Receipt),
    /// Whether something was cleared away; false when there is no more to do.
    Swept(bool),
    /// So many tickets ended; zero when there are no more. Nobody needs these tokens any more.
    Ended {
        /// How many.
        tickets: usize,
        /// Their tokens.
        routes: Vec<(RouteNonce, MemberId)>,
    },
    /// It was deleted; nobody needs these tokens any more.
    Deleted(Vec<(RouteNonce, MemberId)>),
    /// There was nothing of that name.
    Nothing,
}

impl Command {
    /// Short name, for crash points and logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::AddTickets(_) => "mint",
            Self::Begin(_) => "begin",
            Self::Store(_) => "store",
            Self::Finish(_) => "finish",
            Self::Discard { .. } => "discard",
            Self::Summarise(_) => "summarise",
            Self::ExamineAgain { .. } => "examine-again",
            Self::Delete(_) => "delete",
            Self::Cut => "cut",
            Self::EndTickets { .. } => "end",
            Self::Sweep => "sweep",
            Self::SetMeta { .. } => "meta",
        }
    }

    /// Whether it has deleted key material that the log must not keep for a moment. (Of attempts it may.)
    pub(super) fn has_shredded(&self, answer: &Result<Outcome, StoreError>) -> bool {
        match (self, answer) {
            (Self::Delete(_), Ok(Outcome::Deleted(_))) => true,
            (Self::EndTickets { .. }, Ok(Outcome::Ended { tickets, .. })) => *tickets > 0,
            _ => false,
        }
    }

    /// Whether its answer promises that no file holds what was deleted.
    pub(super) fn waits_for_cut(&self, answer: &Result<Outcome, StoreError>) -> bool {
        matches!((self, answer), (Self::Cut, Ok(_)))
    }

    /// Memory that it holds, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        const ROW: usize = 512;
        match self {
            Self::AddTickets(tickets) => {
                tickets.iter().map(|ticket| ROW + ticket.ticket_sealed.len() + ticket.key_sealed.len()).sum()
            }
            Self::Store(segment) => ROW + segment.ciphertext.len(),
            Self::Summarise(summaries) => summaries.iter().map(|one| ROW + one.summary.len()).sum(),
            _ => ROW,
        }
    }
}
