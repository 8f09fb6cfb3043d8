//! The only task that writes. Whatever was queued while the last commit was being fsynced goes into the next one, so
//! the number of fsyncs does not grow with the number of streams (group commit).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AnyConnection, Connection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::apply::apply;
use super::command::{Command, Outcome};
use super::engine::{self, Engine};
use super::error::{Refused, StoreError, describe};
use crate::crash;

/// Most commands of one transaction.
const MAX_ROUND: usize = 256;
/// Most commands that wait.
const QUEUE: usize = 1024;
/// Most memory that queued commands hold, in KiB. Whoever wants to queue more waits: that is the back-pressure.
const QUEUE_KIB: usize = 8 * 1024;

/// The answer to a queued command.
pub type Answer = oneshot::Receiver<Result<Outcome, StoreError>>;

struct Job {
    command: Command,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
    /// Gives its share of the queue's memory back when the job is dropped.
    _share: OwnedSemaphorePermit,
}

/// Puts commands into the writer's queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Job>,
    memory: Arc<Semaphore>,
    commits: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the writer. It stops, and closes its connection, when every queue handle is dropped.
    pub(super) fn start(engine: Engine, connection: AnyConnection) -> (Self, tokio::task::JoinHandle<()>) {
        let (jobs, queued) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            engine,
            connection: Some(connection),
            failing: false,
            must_truncate: false,
            commits: Arc::clone(&commits),
        };
        let task = tokio::spawn(writer.run(queued));
        (Self { jobs, memory: Arc::new(Semaphore::new(QUEUE_KIB)), commits }, task)
    }

    /// Transactions that became durable so far.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Queues a command behind all that the caller queued before; waits for room. The answer comes when it is durable.
    pub(super) async fn push(&self, command: Command) -> Result<Answer, StoreError> {
        let kib = command.weight().div_ceil(1024).clamp(1, QUEUE_KIB);
        let kib = u32::try_from(kib).expect("at most QUEUE_KIB");
        let share = Arc::clone(&self.memory).acquire_many_owned(kib).await.map_err(|_| StoreError::Stopped)?;
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { command, answer, _share: share }).await.map_err(|_| StoreError::Stopped)?;
        Ok(answered)
    }
}

struct Writer {
    engine: Engine,
    /// None after a failure: the next round opens a new one, because a failed commit leaves a connection in doubt.
    connection: Option<AnyConnection>,
    failing: bool,
    must_truncate: bool,
    commits: Arc<AtomicU64>,
}

impl Writer {
    async fn run(mut self, mut queued: mpsc::Receiver<Job>) {
        let mut round = Vec::new();
        while queued.recv_many(&mut round, MAX_ROUND).await > 0 {
            let result = self.write(&round).await;
            self.note(&result);
            match result {
                Ok(answers) => {
                    for (job, answer) in round.drain(..).zip(answers) {
                        // Nobody listens any more: the stream is gone, the data are stored all the same.
                        let _ = job.answer.send(answer);
                    }
                }
                Err(error) => {
                    let reason: Arc<str> = describe(&error).into();
                    for job in round.drain(..) {
                        let _ = job.answer.send(Err(StoreError::Unavailable(Arc::clone(&reason))));
                    }
                }
            }
        }
        if let Some(mut connection) = self.connection.take() {
            let _ = engine::truncate_log(&mut connection).await;
            let _ = connection.close().await;
        }
    }

    /// One transaction. On `Err` nothing of it is acknowledged, and nothing of it counts as stored.
    async fn write(&mut self, round: &[Job]) -> Result<Vec<Result<Outcome, StoreError>>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.engine.connect().await?,
        };
        match transaction(&mut connection, round).await {
            Ok(answers) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.must_truncate |= round.iter().zip(&answers).any(|(job, answer)| job.command.has_shredded(answer));
                if self.must_truncate {
                    self.must_truncate = !engine::truncate_log(&mut connection).await.unwrap_or(false);
                }
                self.connection = Some(connection);
                Ok(answers)
            }
            Err(error) => {
                let _ = connection.close_hard().await;
                Err(error)
            }
        }
    }

    /// Says once that writing fails, and once that it works again.
    fn note<T>(&mut self, result: &Result<T, sqlx::Error>) {
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

async fn transaction(
    connection: &mut AnyConnection,
    round: &[Job],
) -> Result<Vec<Result<Outcome, StoreError>>, sqlx::Error> {
    sqlx::raw_sql(engine::BEGIN).execute(&mut *connection).await?;
    let mut answers = Vec::with_capacity(round.len());
    for job in round {
        answers.push(one(connection, &job.command).await?);
    }
    crash_at("before-commit", round);
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    crash_at("after-commit", round);
    Ok(answers)
}

/// One command. `Err` means that the whole round has failed; a command that merely does not fit is an answer.
async fn one(connection: &mut AnyConnection, command: &Command) -> Result<Result<Outcome, StoreError>, sqlx::Error> {
    match apply(connection, command).await {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(ApplyError::Answer(error)) => Ok(Err(error)),
        Err(ApplyError::Engine(error)) => Err(error),
    }
}

/// How a single command can fail.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// It does not fit, or meets a damaged row. It has changed nothing.
    Answer(StoreError),
    /// The engine failed: the round with it.
    Engine(sqlx::Error),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::Answer(error)
    }
}

impl From<Refused> for ApplyError {
    fn from(refused: Refused) -> Self {
        Self::Answer(refused.into())
    }
}

fn crash_at(when: &str, round: &[Job]) {
    for job in round {
        crash::point(when, job.command.name());
    }
}
