//! The office's durable store: tickets, uploads under way, submissions.
//!
//! One task writes ([`Store::push`]); its answer means "fsynced". A small pool reads. All SQL is portable, except what
//! stands in `engine`: SQLite is the embedded engine, and another one needs that module and a folder of migrations.
//!
//! **Deleting.** Everything that could open a content is stored wrapped by the key-encryption key. Deleting a
//! submission deletes the wrapped key of its segments in the same transaction (`secure_delete` overwrites the freed
//! bytes with zeros), then copies the write-ahead log into the file and cuts it to nothing, and only then answers. The
//! ciphertext, worthless by then, is cleared away in pieces by [`Command::Sweep`]. What a disk keeps of overwritten
//! blocks is still wrapped.

mod apply;
mod command;
mod engine;
mod error;
mod ids;
mod model;
mod read;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use tokio::task::JoinHandle;

pub use command::{Command, Outcome};
pub use error::{Refused, StoreError};
pub use ids::parse_ticket_id;
pub(crate) use ids::random_name;
pub use model::*;
pub use writer::Answer;

use engine::Engine;
use writer::Queue;

/// States of a ticket.
const LIVE: i64 = 0;
const REVOKED: i64 = 1;
const ENDED: i64 = 2;
/// States of a submission.
const INCOMING: i64 = 0;
const COMPLETE: i64 = 1;

/// Connections that read.
const READERS: u32 = 3;

/// The open store.
#[derive(Debug)]
pub struct Store {
    queue: Mutex<Option<Queue>>,
    writer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    pool: AnyPool,
    path: PathBuf,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings it up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the engine's reason.
    pub async fn open(path: &Path, max_bytes: Option<u64>) -> Result<Self, StoreError> {
        let engine = Engine { path: path.to_owned(), max_bytes };
        let open = |reason: String| StoreError::Open { path: path.to_owned(), reason: reason.into() };
        let mut connection = engine.connect().await.map_err(|error| open(error::describe(&error)))?;
        engine::MIGRATIONS.run(&mut connection).await.map_err(|error| open(error.to_string()))?;
        let pool = AnyPoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(engine::prepare(connection)))
            .connect_with(engine.options().map_err(|error| open(error::describe(&error)))?)
            .await
            .map_err(|error| open(error::describe(&error)))?;
        let (queue, writer) = Queue::start(engine, connection);
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            writer: tokio::sync::Mutex::new(Some(writer)),
            pool,
            path: path.to_owned(),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Queues a command behind everything that this caller has queued; waits while the queue is full.
    pub async fn push(&self, command: Command) -> Result<Answer, StoreError> {
        let queue = self.queue.lock().expect("nothing panics under this lock").clone();
        queue.ok_or(StoreError::Stopped)?.push(command).await
    }

    /// Queues a command and waits until it is durable.
    pub async fn write(&self, command: Command) -> Result<Outcome, StoreError> {
        self.push(command).await?.await.map_err(|_| StoreError::Stopped)?
    }

    /// Transactions that became durable since the start: far fewer than commands when there is much to do.
    pub fn commits(&self) -> u64 {
        self.queue.lock().expect("nothing panics under this lock").as_ref().map_or(0, Queue::commits)
    }

    /// Finds the live ticket to which a route token leads.
    pub async fn live_ticket(&self, nonce: RouteNonce) -> Result<Option<LiveTicket>, StoreError> {
        read::live_ticket(&self.pool, nonce).await
    }

    /// How far a ticket is.
    pub async fn progress(&self, ticket: TicketId) -> Result<Progress, StoreError> {
        read::progress(&self.pool, ticket).await
    }

    /// A segment of the upload under way for a ticket.
    pub async fn segment_of_ticket(&self, id: TicketId, position: u32) -> Result<Option<StoredSegment>, StoreError> {
        read::segment_of_ticket(&self.pool, id, position).await
    }

    /// A segment of a stored content.
    pub async fn segment(&self, upload: &str, position: u32) -> Result<Option<StoredSegment>, StoreError> {
        read::segment(&self.pool, upload, position).await
    }

    /// What is needed to read a complete submission.
    pub async fn content(&self, id: TicketId) -> Result<Option<StoredContent>, StoreError> {
        read::content(&self.pool, id).await
    }

    /// A page of complete submissions, newest first.
    pub async fn inbox(&self, after: Option<Cursor>, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        read::inbox(&self.pool, after, limit).await
    }

    /// One complete submission.
    pub async fn submission(&self, id: TicketId) -> Result<Option<InboxRow>, StoreError> {
        read::submission(&self.pool, id).await
    }

    /// Complete submissions into which nobody has looked yet.
    pub async fn without_summary(&self, limit: u32) -> Result<Vec<TicketId>, StoreError> {
        read::without_summary(&self.pool, limit).await
    }

    /// A named value of the daemon itself.
    pub async fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read::meta(&self.pool, name).await
    }

    /// How much there is.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        read::counts(&self.pool).await
    }

    /// Writes what is queued, then closes the database.
    pub async fn close(&self) {
        drop(self.queue.lock().expect("nothing panics under this lock").take());
        self.pool.close().await;
        if let Some(writer) = self.writer.lock().await.take() {
            let _ = writer.await;
        }
    }
}
