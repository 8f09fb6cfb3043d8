//! Everything that only reads. Each query is short: no reader holds the log while it streams.

use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::label::PayloadKind;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row, query};

use super::error::StoreError;
use super::ids::{hash, label, optional_label, position, receipt, ticket_id, unsigned};
use super::model::{Counts, Cursor, InboxRow, LiveTicket, Progress, StoredContent, StoredSegment};
use super::{COMPLETE, INCOMING, LIVE};

const INBOX_COLUMNS: &str = "SELECT s.ticket, s.kind, s.sender, s.length, s.content_hash, s.stored_at, s.receipt, \
                             s.summary, t.reference_sealed FROM submission s JOIN ticket t ON t.id = s.ticket ";

pub(super) async fn live_ticket(pool: &AnyPool, nonce: RouteNonce) -> Result<Option<LiveTicket>, StoreError> {
    let row = query(
        "SELECT t.id, t.ticket_sealed, t.key_sealed, t.max_bytes, t.sender_rule FROM ticket_route r \
         JOIN ticket t ON t.id = r.ticket WHERE r.nonce = $1 AND t.state = $2",
    )
    .bind(nonce.to_string())
    .bind(LIVE)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(LiveTicket {
        id: ticket_id(&row, "id")?,
        ticket_sealed: row.try_get("ticket_sealed")?,
        key_sealed: row.try_get("key_sealed")?,
        max_bytes: unsigned(&row, "max_bytes")?,
        sender_rule: row.try_get("sender_rule")?,
    }))
}

pub(super) async fn progress(pool: &AnyPool, ticket: TicketId) -> Result<Progress, StoreError> {
    let row = query(
        "SELECT t.state AS ticket_state, t.last_attempt, s.state, s.attempt, s.digest, s.next_position, s.receipt \
         FROM ticket t LEFT JOIN submission s ON s.ticket = t.id WHERE t.id = $1",
    )
    .bind(ticket.to_string())
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(Progress::Gone) };
    if row.try_get::<i64, _>("ticket_state")? != LIVE {
        return Ok(Progress::Gone);
    }
    match row.try_get::<Option<i64>, _>("state")? {
        None => Ok(match row.try_get::<Option<i64>, _>("last_attempt")? {
            None => Progress::Open,
            Some(attempt) => Progress::Discarded { attempt: attempt.cast_unsigned() },
        }),
        Some(COMPLETE) => Ok(Progress::Complete {
            attempt: unsigned(&row, "attempt")?,
            digest: hash(&row, "digest")?,
            receipt: receipt(&row)?,
        }),
        Some(_) => Ok(Progress::Unfinished {
            attempt: unsigned(&row, "attempt")?,
            digest: hash(&row, "digest")?,
            next: position(&row, "next_position")?,
        }),
    }
}

/// A segment of the upload that the ticket's row names.
pub(super) async fn segment_of_ticket(
    pool: &AnyPool,
    ticket: TicketId,
    wanted: u32,
) -> Result<Option<StoredSegment>, StoreError> {
    let row = query(
        "SELECT g.ciphertext, g.data_len FROM submission s JOIN segment g ON g.upload = s.upload \
         WHERE s.ticket = $1 AND g.position = $2",
    )
    .bind(ticket.to_string())
    .bind(i64::from(wanted))
    .fetch_optional(pool)
    .await?;
    row.map(|row| stored_segment(&row)).transpose()
}

pub(super) async fn segment(pool: &AnyPool, upload: &str, wanted: u32) -> Result<Option<StoredSegment>, StoreError> {
    let row = query("SELECT ciphertext, data_len FROM segment WHERE upload = $1 AND position = $2")
        .bind(upload.to_owned())
        .bind(i64::from(wanted))
        .fetch_optional(pool)
        .await?;
    row.map(|row| stored_segment(&row)).transpose()
}

fn stored_segment(row: &AnyRow) -> Result<StoredSegment, StoreError> {
    Ok(StoredSegment { ciphertext: row.try_get("ciphertext")?, data_len: position(row, "data_len")? })
}

pub(super) async fn content(pool: &AnyPool, ticket: TicketId) -> Result<Option<StoredContent>, StoreError> {
    let row = query(
        "SELECT upload, key_sealed, next_position, length, kind FROM submission WHERE ticket = $1 AND state = $2",
    )
    .bind(ticket.to_string())
    .bind(COMPLETE)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredContent {
        upload: row.try_get("upload")?,
        key_sealed: row.try_get("key_sealed")?,
        segments: position(&row, "next_position")?,
        length: unsigned(&row, "length")?,
        kind: label::<32>(&row, "kind")?,
    }))
}

pub(super) async fn inbox(pool: &AnyPool, after: Option<Cursor>, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
    static FIRST: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        format!("{INBOX_COLUMNS} WHERE s.state = $1 ORDER BY s.stored_at DESC, s.ticket DESC LIMIT $2")
    });
    static NEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        format!(
            "{INBOX_COLUMNS} WHERE s.state = $1 AND (s.stored_at < $2 OR (s.stored_at = $2 AND s.ticket < $3)) \
             ORDER BY s.stored_at DESC, s.ticket DESC LIMIT $4"
        )
    });
    let rows = match after {
        None => query(FIRST.as_str()).bind(COMPLETE).bind(i64::from(limit)).fetch_all(pool).await?,
        Some(cursor) => {
            query(NEXT.as_str())
                .bind(COMPLETE)
                .bind(cursor.stored_at.0.cast_signed())
                .bind(cursor.id.to_string())
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await?
        }
    };
    rows.iter().map(inbox_row).collect()
}

pub(super) async fn submission(pool: &AnyPool, ticket: TicketId) -> Result<Option<InboxRow>, StoreError> {
    static ONE: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| format!("{INBOX_COLUMNS} WHERE s.ticket = $1 AND s.state = $2"));
    let row = query(ONE.as_str()).bind(ticket.to_string()).bind(COMPLETE).fetch_optional(pool).await?;
    row.as_ref().map(inbox_row).transpose()
}

fn inbox_row(row: &AnyRow) -> Result<InboxRow, StoreError> {
    let kind: PayloadKind = label(row, "kind")?;
    Ok(InboxRow {
        id: ticket_id(row, "ticket")?,
        kind,
        sender: optional_label(row, "sender")?,
        length: unsigned(row, "length")?,
        content_hash: ContentHash(hash(row, "content_hash")?),
        stored_at: schleuse_protocol::time::UnixSeconds(unsigned(row, "stored_at")?),
        receipt: receipt(row)?,
        reference_sealed: row.try_get("reference_sealed")?,
        summary: row.try_get("summary")?,
    })
}

pub(super) async fn without_summary(pool: &AnyPool, limit: u32) -> Result<Vec<TicketId>, StoreError> {
    let rows = query("SELECT ticket FROM submission WHERE state = $1 AND summary IS NULL LIMIT $2")
        .bind(COMPLETE)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| ticket_id(row, "ticket")).collect()
}

pub(super) async fn meta(pool: &AnyPool, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = query("SELECT value FROM meta WHERE name = $1").bind(name.to_owned()).fetch_optional(pool).await?;
    Ok(row.map(|row| row.try_get("value")).transpose()?)
}

pub(super) async fn counts(pool: &AnyPool) -> Result<Counts, StoreError> {
    let row = query(
        "SELECT (SELECT COUNT(*) FROM ticket t WHERE t.state = $1 AND NOT EXISTS \
         (SELECT 1 FROM submission s WHERE s.ticket = t.id)) AS open_tickets, \
         (SELECT COUNT(*) FROM submission WHERE state = $2) AS incoming, \
         (SELECT COUNT(*) FROM submission WHERE state = $3) AS submissions, \
         (SELECT COUNT(*) FROM garbage) AS garbage",
    )
    .bind(LIVE)
    .bind(INCOMING)
    .bind(COMPLETE)
    .fetch_one(pool)
    .await?;
    Ok(Counts {
        open_tickets: unsigned(&row, "open_tickets")?,
        incoming: unsigned(&row, "incoming")?,
        submissions: unsigned(&row, "submissions")?,
        garbage: unsigned(&row, "garbage")?,
    })
}
