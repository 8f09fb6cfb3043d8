//! What can go wrong, and whether trying again is worth it.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::{MemberId, NameError, PayloadKind};
use schleuse_protocol::wire::reply::{Reason, Refusal};

use crate::content::ContentError;
use crate::dial::DialError;
use crate::text::Moment;

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
            Self::Unreachable { .. } | Self::Cancelled => true,
            Self::Refused { .. } | Self::BadAnswer { .. } | Self::Sealing(_) => false,
        }
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

/// Why a ticket cannot be used, found out from the ticket and the directory alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The directory has no such office.
    #[error("the ticket names the office '{0}', which is not in the directory: is the directory up to date?")]
    UnknownOffice(MemberId),
    /// The signature is not the office's.
    #[error("the ticket's signature is not that of '{0}': the ticket is damaged or forged")]
    Forged(MemberId),
    /// Too early.
    #[error("the ticket is valid only from {} on", Moment(*.0))]
    NotYetValid(UnixSeconds),
    /// Too late.
    #[error("the ticket ended on {}: ask the office for a new one", Moment(*.0))]
    Expired(UnixSeconds),
    /// The ticket asks for something else.
    #[error("the ticket asks for '{wanted}', not for '{given}'")]
    WrongKind {
        /// What the office wants.
        wanted: PayloadKind,
        /// What was to be sent.
        given: PayloadKind,
    },
    /// Neither the caller nor the ticket says what the content is.
    #[error("the ticket does not say what it asks for: name the kind of the content, e.g. .kind(\"guest-list\")")]
    KindMissing,
    /// The given kind is no name.
    #[error(transparent)]
    BadKind(#[from] NameError),
    /// The ticket is for another member, and this client signs as nobody or as somebody else.
    #[error("the ticket is for '{wanted}', but this client is {}", given.as_ref().map_or("anonymous".to_owned(), |given| format!("'{given}'")))]
    WrongSender {
        /// Whom the office asks.
        wanted: MemberId,
        /// Who this client is.
        given: Option<MemberId>,
    },
    /// The ticket has no route through an inner proxy of the directory.
    #[error("none of the ticket's routes leads through an inner proxy of the directory: is the directory up to date?")]
    NoRoute,
    /// The directory itself has ended.
    #[error("the directory ended on {}: fetch the current one", Moment(*.0))]
    DirectoryExpired(UnixSeconds),
}

impl TicketError {
    /// Whether the same call can succeed later: when the ticket's time comes, or with the current directory.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::NotYetValid(_) | Self::UnknownOffice(_) | Self::NoRoute | Self::DirectoryExpired(_) => true,
            Self::Forged(_)
            | Self::Expired(_)
            | Self::WrongKind { .. }
            | Self::KindMissing
            | Self::BadKind(_)
            | Self::WrongSender { .. } => false,
        }
    }
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
