//! Commands that take away. A key goes at once; the ciphertext that it opened is cleared away later, in pieces that
//! do not hold up the writer.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::label::MemberId;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;
use sqlx::{AnyConnection, Row, query};

use super::{Applied, ApplyError, Outcome, current, discard, signed};
use crate::store::ids::parse_ticket_id;
use crate::store::{ENDED, INCOMING, LIVE, REVOKED};

/// Segments that one sweep clears away: at most 2 MiB to overwrite.
const SWEEP_SEGMENTS: i64 = 32;
/// Tickets that one command ends.
const END_TICKETS: i64 = 200;

pub(super) async fn delete(connection: &mut AnyConnection, id: TicketId) -> Applied {
    let name = id.to_string();
    let upload = current(connection, id).await?.map(|now| now.upload);
    let routes = take_routes(connection, &name).await?;
    if let Some(upload) = &upload {
        discard(connection, upload).await?;
        query("DELETE FROM submission WHERE ticket = $1").bind(name.clone()).execute(&mut *connection).await?;
    }
    let revoked = forget_keys(connection, &name, REVOKED, true).await?;
    Ok(if upload.is_some() || revoked { Outcome::Deleted(routes) } else { Outcome::Nothing })
}

/// The ticket stays live, for a higher attempt: what a proxy held back of this one or of an earlier one stays without
/// effect. The wrapped key is overwritten with the row; the log is cut with the next removal.
pub(super) async fn discard_attempt(connection: &mut AnyConnection, ticket: TicketId, attempt: u64) -> Applied {
    let now = match current(connection, ticket).await? {
        Some(now) if !now.complete && now.attempt == attempt => now,
        _ => return Ok(Outcome::Nothing),
    };
    discard(connection, &now.upload).await?;
    query("DELETE FROM submission WHERE ticket = $1").bind(ticket.to_string()).execute(&mut *connection).await?;
    query("UPDATE ticket SET last_attempt = $1 WHERE id = $2")
        .bind(attempt.cast_signed())
        .bind(ticket.to_string())
        .execute(connection)
        .await?;
    Ok(Outcome::Done)
}

/// Deletes a ticket's secrets, if it is live.
async fn forget_keys(
    connection: &mut AnyConnection,
    ticket: &str,
    state: i64,
    reference_too: bool,
) -> Result<bool, ApplyError> {
    let sql = if reference_too {
        "UPDATE ticket SET state = $1, ticket_sealed = NULL, key_sealed = NULL, reference_sealed = NULL \
         WHERE id = $2 AND state <> $1"
    } else {
        "UPDATE ticket SET state = $1, ticket_sealed = NULL, key_sealed = NULL WHERE id = $2 AND state <> $1"
    };
    let changed = query(sql).bind(state).bind(ticket.to_owned()).execute(connection).await?;
    Ok(changed.rows_affected() > 0)
}

async fn take_routes(connection: &mut AnyConnection, ticket: &str) -> Result<Vec<(RouteNonce, MemberId)>, ApplyError> {
    let rows = query("SELECT nonce, inner_proxy FROM ticket_route WHERE ticket = $1")
        .bind(ticket.to_owned())
        .fetch_all(&mut *connection)
        .await?;
    let mut routes = Vec::with_capacity(rows.len());
    for row in rows {
        let nonce = parse_ticket_id(&row.try_get::<String, _>("nonce")?);
        let inner = row.try_get::<String, _>("inner_proxy")?.parse();
        // A damaged route leads nowhere: it is no reason to keep a secret.
        if let (Some(nonce), Ok(inner)) = (nonce, inner) {
            routes.push((RouteNonce(nonce.0), inner));
        }
    }
    query("DELETE FROM ticket_route WHERE ticket = $1").bind(ticket.to_owned()).execute(connection).await?;
    Ok(routes)
}

pub(super) async fn end_tickets(connection: &mut AnyConnection, before: UnixSeconds, except: &[TicketId]) -> Applied {
    let except: Vec<String> = except.iter().map(ToString::to_string).collect();
    let most = END_TICKETS.saturating_add(i64::try_from(except.len()).unwrap_or(i64::MAX));
    let rows = query("SELECT id FROM ticket WHERE state = $1 AND not_after < $2 ORDER BY not_after LIMIT $3")
        .bind(LIVE)
        .bind(signed(before))
        .bind(most)
        .fetch_all(&mut *connection)
        .await?;
    let (mut tickets, mut routes) = (0, Vec::new());
    for row in &rows {
        let ticket: String = row.try_get("id")?;
        if !except.contains(&ticket) {
            routes.extend(end_one(connection, &ticket).await?);
            tickets += 1;
        }
    }
    Ok(Outcome::Ended { tickets, routes })
}

async fn end_one(connection: &mut AnyConnection, ticket: &str) -> Result<Vec<(RouteNonce, MemberId)>, ApplyError> {
    let unfinished = query("SELECT upload FROM submission WHERE ticket = $1 AND state = $2")
        .bind(ticket.to_owned())
        .bind(INCOMING)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = unfinished {
        discard(connection, &row.try_get::<String, _>("upload")?).await?;
        query("DELETE FROM submission WHERE ticket = $1").bind(ticket.to_owned()).execute(&mut *connection).await?;
    }
    let routes = take_routes(connection, ticket).await?;
    forget_keys(connection, ticket, ENDED, false).await?;
    // The row itself is kept only for the submission that hangs on it.
    query("DELETE FROM ticket WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM submission WHERE submission.ticket = ticket.id)")
        .bind(ticket.to_owned())
        .execute(connection)
        .await?;
    Ok(routes)
}

pub(super) async fn sweep(connection: &mut AnyConnection) -> Applied {
    let Some(row) = query("SELECT upload FROM garbage LIMIT 1").fetch_optional(&mut *connection).await? else {
        return Ok(Outcome::Swept(false));
    };
    let upload: String = row.try_get("upload")?;
    let first = query("SELECT position FROM segment WHERE upload = $1 ORDER BY position LIMIT 1")
        .bind(upload.clone())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(first) = first else {
        query("DELETE FROM garbage WHERE upload = $1").bind(upload).execute(connection).await?;
        return Ok(Outcome::Swept(true));
    };
    let end = first.try_get::<i64, _>("position")? + SWEEP_SEGMENTS;
    query("DELETE FROM segment WHERE upload = $1 AND position < $2").bind(upload).bind(end).execute(connection).await?;
    Ok(Outcome::Swept(true))
}
