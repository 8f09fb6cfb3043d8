//! The writer's queue: how much waits in it, and what waits for company before it goes to the writer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::store::command::Command;
use crate::store::command::{Answer, Answers};
use crate::store::error::StoreError;

/// Most memory that queued commands hold, in KiB. Whoever wants to queue more waits: that is the back-pressure.
const QUEUE_KIB: usize = 8 * 1024;
/// So many jobs are company enough.
const BATCH: usize = 16;
/// How long the first job of a batch waits for company: up to two milliseconds, because the timer rounds up to its next
/// tick. A batch that leaves early does not cancel its timer, which may then send the next one before its time: harmless.
const PATIENCE: Duration = Duration::from_millis(1);

/// Commands of one caller that are written in one transaction.
pub(super) struct Job {
    pub(super) commands: Vec<Command>,
    pub(super) answer: oneshot::Sender<Answers>,
    /// Gives its share of the queue's memory back when the job is dropped.
    _share: OwnedSemaphorePermit,
}

/// Whether a job waits for others, so that they share a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Others are about to come: a moment is well spent.
    Expected,
    /// It goes to the writer at once, and whatever waits with it.
    Unexpected,
}

/// Puts commands into the writer's queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    waiting: Arc<Mutex<Vec<Job>>>,
    batches: mpsc::UnboundedSender<Vec<Job>>,
    memory: Arc<Semaphore>,
    commits: Arc<AtomicU64>,
}

impl Queue {
    pub(super) fn new(batches: mpsc::UnboundedSender<Vec<Job>>, commits: Arc<AtomicU64>) -> Self {
        Self { waiting: Arc::default(), batches, memory: Arc::new(Semaphore::new(QUEUE_KIB)), commits }
    }

    /// Transactions that became durable so far.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Queues commands behind all that the caller queued before; waits for room. The answer comes when all of them are
    /// durable.
    pub(crate) async fn push(&self, commands: Vec<Command>, company: Company) -> Result<Answer, StoreError> {
        let weight: usize = commands.iter().map(Command::weight).sum();
        let kib = u32::try_from(weight.div_ceil(1024).clamp(1, QUEUE_KIB)).expect("at most QUEUE_KIB");
        let share = Arc::clone(&self.memory).acquire_many_owned(kib).await.map_err(|_| StoreError::Stopped)?;
        let (answer, answered) = oneshot::channel();
        if self.add(Job { commands, answer, _share: share }, company)? {
            let queue = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(PATIENCE).await;
                // A writer that has stopped drops the jobs, and with them the answers.
                let _ = queue.send(&mut queue.waiting());
            });
        }
        Ok(answered)
    }

    /// Adds a job to those that wait, and sends them if there is nothing to wait for. Returns whether it is the first of
    /// a new batch.
    fn add(&self, job: Job, company: Company) -> Result<bool, StoreError> {
        let mut waiting = self.waiting();
        waiting.push(job);
        if company == Company::Unexpected || waiting.len() >= BATCH {
            self.send(&mut waiting)?;
            return Ok(false);
        }
        Ok(waiting.len() == 1)
    }

    /// Under the lock, so that batches come in the order of their jobs.
    fn send(&self, waiting: &mut Vec<Job>) -> Result<(), StoreError> {
        match std::mem::take(waiting) {
            none if none.is_empty() => Ok(()),
            batch => self.batches.send(batch).map_err(|_| StoreError::Stopped),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Job>> {
        self.waiting.lock().expect("nothing panics under this lock")
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("commands", &self.commands.len()).finish_non_exhaustive()
    }
}
