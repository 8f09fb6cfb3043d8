//! Everything that only reads. Each query is short: none holds the log while something is streamed.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::{RouteNonce, StoreId};

use super::error::StoreError;
use super::ids::{UploadId, attestation, receipt, ticket_id, unsigned};
use super::model::{Counts, Cursor, InboxRow, LiveTicket, Progress, StoredContent, StoredSegment, Unread};
use super::{ENDED, LIVE};

type Found<T> = Result<T, StoreError>;

/// A content of so many bytes and segments is small.
const SMALL: (u64, u32) = (16 * 1024, 2);

pub(super) fn live_ticket(connection: &Connection, nonce: RouteNonce) -> Found<Option<LiveTicket>> {
    let mut query = connection.prepare_cached(
        "SELECT t.id, t.ticket_sealed, t.key_sealed, t.max_bytes, t.sender_rule, t.last_attempt IS NULL \
         AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.ticket = t.number) \
         FROM route r JOIN ticket t ON t.number = r.ticket WHERE r.nonce = ?1 AND t.state = ?2",
    )?;
    let found = query.query_row((nonce.0, LIVE), |row| {
        Ok(LiveTicket {
            id: ticket_id(row, 0)?,
            ticket_sealed: row.get(1)?,
            key_sealed: row.get(2)?,
            max_bytes: unsigned(row, 3)?,
            sender_rule: row.get(4)?,
            is_untouched: row.get(5)?,
        })
    });
    Ok(found.optional()?)
}

pub(super) fn nonces_in_tickets(connection: &Connection, nonces: &[RouteNonce]) -> Found<HashSet<RouteNonce>> {
    let mut query = connection.prepare_cached("SELECT 1 FROM route WHERE nonce = ?1")?;
    let mut found = HashSet::new();
    for nonce in nonces {
        if query.exists([nonce.0])? {
            found.insert(*nonce);
        }
    }
    Ok(found)
}

pub(super) fn progress(connection: &Connection, ticket: TicketId) -> Found<Progress> {
    let mut query = connection.prepare_cached(
        "SELECT t.state, t.last_attempt, s.upload, s.attempt, s.digest, s.receipt \
         FROM ticket t LEFT JOIN submission s ON s.ticket = t.number WHERE t.id = ?1",
    )?;
    let found = query.query_row([ticket.0], |row| {
        if row.get::<_, i64>(0)? != LIVE {
            return Ok(Progress::Gone);
        }
        let Some(upload) = row.get(2)? else {
            return Ok(match row.get::<_, Option<i64>>(1)? {
                None => Progress::Open,
                Some(attempt) => Progress::Discarded { attempt: attempt.cast_unsigned() },
            });
        };
        let (attempt, digest) = (unsigned(row, 3)?, row.get(4)?);
        Ok(match row.get_ref(5)?.as_blob_or_null()? {
            Some(_) => Progress::Complete { attempt, digest, receipt: receipt(row, 5)? },
            None => Progress::Unfinished { attempt, digest, next: next_position(connection, UploadId(upload))? },
        })
    });
    Ok(found.optional()?.unwrap_or(Progress::Gone))
}

/// First position of an upload under way that is not stored.
pub(super) fn next_position(connection: &Connection, upload: UploadId) -> rusqlite::Result<u32> {
    let mut query = connection.prepare_cached("SELECT max(name) FROM segment WHERE name BETWEEN ?1 AND ?2")?;
    let last: Option<i64> = query.query_row(upload.segments(), |row| row.get(0))?;
    Ok(last.map_or(0, |name| UploadId::position(name) + 1))
}

/// A segment of the upload that the ticket's row names.
pub(super) fn segment_of_ticket(
    connection: &Connection,
    ticket: TicketId,
    position: u32,
) -> Found<Option<StoredSegment>> {
    let mut query = connection
        .prepare_cached("SELECT s.upload FROM ticket t JOIN submission s ON s.ticket = t.number WHERE t.id = ?1")?;
    let upload = query.query_row([ticket.0], |row| row.get(0)).optional()?;
    upload.map_or(Ok(None), |upload| segment(connection, UploadId(upload), position))
}

pub(super) fn segment(connection: &Connection, upload: UploadId, position: u32) -> Found<Option<StoredSegment>> {
    let mut query = connection.prepare_cached("SELECT ciphertext, data_len FROM segment WHERE name = ?1")?;
    let found = query.query_row([upload.segment(position)], |row| {
        Ok(StoredSegment { ciphertext: row.get(0)?, data_len: row.get(1)? })
    });
    Ok(found.optional()?)
}

pub(super) fn content(connection: &Connection, ticket: TicketId) -> Found<Option<StoredContent>> {
    let mut query = connection.prepare_cached(
        "SELECT s.upload, s.key_sealed, s.segments, s.receipt FROM ticket t JOIN submission s ON s.ticket = t.number \
         WHERE t.id = ?1 AND s.stored_at IS NOT NULL",
    )?;
    Ok(query.query_row([ticket.0], stored_content).optional()?)
}

/// The columns upload, key_sealed, segments, receipt.
fn stored_content(row: &Row<'_>) -> rusqlite::Result<StoredContent> {
    let receipt = receipt(row, 3)?;
    Ok(StoredContent {
        upload: UploadId(row.get(0)?),
        key_sealed: row.get(1)?,
        segments: row.get(2)?,
        length: receipt.body().length,
        kind: receipt.body().kind,
    })
}

pub(super) fn last_segment(connection: &Connection, ticket: TicketId) -> Found<Option<Vec<u8>>> {
    let mut query = connection.prepare_cached(
        "SELECT s.last_segment FROM ticket t JOIN submission s ON s.ticket = t.number WHERE t.id = ?1",
    )?;
    Ok(query.query_row([ticket.0], |row| row.get(0)).optional()?.flatten())
}

/// The receipt of a complete submission, and what its sender signed.
pub(super) fn proof(connection: &Connection, ticket: TicketId) -> Found<Option<(Receipt, Option<Attestation>)>> {
    let mut query = connection.prepare_cached(
        "SELECT s.receipt, s.attestation FROM ticket t JOIN submission s ON s.ticket = t.number \
         WHERE t.id = ?1 AND s.stored_at IS NOT NULL",
    )?;
    Ok(query.query_row([ticket.0], |row| Ok((receipt(row, 0)?, attestation(row, 1)?))).optional()?)
}

const INBOX: &str = "SELECT t.id, s.receipt, t.reference_sealed, f.summary FROM submission s \
                     JOIN ticket t ON t.number = s.ticket LEFT JOIN finding f ON f.upload = s.upload";

pub(super) fn inbox(connection: &Connection, after: Option<Cursor>, limit: u32) -> Found<Vec<InboxRow>> {
    // A ticket's row stays when its submission is deleted, so that the place in the list is found again.
    let sql = format!(
        "{INBOX} WHERE s.stored_at IS NOT NULL AND (s.stored_at, s.ticket) < (:time, \
         coalesce((SELECT number FROM ticket WHERE id = :id), {last})) \
         ORDER BY s.stored_at DESC, s.ticket DESC LIMIT :limit",
        last = i64::MAX
    );
    let mut query = connection.prepare_cached(&sql)?;
    let time = after.map_or(i64::MAX, |cursor| cursor.stored_at.0.cast_signed());
    let id = after.map(|cursor| cursor.id.0);
    let rows = query.query_map(named_params! { ":time": time, ":id": id, ":limit": limit }, inbox_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn submission(connection: &Connection, ticket: TicketId) -> Found<Option<InboxRow>> {
    let sql = format!("{INBOX} WHERE t.id = ?1 AND s.stored_at IS NOT NULL");
    Ok(connection.prepare_cached(&sql)?.query_row([ticket.0], inbox_row).optional()?)
}

fn inbox_row(row: &Row<'_>) -> rusqlite::Result<InboxRow> {
    let receipt = receipt(row, 1)?;
    let body = receipt.body();
    Ok(InboxRow {
        id: ticket_id(row, 0)?,
        kind: body.kind,
        sender: body.sender,
        length: body.length,
        content_hash: body.content_hash,
        stored_at: body.stored_at,
        reference_sealed: row.get(2)?,
        summary: row.get(3)?,
        receipt,
    })
}

/// Newest first: what comes in does not wait for an inbox of years that is examined again. `CROSS JOIN` has the engine begin
/// with the queue, whatever it thinks of it: there are many more tickets.
pub(super) const UNREAD: &str = "SELECT s.upload, s.key_sealed, s.segments, s.receipt, t.id, t.ticket_sealed FROM unread u \
    CROSS JOIN submission s ON s.upload = u.upload CROSS JOIN ticket t ON t.number = s.ticket ORDER BY u.upload DESC LIMIT ?1";

pub(super) fn unread(connection: &Connection, limit: u32) -> Found<Vec<Unread>> {
    let mut query = connection.prepare_cached(UNREAD)?;
    let rows = query.query_map([limit], |row| Ok((ticket_id(row, 4)?, stored_content(row)?, row.get(5)?)))?;
    let mut unread = Vec::new();
    for row in rows {
        let (id, content, ticket_sealed) = row?;
        let mut segments = Vec::new();
        if content.length <= SMALL.0 && content.segments <= SMALL.1 {
            for position in 0..content.segments {
                segments.extend(segment(connection, content.upload, position)?);
            }
        }
        unread.push(Unread { id, content, segments, ticket_sealed });
    }
    Ok(unread)
}

pub(super) fn meta(connection: &Connection, name: &str) -> Found<Option<Vec<u8>>> {
    let mut query = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}

/// Tickets that wait for their submission and whose only route is over this inner proxy. Reads every live ticket's row: not
/// for every day.
pub(super) fn tickets_only_over(connection: &Connection, inner: MemberId) -> Found<u64> {
    let mut query = connection.prepare_cached(
        "SELECT COUNT(*) FROM ticket t WHERE t.state = ?1 AND length(t.routes) = 32 AND substr(t.routes, 17) = ?2 \
         AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.ticket = t.number AND s.stored_at IS NOT NULL)",
    )?;
    Ok(query.query_row((LIVE, inner.as_bytes()), |row| unsigned(row, 0))?)
}

/// The layout that gave every store its name is the oldest that is read.
pub(super) fn store_id(connection: &Connection) -> Found<StoreId> {
    let id = meta(connection, "store-id")?.and_then(|bytes| bytes.try_into().ok());
    id.map(StoreId).ok_or_else(|| StoreError::Damaged("it has no name of its own".into()))
}

/// Counts entries of indexes, not rows. Every submission has a ticket, live or ended; every ended ticket that is kept
/// has a submission.
pub(super) fn counts(connection: &Connection) -> Found<Counts> {
    let mut query = connection.prepare_cached(
        "SELECT (SELECT COUNT(*) FROM ticket WHERE state = ?1), (SELECT COUNT(*) FROM ticket WHERE state = ?2), \
         (SELECT COUNT(*) FROM submission WHERE stored_at IS NULL), \
         (SELECT COUNT(*) FROM submission WHERE stored_at IS NOT NULL), (SELECT COUNT(*) FROM garbage)",
    )?;
    let counts = query.query_row([LIVE, ENDED], |row| {
        let [live, ended, incoming, submissions, garbage] =
            [unsigned(row, 0)?, unsigned(row, 1)?, unsigned(row, 2)?, unsigned(row, 3)?, unsigned(row, 4)?];
        let open_tickets = (live + ended).saturating_sub(incoming + submissions);
        Ok(Counts { open_tickets, incoming, submissions, garbage })
    })?;
    Ok(counts)
}

/// A time as it stands in a column.
pub(super) fn signed(time: UnixSeconds) -> i64 {
    time.0.cast_signed()
}
