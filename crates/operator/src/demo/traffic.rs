//! The sending: every vendor gets tickets from offices and sends lists with the client library, as a vendor's program
//! does. All of it over the network's real sockets.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use schleuse_client::{Client, Receipt, Roots, VerifiedDirectory, load_directory};
use schleuse_payload::GUEST_LIST;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_receiver::{MintRequest, SenderRule};
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::runtime::{available_cores, spawn_per_core};
use schleuse_transport::shutdown::Shutdown;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ground::Ground;
use super::offices::{Desk, Offices};
use super::plan::Plan;
use crate::directory_tool::load_signing_key;

/// Longer than any office needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was sent.
pub(super) struct Traffic {
    pub(super) sent: Vec<Sent>,
    pub(super) took: Duration,
    pub(super) directory: VerifiedDirectory,
}

/// One list that was sent, or was to be sent.
pub(super) struct Sent {
    pub(super) submission: usize,
    pub(super) office: MemberId,
    pub(super) content: ContentHash,
    pub(super) length: u64,
    pub(super) outcome: Result<Delivered, String>,
}

/// What a vendor has afterwards.
pub(super) struct Delivered {
    pub(super) ticket: Ticket,
    pub(super) receipt: Receipt,
}

/// What all vendors' threads share.
struct Shared {
    plan: Arc<Plan>,
    clients: Vec<Client>,
    desks: Vec<Desk>,
    /// Submissions that nobody has begun, by vendor.
    open: Vec<Mutex<std::vec::IntoIter<usize>>>,
    done: mpsc::UnboundedSender<Sent>,
}

/// Sends everything that the plan wants.
pub(super) async fn run(plan: &Arc<Plan>, ground: &Ground, offices: &Offices, show: bool) -> anyhow::Result<Traffic> {
    let directory = load_directory(ground.directory(), ground.root_keys())?;
    let (done, mut results) = mpsc::unbounded_channel();
    let open = |vendor| (0..plan.submissions).filter(|number| plan.vendor_of(*number) == vendor).collect::<Vec<_>>();
    let clients = plan.vendors.iter().map(|vendor| client(ground, &directory, vendor));
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        clients: clients.collect::<anyhow::Result<_>>()?,
        desks: offices.desks().to_vec(),
        open: (0..plan.vendors.len()).map(|vendor| Mutex::new(open(vendor).into_iter())).collect(),
        done,
    });
    let threads = available_cores().min(NonZeroUsize::new(plan.vendors.len()).context("no vendor")?);
    let bar = progress_bar(plan.submissions, show);
    let begun = Instant::now();
    let work = move |core, _| run_thread(shared.clone(), core, threads);
    let mut workers = spawn_per_core(threads, "vendor", &Shutdown::new(), work)?;
    let mut sent = Vec::with_capacity(plan.submissions);
    while sent.len() < plan.submissions {
        tokio::select! {
            Some(one) = results.recv() => {
                sent.push(one);
                bar.inc(1);
            }
            ended = workers.finished(), if sent.len() < plan.submissions => ended?,
        }
    }
    let took = begun.elapsed();
    bar.finish_and_clear();
    workers.finished().await?;
    sent.sort_by_key(|one| one.submission);
    Ok(Traffic { sent, took, directory })
}

/// A vendor's client, from the files that a vendor has.
pub(super) fn client(ground: &Ground, directory: &VerifiedDirectory, vendor: &MemberId) -> anyhow::Result<Client> {
    let key = load_signing_key(&ground.signing_key(vendor))?;
    Ok(Client::builder(directory.clone()).roots(Roots::load(&ground.ca())?).identity(*vendor, key).build()?)
}

/// The vendors of one thread, each with some sendings at a time.
async fn run_thread(shared: Arc<Shared>, thread: usize, threads: NonZeroUsize) -> Result<(), AppError> {
    let mut tasks = JoinSet::new();
    for vendor in (thread..shared.clients.len()).step_by(threads.get()) {
        for _ in 0..shared.plan.parallel_per_vendor() {
            tasks.spawn(work_off(shared.clone(), vendor));
        }
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(|error| AppError::new(exit::FAILURE, error))?;
    }
    for vendor in (thread..shared.clients.len()).step_by(threads.get()) {
        shared.clients[vendor].close().await;
    }
    Ok(())
}

async fn work_off(shared: Arc<Shared>, vendor: usize) {
    loop {
        let next = shared.open[vendor].lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(submission) = next else { return };
        let (plan, desk) = (&shared.plan, &shared.desks[shared.plan.office_of(submission)]);
        let content = plan.content(submission);
        let sent = Sent {
            submission,
            office: desk.office,
            content: ContentHash(Sha256::digest(&content).into()),
            length: content.len() as u64,
            outcome: deliver(&shared.clients[vendor], plan.vendors[vendor], desk, content)
                .await
                .map_err(|error| format!("{error:#}")),
        };
        // The collector ends only when it has everything, or when the demo fails.
        let _ = shared.done.send(sent);
    }
}

/// The main job: an office hands out a ticket, a vendor sends with it and keeps the receipt.
async fn deliver(client: &Client, vendor: MemberId, desk: &Desk, content: Bytes) -> anyhow::Result<Delivered> {
    let text = desk.mint(request(vendor)?).await?.to_uri();
    let ticket: Ticket = text.parse()?;
    let receipt = client.send(&ticket, content).kind(GUEST_LIST).patience(PATIENCE).await?;
    Ok(Delivered { ticket, receipt })
}

/// A ticket for a guest list of this vendor.
pub(super) fn request(vendor: MemberId) -> anyhow::Result<MintRequest> {
    let kind = Some(GUEST_LIST.parse()?);
    Ok(MintRequest { kind, sender: SenderRule::Member(vendor), ..MintRequest::default() })
}

/// Shown on a terminal only, and only when there is something to wait for.
fn progress_bar(submissions: usize, show: bool) -> ProgressBar {
    if !show || submissions < 100 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {bar:40} {pos} of {len} lists, {per_sec}, {eta} to go");
    ProgressBar::new(submissions as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
