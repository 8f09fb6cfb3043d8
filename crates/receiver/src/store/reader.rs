//! The thread that reads, on a connection of its own: no query waits for a commit, and no task of the runtime for the
//! disk.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;
use super::post::{Delivery, Post};
use super::{Ended, Stopped};

/// Most queries that are answered at once: a bound for the memory of their answers.
const MAX_ROUND: usize = 32;
/// Most queries that wait.
const QUEUE: usize = 256;

type Query = Box<dyn FnOnce(&Connection) -> Delivery + Send>;

/// Puts queries into the reader's queue.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    queries: mpsc::Sender<Query>,
}

impl Reader {
    /// Starts the thread. It stops, and closes its connection, when every handle is dropped.
    pub(super) fn start(connection: Connection, post: Post, stopped: Stopped) -> std::io::Result<(Self, Ended)> {
        let (queries, queued) = mpsc::channel(QUEUE);
        let ended = super::thread("store-reader", stopped, move || run(&connection, queued, &post))?;
        Ok((Self { queries }, ended))
    }

    /// Has something read. It sees everything that was acknowledged before.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let query: Query = Box::new(move |connection| {
            let found = query(connection);
            Box::new(move || drop(answer.send(found)))
        });
        self.queries.send(query).await.map_err(|_| StoreError::Stopped)?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }
}

fn run(connection: &Connection, mut queued: mpsc::Receiver<Query>, post: &Post) {
    let mut round = Vec::new();
    while queued.blocking_recv_many(&mut round, MAX_ROUND) > 0 {
        // One snapshot for all of them: its locks are system calls. Without it each query takes its own.
        let snapshot = if round.len() > 1 { connection.unchecked_transaction().ok() } else { None };
        let answers = round.drain(..).map(|query| query(connection)).collect();
        drop(snapshot);
        post.send(answers);
    }
}
