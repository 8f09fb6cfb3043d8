//! The receiver's store alone, against plain SQLite: the commands of one submission, with as many at a time as in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::label::PayloadKind;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;
use schleuse_receiver::store::{Attempt, Command, Completion, NewSegment, NewTicket, NewUpload, Store};
use schleuse_seal::SigningKey;
use tokio::task::JoinSet;

use super::Ground;
use crate::bench::Bench;
use crate::reference::sqlite::GROUP;
use crate::report::{Aim, Row};
use crate::stats::Spread;

pub(super) fn measure(bench: &mut Bench, ground: &Ground) -> Result<()> {
    let window = Duration::from_secs_f64(bench.plan.seconds / 3.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rates = runtime.block_on(async {
        let folder = crate::net::place_for_data()?;
        let store = Arc::new(Store::open(&folder.path().join("store.sqlite"), None).await?);
        let mut rates = Vec::new();
        for _ in 0..bench.plan.repetitions {
            rates.push(rate(&store, window).await?);
        }
        store.close().await;
        Ok::<_, anyhow::Error>(rates)
    })?;
    let plain = ground.commits.grouped_per_second.clone();
    let ratio = Spread::of_ratios(&rates, &plain).context("no repetition")?;
    let row =
        Row::new("receiver's store: durable submissions, 128 at a time", "/s", Spread::of(rates).context("none")?)
            .against_with("plain SQLite, one row each, grouped", Spread::of(plain).context("none")?, ratio)
            .aim(Aim::RatioAtLeast(0.9));
    bench.report.rows.push(row);
    Ok(())
}

/// Submissions per second. The tickets are made beforehand and do not count.
async fn rate(store: &Arc<Store>, window: Duration) -> Result<f64> {
    let until = Instant::now() + window;
    let mut workers = JoinSet::new();
    for _ in 0..GROUP {
        let store = store.clone();
        workers.spawn(async move {
            let mut done = 0_u32;
            let mut paused = Duration::ZERO;
            while Instant::now() < until {
                let since = Instant::now();
                let batch = tickets(&store, 32).await?;
                paused += since.elapsed();
                for id in batch {
                    submission(&store, id).await?;
                    done += 1;
                }
            }
            Ok::<_, anyhow::Error>((done, paused))
        });
    }
    let since = Instant::now();
    let mut total = 0.0;
    let mut paused = Duration::ZERO;
    while let Some(worker) = workers.join_next().await {
        let (done, pause) = worker??;
        total += f64::from(done);
        paused += pause;
    }
    let minting = paused.as_secs_f64() / f64::from(u32::try_from(GROUP)?);
    Ok(total / (since.elapsed().as_secs_f64() - minting))
}

async fn tickets(store: &Store, count: usize) -> Result<Vec<TicketId>> {
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

/// What the daemon queues for a submission of 2 KiB, and the last answer, for which the receipt waits.
async fn submission(store: &Store, id: TicketId) -> Result<()> {
    let attempt = Attempt { ticket: id, number: 1, digest: [3; 32] };
    let kind: PayloadKind = "guest-list".parse().expect("a valid kind");
    let upload = format!("{:032x}", rand::random::<u128>());
    let begun_at = UnixSeconds(2);
    let begin = NewUpload { attempt, upload, kind, sender: None, key_sealed: vec![4; 72], begun_at };
    let segment = NewSegment { attempt, position: 0, ciphertext: vec![5; 2048 + 20], data_len: 2048 };
    let completion = Completion { attempt, position: 1, ciphertext: vec![6; 272], receipt: receipt(id, kind) };
    let begun = store.push(Command::Begin(begin)).await?;
    let stored = store.push(Command::Store(segment)).await?;
    let finished = store.push(Command::Finish(completion)).await?;
    begun.await??;
    stored.await??;
    finished.await??;
    Ok(())
}

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
    schleuse_seal::sign_receipt(body, &SigningKey::from_bytes(&[8; 32]))
}
