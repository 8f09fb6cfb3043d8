//! Commands that take away. A key goes at once; the ciphertext that it opened is cleared away later, in pieces that
//! do not hold up the writer.

use rusqlite::{Connection, OptionalExtension as _};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;

use super::upload::{Current, current};
use super::{Applied, Outcome, Session, change};
use crate::store::ids::UploadId;
use crate::store::read::signed;
use crate::store::{ENDED, LIVE, REVOKED};

/// Segments that one sweep clears away: at most 2 MiB to overwrite.
const SWEEP_SEGMENTS: u32 = 32;
/// Tickets that one command ends.
const END_TICKETS: usize = 200;

type Routes = Vec<(RouteNonce, MemberId)>;

/// Deletes the row of an upload or submission, and what was found in it; its segments are handed to the sweeper.
pub(super) fn shred(connection: &Connection, now: &Current) -> rusqlite::Result<()> {
    change(connection, "INSERT INTO garbage (upload) VALUES (?1)", [now.upload.0])?;
    change(connection, "DELETE FROM submission WHERE upload = ?1", [now.upload.0])?;
    if now.complete {
        change(connection, "DELETE FROM unread WHERE upload = ?1", [now.upload.0])?;
        change(connection, "DELETE FROM finding WHERE upload = ?1", [now.upload.0])?;
    }
    Ok(())
}

pub(super) fn delete(connection: &Connection, id: TicketId) -> Applied {
    let submission = current(connection, id)?;
    if let Some(submission) = &submission {
        shred(connection, submission)?;
    }
    let mut query = connection.prepare_cached("SELECT number FROM ticket WHERE id = ?1 AND state <> ?2")?;
    let ticket = query.query_row((id.0, REVOKED), |row| row.get(0)).optional()?;
    let Some(ticket) = ticket else { return Ok(Outcome::Nothing) };
    let routes = take_routes(connection, ticket)?;
    change(
        connection,
        "UPDATE ticket SET state = ?2, routes = NULL, ticket_sealed = NULL, key_sealed = NULL, \
         reference_sealed = NULL WHERE number = ?1",
        (ticket, REVOKED),
    )?;
    Ok(Outcome::Deleted(routes))
}

/// The ticket stays live, for a higher attempt: what a proxy held back of this one or of an earlier one stays without
/// effect.
pub(super) fn discard_attempt(session: &mut Session, id: TicketId, attempt: u64) -> Applied {
    let now = match current(&session.connection, id)? {
        Some(now) if !now.complete && now.attempt == attempt => now,
        _ => return Ok(Outcome::Nothing),
    };
    session.shred_attempt(&now)?;
    let sql = "UPDATE ticket SET last_attempt = ?2 WHERE number = ?1";
    change(&session.connection, sql, (now.ticket, attempt.cast_signed()))?;
    Ok(Outcome::Done)
}

/// The tokens that led to a ticket; they lead nowhere any more.
fn take_routes(connection: &Connection, ticket: i64) -> rusqlite::Result<Routes> {
    let mut query = connection.prepare_cached("SELECT routes FROM ticket WHERE number = ?1")?;
    let stored: Option<Vec<u8>> = query.query_row([ticket], |row| row.get(0))?;
    let mut routes = Vec::new();
    for pair in stored.unwrap_or_default().chunks_exact(32) {
        let (nonce, inner) = pair.split_at(16);
        change(connection, "DELETE FROM route WHERE nonce = ?1", [nonce])?;
        // A damaged route leads nowhere: it is no reason to keep a secret.
        if let (Ok(nonce), Ok(inner)) = (nonce.try_into(), inner.try_into()) {
            routes.extend(MemberId::from_bytes(inner).ok().map(|inner| (RouteNonce(nonce), inner)));
        }
    }
    Ok(routes)
}

pub(super) fn end_tickets(connection: &Connection, before: UnixSeconds, except: &[TicketId]) -> Applied {
    let sql = "SELECT number, id FROM ticket WHERE state = ?1 AND not_after < ?2 ORDER BY not_after LIMIT ?3";
    let most = END_TICKETS.saturating_add(except.len());
    let mut query = connection.prepare_cached(sql)?;
    let ended = query
        .query_map((LIVE, signed(before), i64::try_from(most).unwrap_or(i64::MAX)), |row| {
            Ok((row.get(0)?, TicketId(row.get(1)?)))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let (mut tickets, mut routes) = (0, Vec::new());
    for (number, id) in ended {
        if !except.contains(&id) {
            routes.extend(end_one(connection, number, id)?);
            tickets += 1;
        }
    }
    Ok(Outcome::Ended { tickets, routes })
}

/// The row of a ticket is kept only for a submission that hangs on it.
fn end_one(connection: &Connection, number: i64, id: TicketId) -> rusqlite::Result<Routes> {
    let routes = take_routes(connection, number)?;
    let submission = current(connection, id)?;
    if submission.as_ref().is_some_and(|submission| submission.complete) {
        change(
            connection,
            "UPDATE ticket SET state = ?2, routes = NULL, ticket_sealed = NULL, key_sealed = NULL WHERE number = ?1",
            (number, ENDED),
        )?;
        return Ok(routes);
    }
    if let Some(unfinished) = submission {
        shred(connection, &unfinished)?;
    }
    change(connection, "DELETE FROM ticket WHERE number = ?1", [number])?;
    Ok(routes)
}

pub(super) fn sweep(connection: &Connection) -> Applied {
    let mut query = connection.prepare_cached("SELECT upload FROM garbage LIMIT 1")?;
    let Some(upload) = query.query_row([], |row| row.get(0)).optional()? else {
        return Ok(Outcome::Swept(false));
    };
    let [first, last] = UploadId(upload).segments();
    let swept = change(
        connection,
        "DELETE FROM segment WHERE name IN (SELECT name FROM segment WHERE name BETWEEN ?1 AND ?2 LIMIT ?3)",
        (first, last, SWEEP_SEGMENTS),
    )?;
    if swept == 0 {
        change(connection, "DELETE FROM garbage WHERE upload = ?1", [upload])?;
    }
    Ok(Outcome::Swept(true))
}
