//! The only thread that writes. Whatever was queued while the last commit was on its way to the disk goes into the next
//! one, so the number of fsyncs does not grow with the number of streams (group commit).

mod cut;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::apply::{Session, apply};
use super::command::Answers;
use super::engine::Engine;
use super::error::{StoreError, describe};
use super::post::{Delivery, Post};
use super::{Ended, Stopped};
use crate::crash;
use cut::Cut;
pub use queue::Company;
use queue::Job;
pub(super) use queue::Queue;

/// What the thread takes from the queue.
type Batches = mpsc::UnboundedReceiver<Vec<Job>>;

/// Most batches of one transaction. A job that waits for no company is a batch by itself; what a round holds in memory
/// is bounded by the queue.
const MAX_ROUND: usize = 256;

/// Starts the thread. It stops, and closes its connection, when every handle is dropped.
pub(super) fn start(
    engine: Engine,
    connection: Connection,
    post: Post,
    stopped: Stopped,
) -> Result<(Queue, Ended), StoreError> {
    let (batches, queued) = mpsc::unbounded_channel();
    let commits = Arc::new(AtomicU64::new(0));
    let writer = Writer::new(engine, connection, post, Arc::clone(&commits))?;
    let ended = super::thread("store-writer", stopped, move || writer.run(queued))
        .map_err(|error| StoreError::Unavailable(error.to_string().into()))?;
    Ok((Queue::new(batches, commits), ended))
}

struct Writer {
    engine: Engine,
    /// None after a failure: the next round opens a new one, because a failed commit leaves a connection in doubt.
    session: Option<Session>,
    failing: bool,
    cut: Cut,
    commits: Arc<AtomicU64>,
    post: Post,
}

impl Writer {
    fn new(engine: Engine, connection: Connection, post: Post, commits: Arc<AtomicU64>) -> Result<Self, StoreError> {
        let session = Some(Session::new(connection)?);
        Ok(Self { engine, session, failing: false, cut: Cut::new(Instant::now()), commits, post })
    }

    fn run(mut self, mut queued: Batches) {
        let timer = Builder::new_current_thread().enable_time().build().expect("it opens nothing");
        let mut batches = Vec::new();
        while self.receive(&timer, &mut queued, &mut batches) {
            if !batches.is_empty() {
                self.commit(batches.drain(..).flatten().collect());
            }
            self.cut_if_due(Instant::now());
        }
        self.try_cut(Instant::now());
    }

    /// Waits for jobs, or until the log is to be cut. False when all handles are dropped.
    fn receive(&self, timer: &Runtime, queued: &mut Batches, batches: &mut Vec<Vec<Job>>) -> bool {
        let Some(wait) = self.cut.wait(Instant::now()) else {
            return queued.blocking_recv_many(batches, MAX_ROUND) > 0;
        };
        match timer.block_on(async { tokio::time::timeout(wait, queued.recv_many(batches, MAX_ROUND)).await }) {
            Ok(received) => received > 0,
            Err(_) => true,
        }
    }

    /// Writes a round and answers it. Whoever waits for the log to be cut is answered then.
    fn commit(&mut self, round: Vec<Job>) {
        let result = self.write(&round);
        self.note(&result);
        let answers = result.unwrap_or_else(|error| {
            // What a failed commit deletes may be in the log all the same.
            self.cut.owe(Instant::now());
            let reason: Arc<str> = describe(&error).into();
            let failed = || Err(StoreError::Unavailable(Arc::clone(&reason)));
            round.iter().map(|job| job.commands.iter().map(|_| failed()).collect()).collect()
        });
        let mut deliveries: Vec<Delivery> = Vec::with_capacity(round.len());
        for (job, answers) in round.into_iter().zip(answers) {
            if self.cut.is_owed() && waits_for_cut(&job, &answers) {
                self.cut.hold((job.answer, answers), Instant::now());
            } else {
                // Nobody may listen any more: the stream is gone, the data are stored all the same.
                deliveries.push(Box::new(|| drop(job.answer.send(answers))));
            }
        }
        self.post.send(deliveries);
    }

    /// One transaction. On `Err` nothing of it is acknowledged, and nothing of it counts as stored.
    fn write(&mut self, round: &[Job]) -> rusqlite::Result<Vec<Answers>> {
        let mut session = self.take_session()?;
        // On an error the connection is dropped here, and the transaction with it.
        let answers = transaction(&mut session, round)?;
        let now = Instant::now();
        if std::mem::take(&mut session.has_shredded_attempt) {
            self.cut.owe_later(now);
        }
        if round.iter().zip(&answers).any(|(job, answers)| has_shredded(job, answers)) {
            self.cut.owe(now);
        }
        self.session = Some(session);
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(answers)
    }

    /// The session, which the caller puts back unless it has failed.
    fn take_session(&mut self) -> rusqlite::Result<Session> {
        match self.session.take() {
            Some(session) => Ok(session),
            None => Session::new(self.engine.writer()?),
        }
    }

    fn cut_if_due(&mut self, now: Instant) {
        if self.cut.wait(now).is_some_and(|wait| wait.is_zero()) {
            self.try_cut(now);
        }
    }

    /// Tries to cut the log, and gives out the answers that wait for it.
    fn try_cut(&mut self, now: Instant) {
        let result = self.take_session().and_then(|session| {
            let cut = cut::truncate(&session.connection);
            self.session = Some(session);
            cut
        });
        let held = self.cut.tried(&result, now, &self.engine.path);
        if !held.is_empty() {
            let deliver = |(answer, answers): cut::Held| -> Delivery { Box::new(|| drop(answer.send(answers))) };
            self.post.send(held.into_iter().map(deliver).collect());
        }
    }

    /// Says once that writing fails, and once that it works again.
    fn note<T>(&mut self, result: &rusqlite::Result<T>) {
        match result {
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!(
                    database = %self.engine.path.display(),
                    "cannot write to the database: {}: senders are told to try again later; free disk space or raise \
                     limits.max_store_bytes",
                    describe(error)
                );
            }
            Ok(_) if self.failing => {
                self.failing = false;
                tracing::info!("the database can be written again");
            }
            _ => {}
        }
    }
}

fn transaction(session: &mut Session, round: &[Job]) -> rusqlite::Result<Vec<Answers>> {
    // The write lock at once, so that it cannot fail half-way.
    session.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut answers = Vec::with_capacity(round.len());
    for job in round {
        answers.push(apply(session, &job.commands)?);
    }
    crash_at("before-commit", round);
    session.connection.prepare_cached("COMMIT")?.execute([])?;
    crash_at("after-commit", round);
    Ok(answers)
}

fn has_shredded(job: &Job, answers: &Answers) -> bool {
    job.commands.iter().zip(answers).any(|(command, answer)| command.has_shredded(answer))
}

fn waits_for_cut(job: &Job, answers: &Answers) -> bool {
    job.commands.iter().zip(answers).any(|(command, answer)| command.waits_for_cut(answer))
}

fn crash_at(when: &str, round: &[Job]) {
    for command in round.iter().flat_map(|job| &job.commands) {
        crash::point(when, command.name());
    }
}
