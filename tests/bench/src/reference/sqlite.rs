//! What a durable commit costs in plain SQLite, with the durability that the receiver asks for, through the same sqlx.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use crate::stats::{Latencies, Spread};
use crate::usage::cpu_time;

/// Bytes of a row: the content of a submission.
const ROW: usize = 2048;
/// Rows of a grouped commit: the submissions in flight.
pub(crate) const GROUP: usize = 128;

/// What was measured.
pub(crate) struct Commits {
    /// One row a commit; times of each.
    pub(crate) single: Latencies,
    pub(crate) single_per_second: Spread,
    /// Rows per second with [`GROUP`] rows a commit, one value per repetition.
    pub(crate) grouped_per_second: Vec<f64>,
    /// CPU time of a row's share of a grouped commit, in microseconds.
    pub(crate) share_cpu: Spread,
}

/// Both ways, several times.
pub(crate) fn measure(folder: &Path, repetitions: usize, window: Duration) -> Result<Commits> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut database = open(&folder.join("plain.sqlite")).await?;
        let mut single = Latencies::default();
        let (mut singles, mut groups, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..repetitions {
            singles.push(rate(&mut database, 1, window, Some(&mut single)).await?);
            let before = cpu_time(std::process::id())?;
            let per_second = rate(&mut database, GROUP, window, None).await?;
            let used = cpu_time(std::process::id())?.saturating_sub(before);
            shares.push(used.as_secs_f64() * 1e6 / (per_second * window.as_secs_f64()));
            groups.push(per_second);
        }
        database.close().await?;
        Ok(Commits {
            single,
            single_per_second: Spread::of(singles).context("no repetition")?,
            grouped_per_second: groups,
            share_cpu: Spread::of(shares).context("no repetition")?,
        })
    })
}

async fn open(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .page_size(8192)
        .disable_statement_logging();
    let mut database = SqliteConnection::connect_with(&options).await?;
    sqlx::query("CREATE TABLE item (id INTEGER PRIMARY KEY, content BLOB NOT NULL)").execute(&mut database).await?;
    Ok(database)
}

/// Rows per second with so many rows a commit.
async fn rate(
    database: &mut SqliteConnection,
    group: usize,
    window: Duration,
    mut latencies: Option<&mut Latencies>,
) -> Result<f64> {
    let content = vec![0xa5; ROW];
    let (since, mut rows) = (Instant::now(), 0_u32);
    while since.elapsed() < window {
        let begun = Instant::now();
        let mut transaction = database.begin().await?;
        for _ in 0..group {
            let insert = sqlx::query("INSERT INTO item (content) VALUES ($1)").bind(&content);
            insert.execute(&mut *transaction).await?;
            rows += 1;
        }
        transaction.commit().await?;
        if let Some(latencies) = &mut latencies {
            latencies.add(begun.elapsed());
        }
    }
    Ok(f64::from(rows) / since.elapsed().as_secs_f64())
}
