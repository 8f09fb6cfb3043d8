//! Commands that bring an upload in, from its first byte to its receipt.

use rusqlite::{Connection, OptionalExtension as _, params};
use schleuse_protocol::wire::Wire as _;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;

use super::{Applied, ApplyError, Session, change};
use crate::store::LIVE;
use crate::store::command::{Answers, Command, Outcome};
use crate::store::error::{Refused, StoreError};
use crate::store::ids::{MAX_SEGMENTS, UploadId, receipt, unsigned};
use crate::store::model::{Attempt, Completion, NewSegment, NewUpload};
use crate::store::read::{next_position, signed};

/// A row of `submission`, as far as the commands look at it.
pub(super) struct Current {
    pub(super) ticket: i64,
    pub(super) upload: UploadId,
    pub(super) complete: bool,
    pub(super) attempt: u64,
    digest: [u8; 32],
    next: u32,
}

impl Current {
    fn is(&self, attempt: &Attempt) -> bool {
        self.attempt == attempt.number && self.digest == attempt.digest
    }
}

pub(super) fn current(connection: &Connection, ticket: TicketId) -> rusqlite::Result<Option<Current>> {
    let mut query = connection.prepare_cached(
        "SELECT s.ticket, s.upload, s.attempt, s.digest, s.segments FROM ticket t \
         JOIN submission s ON s.ticket = t.number WHERE t.id = ?1",
    )?;
    let found = query.query_row([ticket.0], |row| {
        let (upload, segments) = (UploadId(row.get(1)?), row.get::<_, Option<u32>>(4)?);
        let next = segments.map_or_else(|| next_position(connection, upload), Ok)?;
        let (ticket, attempt, digest) = (row.get(0)?, unsigned(row, 2)?, row.get(3)?);
        Ok(Current { ticket, upload, complete: segments.is_some(), attempt, digest, next })
    });
    found.optional()
}

/// The usual short submission: an attempt from beginning to end in one job, for a live ticket of which nothing has come.
/// `None` if it is not that; then nothing was changed.
pub(super) fn whole(session: &mut Session, commands: &[Command]) -> rusqlite::Result<Option<Answers>> {
    let [Command::Begin(new), segments @ .., Command::Finish(end)] = commands else { return Ok(None) };
    let is_next = |(index, command): (usize, &Command)| match command {
        Command::Store(segment) => segment.attempt == new.attempt && usize::try_from(segment.position) == Ok(index),
        _ => false,
    };
    let is_whole = end.attempt == new.attempt && usize::try_from(end.position) == Ok(segments.len());
    if !is_whole || segments.len() >= MAX_SEGMENTS as usize || !segments.iter().enumerate().all(is_next) {
        return Ok(None);
    }
    let Some(upload) = insert(session, new, Some(end), None)? else { return Ok(None) };
    let mut answers = vec![Ok(Outcome::Stored { next: 0 })];
    for command in segments {
        let Command::Store(segment) = command else { continue };
        insert_segment(&session.connection, upload, segment)?;
        answers.push(Ok(Outcome::Stored { next: segment.position + 1 }));
    }
    queue_for_a_look(&session.connection, upload)?;
    answers.push(Ok(Outcome::Finished(end.receipt.clone())));
    Ok(Some(answers))
}

/// Adds the row of an attempt, complete if its end is there too, if the ticket is live, has no row, and its last discarded
/// attempt is this one.
fn insert(
    session: &mut Session,
    new: &NewUpload,
    end: Option<&Completion>,
    discarded: Option<u64>,
) -> rusqlite::Result<Option<UploadId>> {
    let upload = session.new_upload();
    let inserted = change(
        &session.connection,
        "INSERT INTO submission (ticket, upload, attempt, digest, key_sealed, stored_at, segments, receipt, \
         last_segment, attestation) SELECT number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM ticket WHERE id = ?1 \
         AND state = ?11 AND last_attempt IS ?12 ON CONFLICT DO NOTHING",
        params![
            new.attempt.ticket.0,
            upload.0,
            new.attempt.number.cast_signed(),
            new.attempt.digest,
            new.key_sealed,
            end.map(|end| signed(end.receipt.body().stored_at)),
            end.map(|end| end.position),
            end.map(|end| end.receipt.as_bytes()),
            end.map(|end| &end.ciphertext),
            end.and_then(attestation),
            LIVE,
            discarded.map(u64::cast_signed),
        ],
    )?;
    Ok((inserted > 0).then_some(upload))
}

fn insert_segment(connection: &Connection, upload: UploadId, segment: &NewSegment) -> rusqlite::Result<()> {
    // A position that has no name is NULL, for which the engine would choose one: the callers keep below it.
    let name = upload.segment(segment.position);
    let sql = "INSERT INTO segment (name, data_len, ciphertext) VALUES (?1, ?2, ?3)";
    change(connection, sql, (name, segment.data_len, &segment.ciphertext))?;
    Ok(())
}

fn queue_for_a_look(connection: &Connection, upload: UploadId) -> rusqlite::Result<()> {
    change(connection, "INSERT INTO unread (upload) VALUES (?1)", [upload.0])?;
    Ok(())
}

pub(super) fn begin(session: &mut Session, new: &NewUpload) -> Applied {
    if insert(session, new, None, None)?.is_some() {
        return Ok(Outcome::Stored { next: 0 });
    }
    let ticket = new.attempt.ticket;
    let discarded = last_attempt(&session.connection, ticket)?.ok_or(Refused::Gone)?;
    match (current(&session.connection, ticket)?, discarded) {
        (None, Some(attempt)) if attempt >= new.attempt.number => return Err(Refused::Superseded { attempt }.into()),
        (None, _) => {}
        (Some(old), _) if old.is(&new.attempt) => return Ok(Outcome::Stored { next: old.next }),
        (Some(old), _) if old.complete => return Err(Refused::Complete.into()),
        (Some(Current { attempt, .. }), _) if attempt >= new.attempt.number => {
            return Err(Refused::Superseded { attempt }.into());
        }
        (Some(old), _) => session.shred_attempt(&old)?,
    }
    // It has a place: within this transaction the ticket is live, `discarded` is its last attempt, and no row is left.
    insert(session, new, None, discarded)?.ok_or(Refused::Gone)?;
    Ok(Outcome::Stored { next: 0 })
}

/// The live ticket's highest discarded attempt, if there is one; `None` if the ticket is not live.
fn last_attempt(connection: &Connection, ticket: TicketId) -> rusqlite::Result<Option<Option<u64>>> {
    let mut query = connection.prepare_cached("SELECT last_attempt FROM ticket WHERE id = ?1 AND state = ?2")?;
    let found = query.query_row((ticket.0, LIVE), |row| Ok(row.get::<_, Option<i64>>(0)?.map(i64::cast_unsigned)));
    found.optional()
}

pub(super) fn store(connection: &Connection, segment: &NewSegment) -> Applied {
    let attempt = &segment.attempt;
    let now = current(connection, attempt.ticket)?.ok_or(Refused::Gone)?;
    match segment.position {
        _ if !now.is(attempt) && now.complete => Err(Refused::Complete.into()),
        _ if !now.is(attempt) => Err(Refused::Superseded { attempt: now.attempt }.into()),
        position if position < now.next => Ok(Outcome::Stored { next: now.next }),
        position if position > now.next || now.complete => Err(Refused::OutOfOrder { next: now.next }.into()),
        MAX_SEGMENTS.. => Err(ApplyError::Answer(StoreError::Unavailable("an upload has too many segments".into()))),
        position => {
            insert_segment(connection, now.upload, segment)?;
            Ok(Outcome::Stored { next: position + 1 })
        }
    }
}

pub(super) fn finish(connection: &Connection, end: &Completion) -> Applied {
    let now = current(connection, end.attempt.ticket)?.ok_or(Refused::Gone)?;
    if now.complete && now.is(&end.attempt) {
        return Ok(Outcome::Finished(stored_receipt(connection, now.upload)?));
    }
    if now.complete {
        return Err(Refused::Complete.into());
    }
    if !now.is(&end.attempt) {
        return Err(Refused::Superseded { attempt: now.attempt }.into());
    }
    if now.next != end.position {
        return Err(Refused::OutOfOrder { next: now.next }.into());
    }
    change(
        connection,
        "UPDATE submission SET stored_at = ?2, segments = ?3, receipt = ?4, last_segment = ?5, attestation = ?6 \
         WHERE upload = ?1",
        params![
            now.upload.0,
            signed(end.receipt.body().stored_at),
            end.position,
            end.receipt.as_bytes(),
            &end.ciphertext,
            attestation(end),
        ],
    )?;
    queue_for_a_look(connection, now.upload)?;
    Ok(Outcome::Finished(end.receipt.clone()))
}

/// As it stands in its column.
fn attestation(end: &Completion) -> Option<Vec<u8>> {
    end.attestation.as_ref().map(|attestation| attestation.to_wire())
}

fn stored_receipt(connection: &Connection, upload: UploadId) -> rusqlite::Result<Receipt> {
    let mut query = connection.prepare_cached("SELECT receipt FROM submission WHERE upload = ?1")?;
    query.query_row([upload.0], |row| receipt(row, 0))
}
