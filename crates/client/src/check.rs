//! What a sender checks before it dials: is this ticket the office's, is it valid, is it meant for this?

use schleuse_directory::{Member, Role, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::{MemberId, NameError, PayloadKind};
use schleuse_protocol::wire::ticket::{Route, Ticket};
use schleuse_seal::VerifiedTicket;

use crate::text::Moment;

/// A ticket that fits, with what follows from it.
pub(crate) struct Admitted {
    pub(crate) ticket: VerifiedTicket,
    pub(crate) kind: PayloadKind,
    /// At least one, in the order of the ticket.
    pub(crate) routes: Vec<Route>,
}

/// Checks a ticket against the directory, the clock and what is to be sent.
pub(crate) fn admit(
    ticket: &Ticket,
    directory: &VerifiedDirectory,
    sender: Option<MemberId>,
    kind: Option<&str>,
    now: UnixSeconds,
) -> Result<Admitted, TicketError> {
    let body = ticket.body();
    if directory.believed_until() < now {
        return Err(TicketError::DirectoryExpired(directory.expires()));
    }
    let office = valid(directory, &body.office, Role::Office, now);
    let key = office.and_then(|office| office.signing_key).ok_or(TicketError::UnknownOffice(body.office))?;
    let verified = schleuse_seal::verify_ticket(ticket, &key.0).map_err(|_| TicketError::Forged(body.office))?;
    if now < body.not_before {
        return Err(TicketError::NotYetValid(body.not_before));
    }
    if body.not_after < now {
        return Err(TicketError::Expired(body.not_after));
    }
    check_sender(ticket, sender)?;
    let kind = agreed_kind(ticket, kind)?;
    let known = |route: &&Route| valid(directory, &route.inner, Role::Inner, now).is_some();
    let routes: Vec<Route> = body.routes.iter().filter(known).copied().collect();
    if routes.is_empty() {
        return Err(TicketError::NoRoute);
    }
    Ok(Admitted { ticket: verified, kind, routes })
}

/// A long-lived client may outlive a member's time in the directory, so it is asked anew.
fn valid<'a>(directory: &'a VerifiedDirectory, id: &MemberId, role: Role, now: UnixSeconds) -> Option<&'a Member> {
    directory.member(id).filter(|member| member.role == role && member.is_valid_at(now))
}

fn check_sender(ticket: &Ticket, given: Option<MemberId>) -> Result<(), TicketError> {
    match ticket.body().purpose.as_ref().and_then(|purpose| purpose.sender) {
        Some(wanted) if given != Some(wanted) => Err(TicketError::WrongSender { wanted, given }),
        _ => Ok(()),
    }
}

fn agreed_kind(ticket: &Ticket, given: Option<&str>) -> Result<PayloadKind, TicketError> {
    let wanted = ticket.body().purpose.as_ref().and_then(|purpose| purpose.kind);
    let given = given.map(str::parse::<PayloadKind>).transpose()?;
    match (wanted, given) {
        (Some(wanted), Some(given)) if wanted != given => Err(TicketError::WrongKind { wanted, given }),
        (wanted, given) => given.or(wanted).ok_or(TicketError::KindMissing),
    }
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
