//! What a sender checks before it dials: is this ticket the office's, is it valid, is it meant for this?

use schleuse_directory::{Member, Role, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::ticket::{Route, Ticket};
use schleuse_seal::VerifiedTicket;

use crate::error::TicketError;

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
    if directory.expires() < now {
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
