//! The receiver's store alone, against plain SQLite: the commands of one submission, with as many at a time as in flight.
//!
//! The reference inserts as many rows of the same content, in as many commits as the store took for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::PayloadKind;
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;
use schleuse_receiver::store::{Attempt, Command, Company, Completion, NewSegment, NewTicket, NewUpload, Store};
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::reference::sqlite::{GROUP, Plain};
use crate::report::{Aim, Row};
use crate::stats::Spread;

/// More tickets than can be used.
const MOST_PER_SECOND: u128 = 60_000;

pub(super) fn measure(bench: &mut Bench) -> Result<()> {
    let window = Duration::from_secs_f64(bench.plan.seconds / 3.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = crate::net::place_for_data()?;
    let plain = Plain::open(&folder.path().join("plain.sqlite"))?;
    let store = runtime.block_on(Store::open(&folder.path().join("store.sqlite"), None))?;
    let store = Arc::new(store);
    let (mut rates, mut references, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.plan.repetitions {
        let run = runtime.block_on(run(&store, window))?;
        rates.push(run.per_second());
        groups.push(f64::from(run.submissions) / run.commits as f64);
        references.push(reference(&plain, &run)?);
    }
    runtime.block_on(store.close());
    let ratio = Spread::of_ratios(&rates, &references).context("no repetition")?;
    let row =
        Row::new("receiver's store: durable submissions, 128 at a time", "/s", Spread::of(rates).context("none")?)
            .against_with(
                "plain SQLite, as many rows of 2 KiB in as many fsynced commits",
                Spread::of(references).context("none")?,
                ratio,
            )
            .aim(Aim::RatioAtLeast(0.9));
    bench.report.rows.push(row);
    let groups = Spread::of(groups).context("none")?;
    bench.report.fact(
        "Plain SQLite, WAL, synchronous = FULL, rows of 2 KiB",
        "rows a commit beside the store",
        "",
        groups,
    );
    Ok(())
}

/// What the store did within a window.
struct Run {
    submissions: u32,
    commits: u64,
    elapsed: Duration,
}

impl Run {
    fn per_second(&self) -> f64 {
        f64::from(self.submissions) / self.elapsed.as_secs_f64()
    }
}

/// Rows per second of plain SQLite with the same rows and commits.
fn reference(plain: &Plain, run: &Run) -> Result<f64> {
    let (rows, commits) = (u64::from(run.submissions), run.commits.max(1));
    let since = Instant::now();
    for commit in 0..commits {
        let group = rows * (commit + 1) / commits - rows * commit / commits;
        plain.commit(usize::try_from(group)?)?;
    }
    Ok(f64::from(run.submissions) / since.elapsed().as_secs_f64())
}

/// [`GROUP`] workers that submit one after the other. The tickets are made beforehand and do not count.
async fn run(store: &Arc<Store>, window: Duration) -> Result<Run> {
    let each = usize::try_from(MOST_PER_SECOND * window.as_millis() / 1000)? / GROUP;
    let mut tickets = Vec::new();
    for _ in 0..GROUP {
        tickets.push(mint(store, each).await?);
    }
    let (since, before) = (Instant::now(), store.commits());
    let mut workers = JoinSet::new();
    for ids in tickets {
        let store = store.clone();
        workers.spawn(async move {
            let mut done = 0_u32;
            for id in ids {
                if since.elapsed() >= window {
                    break;
                }
                submission(&store, id).await?;
                done += 1;
            }
            Ok::<_, anyhow::Error>(done)
        });
    }
    let mut submissions = 0;
    while let Some(worker) = workers.join_next().await {
        submissions += worker??;
    }
    Ok(Run { submissions, commits: store.commits() - before, elapsed: since.elapsed() })
}

async fn mint(store: &Store, count: usize) -> Result<Vec<TicketId>> {
    let ids: Vec<TicketId> = (0..count).map(|_| TicketId(rand::random())).collect();
    let rows = ids.iter().map(|id| NewTicket {
        id: *id,
        ticket_sealed: vec![1; 340],
        key_sealed: vec![2; 80],
        reference_sealed: None,
        not_after: UnixSeconds(4_000_000_000),
        minted_at: UnixSeconds(1),
        max_bytes: 1 << 20,
        sender_rule: "anyone".into(),
        routes: vec![(RouteNonce(rand::random()), "inner-1".parse().expect("a valid id"))],
    });
    store.write(Command::AddTickets(rows.collect())).await?;
    Ok(ids)
}

/// What the daemon queues for a submission of 2 KiB; the receipt waits for the answer.
async fn submission(store: &Store, id: TicketId) -> Result<()> {
    let attempt = Attempt { ticket: id, number: 1, digest: [3; 32] };
    let kind: PayloadKind = "guest-list".parse().expect("a valid kind");
    let begin = NewUpload { attempt, key_sealed: vec![4; 72] };
    let segment = NewSegment { attempt, position: 0, ciphertext: vec![5; 2048 + 20], data_len: 2048 };
    let attestation = Attestation { ticket_hash: [7; 32], encapsulated_hash: [8; 32], signature: Signature([9; 64]) };
    let completion = Completion {
        attempt,
        position: 1,
        ciphertext: vec![6; 272],
        receipt: receipt(id, kind),
        attestation: Some(Box::new(attestation)),
    };
    let job = vec![Command::Begin(begin), Command::Store(segment), Command::Finish(completion)];
    for answer in store.push(job, Company::Expected).await?.await? {
        answer?;
    }
    Ok(())
}

/// As long as a real one. Signing it is no work of the store.
fn receipt(ticket: TicketId, kind: PayloadKind) -> Receipt {
    let body = ReceiptBody {
        version: schleuse_protocol::limits::VERSION,
        office: "office-1".parse().expect("a valid id"),
        ticket,
        kind,
        sender: None,
        length: 2048,
        content_hash: ContentHash([7; 32]),
        stored_at: UnixSeconds(3),
    };
    Receipt::assemble(body, &Signature([8; 64]))
}
