//! What each command does inside the writer's transaction.
//!
//! A command that is refused leaves nothing behind in the transaction that it shares with others: it finds out whether
//! it fits before it changes anything, or with the change, or (`AddTickets`) takes back what it has added.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::LIVE;
use super::command::{Answers, Command, Outcome};
use super::error::{Refused, StoreError, is_damage};
use super::ids::UploadId;
use super::model::{NewTicket, Summary};
use super::read::signed;

mod removal;
mod upload;

use upload::Current;

type Applied = Result<Outcome, ApplyError>;

/// The writer's connection, and what it keeps in mind between transactions.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// No segment, submission or piece of garbage has this or a higher name.
    next_upload: i64,
    /// The key of an unfinished attempt was deleted whose ticket goes on. The writer takes note of it, and resets it.
    pub(super) has_shredded_attempt: bool,
}

impl Session {
    pub(super) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let last = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        let uploads = [
            last("SELECT max(name) FROM segment")?.map(|name| UploadId::of(name).0),
            last("SELECT max(upload) FROM garbage")?,
            last("SELECT max(upload) FROM submission")?,
        ];
        let next_upload = uploads.into_iter().flatten().max().map_or(1, |last| last + 1);
        Ok(Self { connection, next_upload, has_shredded_attempt: false })
    }

    /// A name that no upload has. One that comes to nothing is not used again before the next start.
    fn new_upload(&mut self) -> UploadId {
        self.next_upload += 1;
        UploadId(self.next_upload - 1)
    }

    /// Takes an unfinished attempt away from a ticket that goes on.
    fn shred_attempt(&mut self, attempt: &Current) -> rusqlite::Result<()> {
        self.has_shredded_attempt = true;
        removal::shred(&self.connection, attempt)
    }
}

/// The commands of a job, in their order. `Err` means that the whole round has failed; a command that merely does not fit
/// is an answer.
pub(super) fn apply(session: &mut Session, commands: &[Command]) -> rusqlite::Result<Answers> {
    if let Some(answers) = upload::whole(session, commands)? {
        return Ok(answers);
    }
    commands
        .iter()
        .map(|command| match one(session, command) {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(ApplyError::Answer(error)) => Ok(Err(error)),
            Err(ApplyError::Engine(error)) => Err(error),
        })
        .collect()
}

fn one(session: &mut Session, command: &Command) -> Applied {
    let connection = &session.connection;
    match command {
        Command::Begin(new) => upload::begin(session, new),
        Command::Discard { ticket, attempt } => removal::discard_attempt(session, *ticket, *attempt),
        Command::AddTickets(tickets) => add_tickets(connection, tickets),
        Command::Store(segment) => upload::store(connection, segment),
        Command::Finish(completion) => upload::finish(connection, completion),
        Command::Summarise(summaries) => summarise(connection, summaries),
        Command::ExamineAgain { checks } => examine_again(connection, *checks),
        Command::Delete(id) => removal::delete(connection, *id),
        // The writer keeps its answer back until the log is cut.
        Command::Cut => Ok(Outcome::Done),
        Command::EndTickets { before, except } => removal::end_tickets(connection, *before, except),
        Command::Sweep => removal::sweep(connection),
        Command::SetMeta { name, value } => set_meta(connection, name, value),
    }
}

/// How a single command can fail.
#[derive(Debug)]
enum ApplyError {
    /// It does not fit, or meets a damaged row. It has changed nothing.
    Answer(StoreError),
    /// The engine failed: the round with it.
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) { Self::Answer(error.into()) } else { Self::Engine(error) }
    }
}

impl From<Refused> for ApplyError {
    fn from(refused: Refused) -> Self {
        Self::Answer(refused.into())
    }
}

/// Runs a statement that changes something; returns how many rows.
fn change(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}

/// Ids and nonces are random, so a collision means that somebody else made them. Then nothing of the command stays.
fn add_tickets(connection: &Connection, tickets: &[NewTicket]) -> Applied {
    for (index, ticket) in tickets.iter().enumerate() {
        if !add_ticket(connection, ticket)? {
            for earlier in &tickets[..index] {
                take_back(connection, earlier, earlier.routes.len())?;
            }
            return Err(Refused::Exists.into());
        }
    }
    Ok(Outcome::Done)
}

/// Whether neither the ticket's id nor a nonce of its routes was there; otherwise it is not added.
fn add_ticket(connection: &Connection, ticket: &NewTicket) -> rusqlite::Result<bool> {
    let routes: Vec<u8> =
        ticket.routes.iter().flat_map(|(nonce, inner)| [nonce.0, *inner.as_bytes()]).flatten().collect();
    let added = change(
        connection,
        "INSERT INTO ticket (id, state, not_after, minted_at, max_bytes, sender_rule, routes, ticket_sealed, \
         key_sealed, reference_sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
        params![
            ticket.id.0,
            LIVE,
            signed(ticket.not_after),
            signed(ticket.minted_at),
            ticket.max_bytes.cast_signed(),
            ticket.sender_rule,
            routes,
            ticket.ticket_sealed,
            ticket.key_sealed,
            ticket.reference_sealed,
        ],
    )?;
    if added == 0 {
        return Ok(false);
    }
    let number = connection.last_insert_rowid();
    for (index, (nonce, _)) in ticket.routes.iter().enumerate() {
        let sql = "INSERT INTO route (nonce, ticket) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        if change(connection, sql, (nonce.0, number))? == 0 {
            take_back(connection, ticket, index)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes a ticket that this transaction has added, with so many routes.
fn take_back(connection: &Connection, ticket: &NewTicket, routes: usize) -> rusqlite::Result<()> {
    for (nonce, _) in &ticket.routes[..routes] {
        change(connection, "DELETE FROM route WHERE nonce = ?1", [nonce.0])?;
    }
    change(connection, "DELETE FROM ticket WHERE id = ?1", [ticket.id.0])?;
    Ok(())
}

/// Whether there was one of the submissions.
fn summarise(connection: &Connection, summaries: &[Summary]) -> Applied {
    let mut outcome = Outcome::Nothing;
    for found in summaries {
        let upload = connection
            .prepare_cached(
                "SELECT s.upload FROM ticket t JOIN submission s ON s.ticket = t.number \
                 WHERE t.id = ?1 AND s.stored_at IS NOT NULL",
            )?
            .query_row([found.id.0], |row| row.get::<_, i64>(0))
            .optional()?;
        // It may have been deleted since somebody looked.
        let Some(upload) = upload else { continue };
        change(connection, "DELETE FROM unread WHERE upload = ?1", [upload])?;
        let sql = "INSERT OR REPLACE INTO finding (upload, summary) VALUES (?1, ?2)";
        change(connection, sql, (upload, &found.summary))?;
        outcome = Outcome::Done;
    }
    Ok(outcome)
}

/// The number of the checks with which everything was queued or examined.
const CHECKS: &str = "checks";

/// A long inbox is gone through only when the checks have changed.
fn examine_again(connection: &Connection, checks: u32) -> Applied {
    let known: Option<Vec<u8>> = connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([CHECKS], |row| row.get(0))
        .optional()?;
    if known.as_deref() == Some(&checks.to_be_bytes()) {
        return Ok(Outcome::Nothing);
    }
    // What was found last time stays in the inbox until it is replaced.
    let sql = "INSERT INTO unread (upload) SELECT upload FROM finding \
               WHERE CASE WHEN json_valid(summary) THEN coalesce(json_extract(summary, '$.checks'), 0) ELSE 0 END < ?1 \
               ON CONFLICT DO NOTHING";
    change(connection, sql, [checks])?;
    set_meta(connection, CHECKS, &checks.to_be_bytes())
}

fn set_meta(connection: &Connection, name: &str, value: &[u8]) -> Applied {
    change(connection, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", (name, value))?;
    Ok(Outcome::Done)
}
