//! The offices: each with its own store and connections, on one thread per core, and a desk to ask it from outside.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::future::{join_all, try_join_all};
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::ticket::{Ticket, TicketId};
use schleuse_receiver::findings::Findings;
use schleuse_receiver::{Config, Handle, MintRequest, Receiver};
use schleuse_transport::exit::AppError;
use schleuse_transport::runtime::{Workers, available_cores, spawn_per_core};
use schleuse_transport::shutdown::Shutdown;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How long an office may take to look into what it has received.
const LOOKING: Duration = Duration::from_secs(3);
/// Submissions that it must have looked into.
const NEWEST: usize = 5;

/// All offices of the network.
pub(super) struct Offices {
    desks: Vec<Desk>,
    shutdown: Shutdown,
    threads: Workers<AppError>,
}

/// Where one office is asked. Its answers come from its own thread and its own store.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) office: MemberId,
    questions: mpsc::UnboundedSender<Question>,
}

/// One line of an office's inbox, with the hash of what is really stored.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: TicketId,
    pub(super) kind: PayloadKind,
    pub(super) sender: Option<MemberId>,
    pub(super) length: u64,
    /// Of the content as it was opened again from the store.
    pub(super) read_back: ContentHash,
    /// What the office itself found in it.
    pub(super) findings: Option<Findings>,
}

enum Question {
    Mint(Box<MintRequest>, oneshot::Sender<anyhow::Result<Ticket>>),
    Inbox(oneshot::Sender<anyhow::Result<Vec<Line>>>),
}

/// An office that is to be started: its configuration, and what it will be asked.
struct Opening {
    config: PathBuf,
    questions: mpsc::UnboundedReceiver<Question>,
}

impl Offices {
    /// Starts an office for every configuration file.
    pub(super) async fn start(configs: Vec<(MemberId, PathBuf)>) -> anyhow::Result<Self> {
        let threads = available_cores().min(NonZeroUsize::new(configs.len()).context("no office")?);
        let mut openings: Vec<Vec<Opening>> = (0..threads.get()).map(|_| Vec::new()).collect();
        let mut desks = Vec::new();
        for (index, (office, config)) in configs.into_iter().enumerate() {
            let (asked, questions) = mpsc::unbounded_channel();
            desks.push(Desk { office, questions: asked });
            openings[index % threads].push(Opening { config, questions });
        }
        let openings = Arc::new(Mutex::new(openings));
        let (opened, mut open) = mpsc::unbounded_channel();
        let shutdown = Shutdown::new();
        let work = move |_, shutdown| {
            let mine = openings.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            run_thread(mine, opened.clone(), shutdown)
        };
        let mut workers = spawn_per_core(threads, "office", &shutdown, work)?;
        for _ in 0..threads.get() {
            tokio::select! {
                _ = open.recv() => {}
                ended = workers.finished() => ended?,
            }
        }
        Ok(Self { desks, shutdown, threads: workers })
    }

    /// The desks, in the order of the plan.
    pub(super) fn desks(&self) -> &[Desk] {
        &self.desks
    }

    /// The desk of one office.
    pub(super) fn desk(&self, office: &MemberId) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.office == *office)
    }

    /// Lets all offices finish what they have begun.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.drain();
        Ok(self.threads.finished().await?)
    }
}

impl Desk {
    /// Has a ticket made.
    pub(super) async fn mint(&self, request: MintRequest) -> anyhow::Result<Ticket> {
        self.ask(|answer| Question::Mint(Box::new(request), answer)).await
    }

    /// Reads the whole inbox, newest first, and every content in it.
    async fn inbox(&self) -> anyhow::Result<Vec<Line>> {
        self.ask(Question::Inbox).await
    }

    /// The same, once the office has looked into the newest ones: it counts guests and flags after the receipt.
    pub(super) async fn settled_inbox(&self) -> anyhow::Result<Vec<Line>> {
        let deadline = Instant::now() + LOOKING;
        loop {
            let lines = self.inbox().await?;
            let settled = lines.iter().take(NEWEST).all(|line| line.findings.is_some());
            if settled || Instant::now() > deadline {
                return Ok(lines);
            }
            tokio::time::sleep(LOOKING / 20).await;
        }
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<anyhow::Result<T>>) -> Question) -> anyhow::Result<T> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(question(answer)).ok().with_context(|| format!("{} has stopped", self.office))?;
        answered.await.with_context(|| format!("{} has stopped", self.office))?
    }
}

/// Starts the offices of one thread, serves their desks, and ends them when asked to.
async fn run_thread(
    openings: Vec<Opening>,
    opened: mpsc::UnboundedSender<()>,
    shutdown: Shutdown,
) -> Result<(), AppError> {
    let start = |opening: Opening| async move {
        let handle = Receiver::start(Config::load(&opening.config)?).await?;
        handle.ready().await;
        Ok::<_, AppError>((handle, opening.questions))
    };
    let running = try_join_all(openings.into_iter().map(start)).await?;
    // Whoever waits for this may have given up because another thread failed.
    let _ = opened.send(());
    join_all(running.into_iter().map(|(handle, questions)| serve(handle, questions, &shutdown))).await;
    Ok(())
}

/// Answers side by side, so that an office can make several things durable at once.
async fn serve(handle: Handle, mut questions: mpsc::UnboundedReceiver<Question>, shutdown: &Shutdown) {
    let handle = Arc::new(handle);
    let mut answers = JoinSet::new();
    while let Some(Some(question)) = shutdown.unless_draining(questions.recv()).await {
        answers.spawn(answer(handle.clone(), question));
        while answers.try_join_next().is_some() {}
    }
    while answers.join_next().await.is_some() {}
    if let Some(handle) = Arc::into_inner(handle) {
        handle.shutdown().await;
    }
}

/// Who asked may be gone; then nobody needs the answer.
async fn answer(handle: Arc<Handle>, question: Question) {
    match question {
        Question::Mint(request, answer) => {
            let _ = answer.send(handle.mint(&request).await.map_err(Into::into));
        }
        Question::Inbox(answer) => {
            let _ = answer.send(inbox(&handle).await);
        }
    }
}

async fn inbox(handle: &Handle) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for entry in handle.all_submissions().await? {
        let content = handle.read(entry.id).await?.context("a submission of the inbox has no content")?;
        lines.push(Line {
            id: entry.id,
            kind: entry.kind,
            sender: entry.sender,
            length: content.len() as u64,
            read_back: ContentHash(Sha256::digest(&content).into()),
            findings: entry.findings,
        });
    }
    Ok(lines)
}
