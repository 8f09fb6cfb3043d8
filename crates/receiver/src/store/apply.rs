//! What each command does, in portable SQL, inside the writer's transaction.
//!
//! A command that is refused leaves nothing behind in the transaction that it shares with others: it finds out whether
//! it fits before it changes anything, or with the change, or (`AddTickets`) takes back what it has added.
//!
//! Every statement is a round trip to the engine's thread, which costs more than the statement: the usual case of each
//! command takes as few as possible, and the reason why something does not fit is found out afterwards.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::ticket::TicketId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, query};

use super::command::{Command, Outcome};
use super::error::Refused;
use super::ids::{hash, position, receipt, unsigned};
use super::model::{Attempt, Completion, NewSegment, NewTicket, NewUpload};
use super::writer::ApplyError;
use super::{COMPLETE, INCOMING, LIVE};

mod removal;

type Applied = Result<Outcome, ApplyError>;
type AnyQuery<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

pub(super) async fn apply(connection: &mut AnyConnection, command: &Command) -> Applied {
    match command {
        Command::AddTickets(tickets) => add_tickets(connection, tickets).await,
        Command::Begin(upload) => begin(connection, upload).await,
        Command::Store(segment) => store(connection, segment).await,
        Command::Finish(completion) => finish(connection, completion).await,
        Command::Discard { ticket, attempt } => removal::discard_attempt(connection, *ticket, *attempt).await,
        Command::Summarise { id, summary } => summarise(connection, *id, summary).await,
        Command::Delete(id) => removal::delete(connection, *id).await,
        Command::EndTickets { before, except } => removal::end_tickets(connection, *before, except).await,
        Command::Sweep => removal::sweep(connection).await,
        Command::SetMeta { name, value } => set_meta(connection, name, value).await,
    }
}

/// Ids and nonces are random, so a collision means that somebody else made them. Then nothing of the command stays.
async fn add_tickets(connection: &mut AnyConnection, tickets: &[NewTicket]) -> Applied {
    for (index, ticket) in tickets.iter().enumerate() {
        if !add_ticket(connection, ticket).await? {
            for earlier in &tickets[..index] {
                take_back(connection, earlier).await?;
            }
            return Err(Refused::Exists.into());
        }
    }
    Ok(Outcome::Done)
}

/// Whether neither the ticket's id nor a nonce of its routes was there; otherwise it is not added.
async fn add_ticket(connection: &mut AnyConnection, ticket: &NewTicket) -> Result<bool, ApplyError> {
    let id = ticket.id.to_string();
    let added = query(
        "INSERT INTO ticket (id, state, ticket_sealed, key_sealed, reference_sealed, not_after, minted_at, \
         max_bytes, sender_rule) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(id.clone())
    .bind(LIVE)
    .bind(ticket.ticket_sealed.clone())
    .bind(ticket.key_sealed.clone())
    .bind(ticket.reference_sealed.clone())
    .bind(signed(ticket.not_after))
    .bind(signed(ticket.minted_at))
    .bind(ticket.max_bytes.cast_signed())
    .bind(ticket.sender_rule.clone())
    .execute(&mut *connection)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    for (nonce, inner) in &ticket.routes {
        let added =
            query("INSERT INTO ticket_route (nonce, ticket, inner_proxy) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(nonce.to_string())
                .bind(id.clone())
                .bind(inner.to_string())
                .execute(&mut *connection)
                .await?;
        if added.rows_affected() == 0 {
            take_back(connection, ticket).await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes a ticket that this transaction has added; its routes go with it.
async fn take_back(connection: &mut AnyConnection, ticket: &NewTicket) -> Result<(), ApplyError> {
    query("DELETE FROM ticket WHERE id = $1").bind(ticket.id.to_string()).execute(connection).await?;
    Ok(())
}

/// A row of `submission`, as far as the commands look at it.
struct Current {
    complete: bool,
    upload: String,
    attempt: u64,
    digest: [u8; 32],
    next: u32,
    row: AnyRow,
}

impl Current {
    fn is(&self, attempt: &Attempt) -> bool {
        self.attempt == attempt.number && self.digest == attempt.digest
    }
}

async fn current(connection: &mut AnyConnection, ticket: TicketId) -> Result<Option<Current>, ApplyError> {
    let row = query("SELECT state, upload, attempt, digest, next_position, receipt FROM submission WHERE ticket = $1")
        .bind(ticket.to_string())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Current {
        complete: unsigned(&row, "state")? == COMPLETE.cast_unsigned(),
        upload: sqlx::Row::try_get(&row, "upload")?,
        attempt: unsigned(&row, "attempt")?,
        digest: hash(&row, "digest")?,
        next: position(&row, "next_position")?,
        row,
    }))
}

/// The live ticket's highest discarded attempt, if there is one. A ticket that is not live is refused.
async fn last_attempt(connection: &mut AnyConnection, ticket: TicketId) -> Result<Option<u64>, ApplyError> {
    let row = query("SELECT last_attempt FROM ticket WHERE id = $1 AND state = $2")
        .bind(ticket.to_string())
        .bind(LIVE)
        .fetch_optional(connection)
        .await?;
    let row = row.ok_or(Refused::Gone)?;
    Ok(sqlx::Row::try_get::<Option<i64>, _>(&row, "last_attempt")?.map(i64::cast_unsigned))
}

async fn begin(connection: &mut AnyConnection, new: &NewUpload) -> Applied {
    // The usual case in one statement: a live ticket of which nothing has come.
    if begin_first(connection, new).await? {
        return Ok(Outcome::Stored { next: 0 });
    }
    let discarded = last_attempt(connection, new.attempt.ticket).await?;
    match (current(connection, new.attempt.ticket).await?, discarded) {
        (None, Some(attempt)) if attempt >= new.attempt.number => Err(Refused::Superseded { attempt }.into()),
        (None, _) => insert_upload(connection, new).await,
        (Some(old), _) if old.is(&new.attempt) => Ok(Outcome::Stored { next: old.next }),
        (Some(old), _) if old.complete => Err(Refused::Complete.into()),
        (Some(old), _) if old.attempt >= new.attempt.number => Err(Refused::Superseded { attempt: old.attempt }.into()),
        (Some(old), _) => {
            discard(connection, &old.upload).await?;
            query("DELETE FROM submission WHERE ticket = $1")
                .bind(new.attempt.ticket.to_string())
                .execute(&mut *connection)
                .await?;
            insert_upload(connection, new).await
        }
    }
}

async fn begin_first(connection: &mut AnyConnection, new: &NewUpload) -> Result<bool, ApplyError> {
    let begun = query(
        "INSERT INTO submission (ticket, state, upload, attempt, digest, kind, sender, key_sealed, next_position, \
         begun_at) SELECT id, $2, $3, $4, $5, $6, $7, $8, 0, $9 FROM ticket WHERE id = $1 AND state = $10 \
         AND last_attempt IS NULL AND NOT EXISTS (SELECT 1 FROM submission WHERE ticket = $1)",
    );
    let begun = upload_values(begun, new).bind(LIVE).execute(connection).await?;
    Ok(begun.rows_affected() > 0)
}

async fn insert_upload(connection: &mut AnyConnection, new: &NewUpload) -> Applied {
    let insert = query(
        "INSERT INTO submission (ticket, state, upload, attempt, digest, kind, sender, key_sealed, next_position, \
         begun_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)",
    );
    upload_values(insert, new).execute(connection).await?;
    Ok(Outcome::Stored { next: 0 })
}

/// Binds $1 to $9: the columns of a new upload.
fn upload_values<'q>(query: AnyQuery<'q>, new: &NewUpload) -> AnyQuery<'q> {
    query
        .bind(new.attempt.ticket.to_string())
        .bind(INCOMING)
        .bind(new.upload.clone())
        .bind(new.attempt.number.cast_signed())
        .bind(new.attempt.digest.to_vec())
        .bind(new.kind.to_string())
        .bind(new.sender.map(|sender| sender.to_string()))
        .bind(new.key_sealed.clone())
        .bind(signed(new.begun_at))
}

/// Hands the segments of an upload whose key goes away to the sweeper.
async fn discard(connection: &mut AnyConnection, upload: &str) -> Result<(), ApplyError> {
    query("INSERT INTO garbage (upload) VALUES ($1)").bind(upload.to_owned()).execute(connection).await?;
    Ok(())
}

async fn store(connection: &mut AnyConnection, segment: &NewSegment) -> Applied {
    // The usual case in two statements: it is this attempt's turn and this position's.
    let moved = query(
        "UPDATE submission SET next_position = $1 WHERE ticket = $2 AND state = $3 AND attempt = $4 AND digest = $5 \
         AND next_position = $6",
    )
    .bind(i64::from(segment.position) + 1)
    .bind(segment.attempt.ticket.to_string())
    .bind(INCOMING)
    .bind(segment.attempt.number.cast_signed())
    .bind(segment.attempt.digest.to_vec())
    .bind(i64::from(segment.position))
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() == 0 {
        return not_this_position(connection, &segment.attempt, segment.position).await;
    }
    insert_segment(connection, segment).await?;
    Ok(Outcome::Stored { next: segment.position + 1 })
}

async fn insert_segment(connection: &mut AnyConnection, segment: &NewSegment) -> Result<(), ApplyError> {
    query(
        "INSERT INTO segment (upload, position, data_len, ciphertext) \
         SELECT upload, $1, $2, $3 FROM submission WHERE ticket = $4",
    )
    .bind(i64::from(segment.position))
    .bind(i64::from(segment.data_len))
    .bind(segment.ciphertext.clone())
    .bind(segment.attempt.ticket.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Finds out why a segment did not fit; one that is stored already is answered as stored.
async fn not_this_position(connection: &mut AnyConnection, attempt: &Attempt, position: u32) -> Applied {
    match current(connection, attempt.ticket).await? {
        None => Err(Refused::Gone.into()),
        Some(now) if !now.is(attempt) && now.complete => Err(Refused::Complete.into()),
        Some(now) if !now.is(attempt) => Err(Refused::Superseded { attempt: now.attempt }.into()),
        Some(now) if now.next > position => Ok(Outcome::Stored { next: now.next }),
        Some(now) => Err(Refused::OutOfOrder { next: now.next }.into()),
    }
}

async fn finish(connection: &mut AnyConnection, completion: &Completion) -> Applied {
    // As in `store`: the usual case in two statements.
    let attempt = &completion.attempt;
    let body = completion.receipt.body();
    let completed = query(
        "UPDATE submission SET state = $1, sender = $2, length = $3, content_hash = $4, receipt = $5, stored_at = $6 \
         WHERE ticket = $7 AND state = $8 AND attempt = $9 AND digest = $10 AND next_position = $11",
    )
    .bind(COMPLETE)
    .bind(body.sender.map(|sender| sender.to_string()))
    .bind(body.length.cast_signed())
    .bind(body.content_hash.0.to_vec())
    .bind(completion.receipt.as_bytes().to_vec())
    .bind(signed(body.stored_at))
    .bind(attempt.ticket.to_string())
    .bind(INCOMING)
    .bind(attempt.number.cast_signed())
    .bind(attempt.digest.to_vec())
    .bind(i64::from(completion.position))
    .execute(&mut *connection)
    .await?;
    if completed.rows_affected() == 0 {
        return not_to_be_finished(connection, completion).await;
    }
    let last = NewSegment {
        attempt: *attempt,
        position: completion.position,
        ciphertext: completion.ciphertext.clone(),
        data_len: 0,
    };
    insert_segment(connection, &last).await?;
    Ok(Outcome::Finished(completion.receipt.clone()))
}

/// Finds out why an upload could not be completed; one that is complete already is answered with its receipt.
async fn not_to_be_finished(connection: &mut AnyConnection, completion: &Completion) -> Applied {
    match current(connection, completion.attempt.ticket).await? {
        None => Err(Refused::Gone.into()),
        Some(now) if now.complete && now.is(&completion.attempt) => Ok(Outcome::Finished(receipt(&now.row)?)),
        Some(now) if now.complete => Err(Refused::Complete.into()),
        Some(now) if !now.is(&completion.attempt) => Err(Refused::Superseded { attempt: now.attempt }.into()),
        Some(now) => Err(Refused::OutOfOrder { next: now.next }.into()),
    }
}

async fn summarise(connection: &mut AnyConnection, id: TicketId, summary: &str) -> Applied {
    let changed = query("UPDATE submission SET summary = $1 WHERE ticket = $2 AND state = $3")
        .bind(summary.to_owned())
        .bind(id.to_string())
        .bind(COMPLETE)
        .execute(connection)
        .await?;
    Ok(if changed.rows_affected() == 0 { Outcome::Nothing } else { Outcome::Done })
}

async fn set_meta(connection: &mut AnyConnection, name: &str, value: &[u8]) -> Applied {
    query("DELETE FROM meta WHERE name = $1").bind(name.to_owned()).execute(&mut *connection).await?;
    query("INSERT INTO meta (name, value) VALUES ($1, $2)")
        .bind(name.to_owned())
        .bind(value.to_vec())
        .execute(connection)
        .await?;
    Ok(Outcome::Done)
}

fn signed(time: UnixSeconds) -> i64 {
    time.0.cast_signed()
}
