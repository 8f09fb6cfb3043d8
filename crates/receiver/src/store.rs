//! The office's durable store: tickets, uploads under way, submissions.
//!
//! One thread writes ([`Store::push`]); its answer means "on the disk". One thread reads. Both own a connection and take
//! whole commands and queries, so that a hand-over between threads is paid once a round and not once a statement
//! (docs/adr/0014-sqlite-on-its-own-threads.md).
//!
//! **Deleting.** Everything that could open a content is stored wrapped by the key-encryption key. Deleting a
//! submission deletes the wrapped key of its segments in one transaction (`secure_delete` overwrites the freed bytes
//! with zeros); then the write-ahead log is copied into the file and cut to nothing. [`Command::Delete`] is answered when
//! it is durable, [`Command::Cut`] when the log is cut: a caller that has the second answer after the first, also after
//! [`Outcome::Nothing`], may rely on it that no file of the database holds a deleted key. The ciphertext, worthless by
//! then, is cleared away in pieces by [`Command::Sweep`]. What a disk keeps of overwritten blocks is still wrapped.
//!
//! A program that reads the database, such as a backup, keeps the log from being cut. Then the writer serves others and
//! tries again a few times a second, busy or idle, until it succeeds; so long the submission is gone for everybody who
//! asks this store, but [`Command::Cut`] is not answered. After a stop or a crash in between, the caller has no answer, and
//! the next start cuts the log. Keys of ended tickets leave the log in the same way; nobody waits for that. So do the keys of
//! attempts that were discarded or gave way to a later one, but within a minute and one cut for all of them: whoever
//! holds a ticket can make as many attempts as it likes.

mod apply;
mod command;
mod engine;
mod error;
mod ids;
mod model;
mod post;
mod read;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::Connection;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::{RouteNonce, StoreId};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub use command::{Answer, Answers, Command, Outcome};
pub use error::{Refused, StoreError};
pub use ids::parse_ticket_id;
pub use model::*;
pub use writer::Company;

use engine::Engine;
use post::Post;
use reader::Reader;
use writer::Queue;

/// States of a ticket.
const LIVE: i64 = 0;
const REVOKED: i64 = 1;
const ENDED: i64 = 2;

/// The open store.
#[derive(Debug)]
pub struct Store {
    handles: Mutex<Option<Handles>>,
    running: tokio::sync::Mutex<Option<Running>>,
    /// The name of a thread that has ended, by itself or because it was asked to.
    stopped: Stopped,
    path: PathBuf,
    id: StoreId,
}

/// The ways to the threads. They stop when all copies are dropped.
#[derive(Clone, Debug)]
struct Handles {
    queue: Queue,
    reader: Reader,
}

/// What ends some time after the handles are dropped.
#[derive(Debug)]
struct Running {
    threads: [Ended; 2],
    post: JoinHandle<()>,
}

/// The name of a thread that has ended.
type Stopped = watch::Sender<Option<&'static str>>;
/// Completes (with an error) when a thread has ended.
type Ended = oneshot::Receiver<()>;

/// Tells of a thread's or task's end when it is dropped, also by a panic.
struct Stopping(&'static str, Stopped);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.1.send_replace(Some(self.0));
    }
}

fn thread(name: &'static str, stopped: Stopped, work: impl FnOnce() + Send + 'static) -> std::io::Result<Ended> {
    let (running, ended) = oneshot::channel();
    let stopping = Stopping(name, stopped);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _stopping = stopping;
        work();
        drop::<oneshot::Sender<()>>(running);
    })?;
    Ok(ended)
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings it up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the engine's reason.
    pub async fn open(path: &Path, max_bytes: Option<u64>) -> Result<Self, StoreError> {
        let engine = Engine { path: path.to_owned(), max_bytes };
        let opening = engine.clone();
        let (writing, reading, id) =
            tokio::task::spawn_blocking(move || connect(&opening)).await.unwrap_or(Err(StoreError::Stopped))?;
        let stopped = Stopped::new(None);
        let (post, delivering) = Post::start(stopped.clone());
        let failed = |reason: String| StoreError::Open { path: path.to_owned(), reason: reason.into() };
        let reader = Reader::start(reading, post.clone(), stopped.clone());
        let (reader, read_to_end) = reader.map_err(|error| failed(error.to_string()))?;
        let writer = writer::start(engine, writing, post, stopped.clone());
        let (queue, written) = writer.map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            handles: Mutex::new(Some(Handles { queue, reader })),
            running: tokio::sync::Mutex::new(Some(Running { threads: [read_to_end, written], post: delivering })),
            stopped,
            path: path.to_owned(),
            id,
        })
    }

    /// Completes with the name of the first thread that ends.
    pub async fn stopped(&self) -> &'static str {
        let mut stopped = self.stopped.subscribe();
        // Fails only when the sender is gone, and it is in `self`.
        let name = stopped.wait_for(Option::is_some).await.ok().and_then(|name| *name);
        name.unwrap_or("store")
    }

    /// Names this store for ever. A copy of the database has the same name.
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn handles(&self) -> Result<Handles, StoreError> {
        self.handles.lock().expect("nothing panics under this lock").clone().ok_or(StoreError::Stopped)
    }

    /// Queues commands behind everything that this caller has queued; waits while the queue is full. They become durable
    /// together, and with them those of others, for whom they wait up to two milliseconds if company is expected.
    pub async fn push(&self, commands: Vec<Command>, company: Company) -> Result<Answer, StoreError> {
        self.handles()?.queue.push(commands, company).await
    }

    /// Queues a command and waits until it is durable.
    pub async fn write(&self, command: Command) -> Result<Outcome, StoreError> {
        let answers = self.push(vec![command], Company::Unexpected).await?.await.map_err(|_| StoreError::Stopped)?;
        answers.into_iter().next().unwrap_or(Err(StoreError::Stopped))
    }

    /// Transactions that became durable since the start: far fewer than commands when there is much to do.
    pub fn commits(&self) -> u64 {
        self.handles().map_or(0, |handles| handles.queue.commits())
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.handles()?.reader.read(query).await
    }

    /// Finds the live ticket to which a route token leads.
    pub async fn live_ticket(&self, nonce: RouteNonce) -> Result<Option<LiveTicket>, StoreError> {
        self.read(move |connection| read::live_ticket(connection, nonce)).await
    }

    /// Which of these nonces are in tickets that live.
    pub async fn nonces_in_tickets(&self, nonces: Vec<RouteNonce>) -> Result<HashSet<RouteNonce>, StoreError> {
        self.read(move |connection| read::nonces_in_tickets(connection, &nonces)).await
    }

    /// How many tickets wait for a submission that can come over this inner proxy only.
    pub async fn tickets_only_over(&self, inner: MemberId) -> Result<u64, StoreError> {
        self.read(move |connection| read::tickets_only_over(connection, inner)).await
    }

    /// How far a ticket is.
    pub async fn progress(&self, ticket: TicketId) -> Result<Progress, StoreError> {
        self.read(move |connection| read::progress(connection, ticket)).await
    }

    /// A segment of the upload under way for a ticket.
    pub async fn segment_of_ticket(&self, id: TicketId, position: u32) -> Result<Option<StoredSegment>, StoreError> {
        self.read(move |connection| read::segment_of_ticket(connection, id, position)).await
    }

    /// A data segment of a stored content.
    pub async fn segment(&self, upload: UploadId, position: u32) -> Result<Option<StoredSegment>, StoreError> {
        self.read(move |connection| read::segment(connection, upload, position)).await
    }

    /// The final segment of a complete submission, as it came.
    pub async fn last_segment(&self, id: TicketId) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |connection| read::last_segment(connection, id)).await
    }

    /// What is needed to read a complete submission.
    pub async fn content(&self, id: TicketId) -> Result<Option<StoredContent>, StoreError> {
        self.read(move |connection| read::content(connection, id)).await
    }

    /// A page of complete submissions, newest first.
    pub async fn inbox(&self, after: Option<Cursor>, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        self.read(move |connection| read::inbox(connection, after, limit)).await
    }

    /// One complete submission.
    pub async fn submission(&self, id: TicketId) -> Result<Option<InboxRow>, StoreError> {
        self.read(move |connection| read::submission(connection, id)).await
    }

    /// The receipt of a complete submission, and what its sender signed, if one did.
    pub async fn proof(&self, id: TicketId) -> Result<Option<(Receipt, Option<Attestation>)>, StoreError> {
        self.read(move |connection| read::proof(connection, id)).await
    }

    /// Complete submissions into which nobody has looked yet.
    pub async fn unread(&self, limit: u32) -> Result<Vec<Unread>, StoreError> {
        self.read(move |connection| read::unread(connection, limit)).await
    }

    /// A named value of the daemon itself.
    pub async fn meta(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |connection| read::meta(connection, name)).await
    }

    /// How much there is.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.read(read::counts).await
    }

    /// Answers what is queued, then closes the database.
    pub async fn close(&self) {
        drop(self.handles.lock().expect("nothing panics under this lock").take());
        if let Some(running) = self.running.lock().await.take() {
            for thread in running.threads {
                let _ = thread.await;
            }
            let _ = running.post.await;
        }
    }
}

/// The connections of the writer and of the reader, and the store's name.
fn connect(engine: &Engine) -> Result<(Connection, Connection, StoreId), StoreError> {
    let open =
        |error: rusqlite::Error| StoreError::Open { path: engine.path.clone(), reason: error::describe(&error).into() };
    let writing = engine.writer().map_err(open)?;
    engine::migrate(&writing, &engine.path)?;
    let id = read::store_id(&writing)?;
    Ok((writing, engine.reader().map_err(open)?, id))
}
