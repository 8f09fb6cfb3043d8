//! What can go wrong, and whether trying again is worth it.

use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::reply::{Reason, Refusal};

use crate::check::TicketError;
use crate::content::ContentError;
use crate::dial::DialError;
use crate::journal::JournalError;

/// Why a content was not delivered. [`SendError::may_retry`] says whether the same ticket can still work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The ticket does not fit: found out before anything was dialled.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The content could not be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The office says no, for a reason that it tells only to the holder of the ticket.
    #[error("the office refuses: {}", describe(.0))]
    Office(Refusal),
    /// Every way of the ticket was refused, without a reason: the ticket is used up, revoked or forged, or the network
    /// has changed its keys since it was made.
    #[error("the ticket was refused on every way to {office}: ask the office for a new ticket")]
    Refused {
        /// The office that the ticket names.
        office: MemberId,
    },
    /// No outer proxy can be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The network was reached, but not the office, or the connection broke and did not come back in time.
    #[error("{office} could not be reached within {} s ({detail}): try again later with the same ticket", patience.as_secs())]
    Unreachable {
        /// The office that the ticket names.
        office: MemberId,
        /// How long it was tried since the last progress.
        patience: std::time::Duration,
        /// What happened last.
        detail: Interruption,
    },
    /// What came back was not the office's answer to this content.
    #[error("the answer of {office} does not belong to this content: keep the ticket and tell the office")]
    BadAnswer {
        /// The office that the ticket names.
        office: MemberId,
    },
    /// Cancelled by the caller. The office hands over nothing of an unfinished content.
    #[error("cancelled before the office confirmed: nothing was handed over unless a receipt is found for this ticket")]
    Cancelled,
    /// A fault in this library or the cryptography below it.
    #[error("sealing failed: {0}")]
    Sealing(String),
}

impl SendError {
    /// Whether sending the same content with the same ticket can succeed later. If not, a new ticket is needed, or
    /// what the text says.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Ticket(error) => error.may_retry(),
            Self::Content(error) => !matches!(error, ContentError::Read(_)),
            Self::Office(refusal) => refusal.reason.may_retry(),
            Self::Dial(error) => error.may_retry(),
            Self::Journal(error) => error.may_retry(),
            Self::Unreachable { .. } | Self::Cancelled => true,
            Self::Refused { .. } | Self::BadAnswer { .. } | Self::Sealing(_) => false,
        }
    }

    /// Whether nothing that is sent under this ticket will ever be accepted again. Only the office can say that, inside the
    /// seal: a refusal without a reason may come from anybody on the way, and must not cost a journal.
    pub(crate) fn is_final_for_the_ticket(&self) -> bool {
        matches!(self, Self::Office(_)) && !self.may_retry()
    }
}

/// How an attempt ended that may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Interruption {
    /// The proxies do not reach the office, or it is busy.
    #[error("the office is not connected, or busy")]
    OfficeAway,
    /// The outer proxy stopped answering.
    #[error("the outer proxy stopped answering")]
    ProxySilent,
    /// The outer proxy is being stopped, and said so.
    #[error("the outer proxy is being stopped")]
    ProxyDrains,
    /// The outer proxy is there, but takes no further content.
    #[error("the outer proxy takes no further content")]
    NoStream,
    /// Nothing came back over this way.
    #[error("the office did not answer")]
    NoAnswer,
    /// The stream or its connection broke.
    #[error("the connection broke")]
    Lost,
    /// Nothing moved for too long.
    #[error("nothing moved any more")]
    TimedOut,
    /// What came back was not sealed by the office for this content.
    #[error("what came back was not the office's answer")]
    BadAnswer,
    /// The office cannot store just now.
    #[error("the office cannot store at the moment")]
    TryLater,
}

/// The office's own text if it gave one, else one of ours.
fn describe(refusal: &Refusal) -> String {
    if refusal.text.is_empty() { reason_text(refusal.reason).to_owned() } else { refusal.text.clone() }
}

fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::NotYetValid(_) => "the ticket is not valid yet",
        Reason::Expired => "the ticket has ended: ask for a new one",
        Reason::AlreadyUsed => "the ticket was used for another content: ask for a new one",
        Reason::Revoked => "the ticket was revoked",
        Reason::Superseded(_) => "a newer attempt with the same ticket is under way",
        Reason::WrongKind => "this kind of content is not asked for",
        Reason::SenderRequired => "only a known member may send this: give the client its identity",
        Reason::NotPermitted => "the directory does not permit this member to send this here",
        Reason::BadIdentity => "the member's signature is not valid: is the signing key the one in the directory?",
        Reason::TooLarge(_) => "the content is larger than the office accepts",
        Reason::Malformed => "the sealed content breaks the protocol",
        Reason::TryLater => "the office cannot store at the moment: try again later",
    }
}
